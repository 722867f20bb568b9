package tern.mixers.statespace;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * S4D.
 *
 * @param modes complex modes of a channel, 32 is published
 * @param start where modes start
 * @param steps where steps start, if not as published
 * @param rescale what steps are multiplied with, if anything: 2 reads what is sampled half as often as what was trained on
 */
public record S4dConfig(int modes, ModeStart start, Optional<StepRange> steps,
        Optional<Double> rescale) implements MixerConfig {
    /** Checks the numbers. */
    public S4dConfig {
        Expect.atLeast("s4d", "modes", modes, 1, "32 is published");
        rescale.ifPresent(factor -> Expect.within("s4d", "rescale", factor, 0, 1e6,
                "2 for half the rate of samples"));
    }

    /** Steps start as published, and stay what they are. */
    public S4dConfig(int modes, ModeStart start) {
        this(modes, start, Optional.empty(), Optional.empty());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new S4d(this, at, scope);
    }
}
