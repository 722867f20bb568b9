package tern.mixers.mega;

/** What attention adds to a score for the distance of key and query (arXiv 2209.10655; the released code). */
public enum RelativeBias {
    /** Nothing. */
    NONE,
    /** A trained number for every distance, up to a limit. */
    SIMPLE,
    /**
     * Two trained vectors turned against each other by the distance, B(i, j) = ⟨R_i a, R_j b⟩ with R the rotations of rotary
     * positions: no limit. Not a rotation of queries and keys.
     */
    ROTARY
}
