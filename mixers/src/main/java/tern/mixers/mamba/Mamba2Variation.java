package tern.mixers.mamba;

/**
 * What Falcon-H1 does otherwise in its Mamba-2 (arXiv 2507.22448).
 *
 * @param normed whether what is read is normalised; if not, it is gated alone
 * @param gateScale what z is multiplied by
 * @param stepScale what dt is multiplied by, before its bias is added
 */
public record Mamba2Variation(boolean normed, double gateScale, double stepScale) {
    /** Nothing otherwise. */
    public static final Mamba2Variation NONE = new Mamba2Variation(true, 1, 1);
}
