package tern.mixers.attention;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Aaren.
 *
 * @param heads H; divides the width
 */
public record AarenConfig(int heads) implements MixerConfig {
    /** Checks the number. */
    public AarenConfig {
        Expect.atLeast("aaren", "heads", heads, 1, "1 = a single head as wide as the stack");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        Expect.divides("aaren", "heads", heads, "width", at.width());
        return new Aaren(this, at, scope);
    }
}
