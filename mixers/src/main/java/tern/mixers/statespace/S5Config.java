package tern.mixers.statespace;

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
 */
public record S5Config(int modes, int blocks) implements MixerConfig {
    /** Checks the numbers. */
    public S5Config {
        Expect.atLeast("s5", "modes", modes, 1, "half the width is usual");
        Expect.divides("s5", "blocks", blocks, "number of modes", modes);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new S5(this, at, scope);
    }
}
