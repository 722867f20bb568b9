package tern.mixers.statespace;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * LSSL.
 *
 * @param stateWidth N of each channel, 128 is published
 * @param scales how many steps there are, from the longest to the shortest; channels share them in equal parts
 * @param learned whether the discrete A and B of each step are trained, or stay LegS
 * @param steps longest and shortest step, if not the published 0.1 and 0.001
 */
public record LsslConfig(int stateWidth, int scales, boolean learned,
        Optional<StepRange> steps) implements MixerConfig {
    /** Checks the numbers. */
    public LsslConfig {
        Expect.atLeast("lssl", "stateWidth", stateWidth, 1, "128 is published");
        Expect.atLeast("lssl", "scales", scales, 1, "1 = one step for all channels");
    }

    /** Steps start as published. */
    public LsslConfig(int stateWidth, int scales, boolean learned) {
        this(stateWidth, scales, learned, Optional.empty());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        Expect.divides("lssl", "scales", scales, "width", at.width());
        return new Lssl(this, at, scope);
    }
}
