package tern.mixers.statespace;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * ConvS5: the width is an image, {@code rows}·{@code columns} places with channels innermost.
 *
 * @param rows of the image
 * @param columns of the image; rows·columns divides the width
 * @param modes P complex modes of a place
 * @param blocks of LegS that the modes start as; divides P
 * @param kernel side of the square that a place is written and read through, 3 is usual; odd
 * @param steps where steps start, if not as published
 * @param rescale what steps are multiplied with, if anything: 2 reads what is sampled half as often as what was trained on
 */
public record ConvS5Config(int rows, int columns, int modes, int blocks, int kernel,
        Optional<StepRange> steps, Optional<Double> rescale) implements MixerConfig {
    /** Checks the numbers. */
    public ConvS5Config {
        Expect.atLeast("conv-s5", "rows", rows, 1, "the image's height");
        Expect.atLeast("conv-s5", "columns", columns, 1, "the image's width");
        Expect.atLeast("conv-s5", "modes", modes, 1, "as many as channels is usual");
        Expect.divides("conv-s5", "blocks", blocks, "number of modes", modes);
        Expect.that(kernel > 0 && kernel % 2 == 1,
                "conv-s5: kernel is " + kernel + ", expected an odd number (3 is usual, 1 = places by themselves)");
        rescale.ifPresent(factor -> Expect.within("conv-s5", "rescale", factor, 0, 1e6,
                "2 for half the rate of samples"));
    }

    /** Steps start as published, and stay what they are. */
    public ConvS5Config(int rows, int columns, int modes, int blocks, int kernel) {
        this(rows, columns, modes, blocks, kernel, Optional.empty(), Optional.empty());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new ConvS5(this, at, scope);
    }
}
