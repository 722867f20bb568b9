package tern.mixers.goldfinch;

/** What GOLD layers keep of each position; results are the same. */
public enum CacheTier {
    /** Token and c, 1 + D/16 numbers: keys and values are made again whenever they are read. */
    COMPRESSED,
    /** Token and proto-key, 1 + D numbers. */
    KEYS,
    /** Keys and values of every layer, 2D numbers a layer: nothing is made again. */
    FULL
}
