package tern.model;

/** The normalisation in front of every branch and of the head. */
public enum NormKind {
    /** Root mean square, with a gain. */
    RMS,
    /** Mean and variance, with a gain and a bias. */
    LAYER,
    /** Mean and variance, nothing trained. */
    LAYER_PLAIN
}
