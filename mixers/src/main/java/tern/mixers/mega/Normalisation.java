package tern.mixers.mega;

/** How a unit normalises a position. */
public enum Normalisation {
    /** Mean and variance over channels, with a gain and a bias for each channel. */
    LAYER,
    /** Mean and variance over channels, nothing trained. */
    LAYER_PLAIN,
    /** Root mean square over channels, with a gain for each channel. */
    RMS,
    /** Root mean square over channels, with one gain for all. */
    SCALE
}
