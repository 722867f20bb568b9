package tern.mixers.statespace;

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
 */
public record S4dConfig(int modes, ModeStart start) implements MixerConfig {
    /** Checks the numbers. */
    public S4dConfig {
        Expect.atLeast("s4d", "modes", modes, 1, "32 is published");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new S4d(this, at, scope);
    }
}
