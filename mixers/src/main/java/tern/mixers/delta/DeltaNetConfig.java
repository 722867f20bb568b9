package tern.mixers.delta;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * The delta rule.
 *
 * @param heads H
 * @param keyWidth K of a head
 * @param valueWidth V of a head
 * @param shortFilter taps of the convolution over queries, keys and values, 4 in released models
 * @param decay what is forgotten besides
 * @param reflecting whether the rate goes up to 2
 * @param shared queries and keys that several value heads share, where they do (Qwen3-Next)
 * @param epsilon of the norm of what is read, where it is not 1e-5
 * @param gated whether the output is gated, where it is not so with a decay and not so without
 * @param products keys that a position writes to one after another, each with a value and a rate of its own, where it is more than
 *            one (DeltaProduct, arXiv 2502.10297); their product can turn and permute what single steps only mirror
 */
public record DeltaNetConfig(int heads, int keyWidth, int valueWidth, int shortFilter, Decay decay,
        boolean reflecting, Optional<SharedKeys> shared, Optional<Double> epsilon,
        Optional<Boolean> gated, Optional<Integer> products) implements MixerConfig {
    /** What a head forgets at each position. */
    public enum Decay {
        /** Nothing: DeltaNet. */
        NONE,
        /** A part of everything: Gated DeltaNet. */
        HEAD,
        /** A part of each key: Kimi Delta Attention. */
        KEY
    }

    /** Checks the numbers. */
    public DeltaNetConfig {
        Expect.atLeast("delta-net", "heads", heads, 1, "width/128 is usual");
        Expect.atLeast("delta-net", "keyWidth", keyWidth, 1, "128 is usual");
        Expect.atLeast("delta-net", "valueWidth", valueWidth, 1, "that of keys is usual, twice as much if gated");
        Expect.product("delta-net", "keyWidth", keyWidth, "heads", heads);
        Expect.product("delta-net", "valueWidth", valueWidth, "heads", heads);
        Expect.atLeast("delta-net", "shortFilter", shortFilter, 1, "4 in released models, 1 = no memory");
        int all = heads;
        shared.ifPresent(keys -> Expect.divides("delta-net", "shared.heads", keys.heads(), "number of heads", all));
        products.ifPresent(
                count -> Expect.atLeast("delta-net", "products", count, 1, "1 = one key a position, 2 to 4 are usual"));
        Expect.product("delta-net", "products", products.orElse(1), "channels of heads",
                heads * Math.max(keyWidth, valueWidth));
        epsilon.ifPresent(small -> Expect.within("delta-net", "epsilon", small, 0, 1, "1e-5 is usual"));
    }

    /** As many key heads as value heads. */
    public DeltaNetConfig(int heads, int keyWidth, int valueWidth, int shortFilter, Decay decay, boolean reflecting) {
        this(heads, keyWidth, valueWidth, shortFilter, decay, reflecting, Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.empty());
    }

    /** DeltaNet: heads as wide in values as in keys. */
    public static DeltaNetConfig plain(int heads, int keyWidth) {
        return new DeltaNetConfig(heads, keyWidth, keyWidth, 4, Decay.NONE, false);
    }

    /** Gated DeltaNet: values twice as wide as keys. */
    public static DeltaNetConfig gated(int heads, int keyWidth) {
        return new DeltaNetConfig(heads, keyWidth, 2 * keyWidth, 4, Decay.HEAD, false);
    }

    /** Gated, with value heads that share keys, as Qwen3-Next has it. */
    public static DeltaNetConfig grouped(int heads, SharedKeys shared, int keyWidth, int valueWidth, int shortFilter,
            double epsilon) {
        return new DeltaNetConfig(heads, keyWidth, valueWidth, shortFilter, Decay.HEAD, false, Optional.of(shared),
                Optional.of(epsilon), Optional.empty(), Optional.empty());
    }

    /** Whether the output is gated: with a decay, if nothing else is said. */
    boolean isGated() {
        return gated.orElse(decay != Decay.NONE);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new DeltaNet(this, at, scope);
    }
}
