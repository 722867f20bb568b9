package tern.mixers.mega;

import tern.mixers.parts.Expect;

/** How a unit normalises a position. */
public enum Normalisation {
    /** Mean and variance over channels, with a gain and a bias for each channel. */
    LAYER,
    /** Mean and variance over channels, nothing trained. */
    LAYER_PLAIN,
    /** Root mean square over channels, with a gain for each channel. */
    RMS,
    /** Root mean square over channels, with one gain for all. */
    SCALE,
    /**
     * Mean and variance of each channel over the positions of all sequences of a batch in training and over those of training
     * afterwards, with a gain and a bias for each channel (Ioffe and Szegedy 2015, arXiv 1502.03167); what stands at a position
     * then depends on all others, so nothing that is normalised so streams.
     */
    BATCH;

    /**
     * Refuses what does not go with looking back only.
     *
     * @throws IllegalArgumentException naming the mixer
     */
    void requireWhole(String mixer, boolean causal) {
        Expect.that(this != BATCH || !causal,
                mixer + ": the norm is batch, which reads ahead in training, but causal is"
                        + " true; set norm=layer, or causal=false with a mover that reads in both directions");
    }
}
