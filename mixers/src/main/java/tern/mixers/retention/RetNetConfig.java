package tern.mixers.retention;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * RetNet's retention.
 *
 * @param heads H; divides the width so that heads are even
 * @param valueFactor width of values over that of keys, 2 in the paper
 * @param variation what is otherwise than released, if anything
 */
public record RetNetConfig(int heads, int valueFactor,
        Optional<RetNetVariation> variation) implements MixerConfig {
    /** Checks the numbers. */
    public RetNetConfig {
        Expect.atLeast("retnet", "heads", heads, 1, "width/256 is usual");
        Expect.atLeast("retnet", "valueFactor", valueFactor, 1, "2 in the paper");
    }

    /** As released. */
    public RetNetConfig(int heads, int valueFactor) {
        this(heads, valueFactor, Optional.empty());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        int keyWidth = Expect.divides("retnet", "heads", heads, "width", at.width());
        Expect.that(keyWidth % 2 == 0, "retnet: a head is " + keyWidth
                + " wide, but pairs of channels turn; choose heads so that it is even");
        Expect.product("retnet", "valueFactor", valueFactor, "width", at.width());
        return new RetNet(this, keyWidth, at, scope);
    }
}
