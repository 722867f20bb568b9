package tern.mixers.gla;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * HGRN2.
 *
 * @param headWidth K and V of a head, "expand ratio"; divides the width; 128 in released models
 */
public record Hgrn2Config(int headWidth) implements MixerConfig {
    /** Checks the number. */
    public Hgrn2Config {
        Expect.atLeast("hgrn2", "headWidth", headWidth, 1, "128 in released models");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Hgrn2(Expect.divides("hgrn2", "headWidth", headWidth, "width", at.width()), headWidth, at, scope);
    }
}
