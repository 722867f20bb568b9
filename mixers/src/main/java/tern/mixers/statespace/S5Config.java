package tern.mixers.statespace;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * S5.
 *
 * @param modes P complex modes for all channels; half the width is usual
 * @param blocks of LegS that the modes start as; divides P
 * @param steps where steps start, if not as published
 * @param rescale what steps are multiplied with, if anything: 2 reads what is sampled half as often as what was trained on
 */
public record S5Config(int modes, int blocks, Optional<StepRange> steps,
        Optional<Double> rescale) implements MixerConfig {
    /** Checks the numbers. */
    public S5Config {
        Expect.atLeast("s5", "modes", modes, 1, "half the width is usual");
        Expect.divides("s5", "blocks", blocks, "number of modes", modes);
        rescale.ifPresent(factor -> Expect.within("s5", "rescale", factor, 0, 1e6,
                "2 for half the rate of samples"));
    }

    /** Steps start as published, and stay what they are. */
    public S5Config(int modes, int blocks) {
        this(modes, blocks, Optional.empty(), Optional.empty());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new S5(this, at, scope);
    }
}
