package tern.mixers.gla;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Gated linear attention.
 *
 * @param heads H; divides the width; 4 in the paper
 * @param keyWidth K of a head; half of width/heads in the paper
 * @param rank of the map to the decays, 16 in the paper
 * @param patience what log-decays are divided by, 16 in the paper: without it a key would be forgotten in a position or two
 * @param epsilon of the norm of what is read, where it is not 1e-5
 */
public record GlaConfig(int heads, int keyWidth, int rank, double patience,
        Optional<Double> epsilon) implements MixerConfig {
    /** Checks the numbers. */
    public GlaConfig {
        Expect.atLeast("gla", "heads", heads, 1, "4 in the paper");
        Expect.atLeast("gla", "keyWidth", keyWidth, 1, "half of width/heads in the paper");
        Expect.product("gla", "keyWidth", keyWidth, "heads", heads);
        Expect.atLeast("gla", "rank", rank, 1, "16 in the paper");
        Expect.within("gla", "patience", patience, 0, 1e6, "16 in the paper");
        epsilon.ifPresent(small -> Expect.within("gla", "epsilon", small, 0, 1, "1e-5 is usual"));
    }

    /** The usual epsilon. */
    public GlaConfig(int heads, int keyWidth, int rank, double patience) {
        this(heads, keyWidth, rank, patience, Optional.empty());
    }

    /** As in the paper. */
    public static GlaConfig of(int heads, int keyWidth) {
        return new GlaConfig(heads, keyWidth, 16, 16);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Gla(this, Expect.divides("gla", "heads", heads, "width", at.width()), at, scope);
    }
}
