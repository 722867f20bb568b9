package tern.mixers.tcn;

/** What a layer of a {@link DilatedStack} makes of its convolution. */
public enum DilatedVariant {
    /** g ← conv(g): all layers together are one linear filter of limited length. */
    LINEAR,
    /** g ← g + SiLU(conv(g)). */
    RESIDUAL_SILU
}
