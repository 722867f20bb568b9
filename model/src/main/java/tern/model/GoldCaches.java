package tern.model;

import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;

/** How stacks with GOLD layers remember: chosen when a model is opened, not when it is trained. */
public final class GoldCaches {
    private GoldCaches() {
    }

    /** Whether a stack has branches that can remember in several ways. */
    public static boolean offers(StackConfig config) {
        return config.branches().stream().anyMatch(GoldCache.Cached.class::isInstance);
    }

    /** The same stack, remembering in another way. */
    public static StackConfig with(StackConfig config, GoldCache cache) {
        return config.withBranches(config.branches().stream()
                .map(branch -> branch instanceof GoldCache.Cached cached ? cached.with(cache) : branch).toList());
    }

    /** Bytes of state of one sequence after so many positions, if the stack remembers like that. */
    public static long bytes(StackConfig config, GoldCache cache, long positions) {
        return new Stack(with(config, cache), Parameters.Source.shapesOnly()).stateBytes(positions);
    }

    /**
     * The fastest tier whose state fits: keys and values of all layers, else proto-keys, else compressed.
     *
     * @param bytes of state at most
     * @param positions that a sequence will have
     * @throws IllegalArgumentException if not even the compressed tier fits; says what it needs
     */
    public static GoldCache fitting(StackConfig config, CacheType type, long bytes, long positions) {
        for (CacheTier tier : new CacheTier[] {CacheTier.FULL, CacheTier.KEYS, CacheTier.COMPRESSED}) {
            GoldCache cache = new GoldCache(tier, type);
            if (bytes(config, cache, positions) <= bytes) {
                return cache;
            }
        }
        throw new IllegalArgumentException(
                "the state of %,d positions needs %,d bytes even compressed, but %,d are allowed; allow more, read less, or store it as %s"
                        .formatted(positions, bytes(config, new GoldCache(CacheTier.COMPRESSED, type), positions),
                                bytes,
                                type == CacheType.F32 ? "bf16 or int8" : "int8"));
    }
}
