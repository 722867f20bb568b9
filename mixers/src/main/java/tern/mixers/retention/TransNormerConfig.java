package tern.mixers.retention;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * TransNormer's mixer, lightning attention.
 *
 * @param heads H; divides the width
 * @param positions whether queries and keys carry positions (LRPE), which doubles the state; released models do so in the
 *            first layer
 */
public record TransNormerConfig(int heads, boolean positions) implements MixerConfig {
    /** Checks the numbers. */
    public TransNormerConfig {
        Expect.atLeast("transnormer", "heads", heads, 1, "width/128 is usual");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new TransNormer(this, Expect.divides("transnormer", "heads", heads, "width", at.width()), at, scope);
    }
}
