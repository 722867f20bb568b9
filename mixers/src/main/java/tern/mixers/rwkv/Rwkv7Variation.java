package tern.mixers.rwkv;

/**
 * What RWKV-7 does otherwise where it took the place of a trained attention (ARWKV, in llama.cpp {@code arwkv7}).
 *
 * @param gated whether the output is gated
 * @param normalised whether what heads read is normalised
 */
public record Rwkv7Variation(boolean gated, boolean normalised) {
    /** Nothing otherwise. */
    public static final Rwkv7Variation NONE = new Rwkv7Variation(true, true);
}
