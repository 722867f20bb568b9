package tern.mixers.gla;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * HGRN2.
 *
 * @param headWidth K and V of a head, "expand ratio"; divides the width; 128 in released models
 * @param epsilon of the norm of what is read, where it is not 1e-5
 */
public record Hgrn2Config(int headWidth, Optional<Double> epsilon) implements MixerConfig {
    /** Checks the number. */
    public Hgrn2Config {
        Expect.atLeast("hgrn2", "headWidth", headWidth, 1, "128 in released models");
        epsilon.ifPresent(small -> Expect.within("hgrn2", "epsilon", small, 0, 1, "1e-5 is usual"));
    }

    /** The usual epsilon. */
    public Hgrn2Config(int headWidth) {
        this(headWidth, Optional.empty());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Hgrn2(this, Expect.divides("hgrn2", "headWidth", headWidth, "width", at.width()), at, scope);
    }
}
