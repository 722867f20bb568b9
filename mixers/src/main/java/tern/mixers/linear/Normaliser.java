package tern.mixers.linear;

/** What the values that linear attention reads are divided by. */
public enum Normaliser {
    /** Nothing; each head is normalised by its root mean square instead. */
    NONE,
    /** φ(q)·Σφ(k) + 1e-6. */
    SUM,
    /** The same with means in place of sums, φ(q)·mean φ(k) + 1e-4, which does not depend on resolution (LinFusion). */
    MEAN
}
