package tern.mixers.goldfinch;

import java.util.Objects;

import tern.sequence.MixerConfig;

/**
 * How a model with GOLD layers remembers. Not a property of what was trained: a model may be opened with another one.
 *
 * @param tier what is kept of each position
 * @param type how it is stored
 */
public record GoldCache(CacheTier tier, CacheType type) {
    /** Keys and values of every layer, as computed: the fastest. */
    public static final GoldCache FULL = new GoldCache(CacheTier.FULL, CacheType.F32);

    /** Checks that nothing is missing. */
    public GoldCache {
        Objects.requireNonNull(tier, "tier");
        Objects.requireNonNull(type, "type");
    }

    /** Whether layers make their keys and values of earlier positions again. */
    boolean rebuilds() {
        return tier != CacheTier.FULL;
    }

    /** A config that may remember in another way. */
    public interface Cached extends MixerConfig {
        /** How it remembers. */
        GoldCache cache();

        /** The same, remembering in another way. */
        Cached with(GoldCache other);
    }
}
