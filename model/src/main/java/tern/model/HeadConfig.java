package tern.model;

/**
 * What a stack says of a sequence, where that is not the next token of every position. Immutable.
 *
 * <pre>
 * classification          MEAN, classes, c    pooled over the positions that count; c = 0: one matrix, else GELU between two
 * one class of two        PAIR, classes, c    the pooled rows of two sequences beside one another
 * regression, every step  NONE, values, 0
 * forecasting             LAST, horizon·channels, 0
 * </pre>
 *
 * @param pooling what the head reads
 * @param outputs numbers that come out of a row that is read: classes, values, or horizon times channels
 * @param inner channels of the layer with GELU between (Ma et al. 2022, arXiv 2209.10655, as published for Long Range Arena);
 *            0 for none
 * @param bias whether the last matrix adds a bias; values need one, classes do not
 */
public record HeadConfig(Pooling pooling, int outputs, int inner, boolean bias) {
    /** What a head reads of the last hidden rows [B,T,D]. */
    public enum Pooling {
        /** Every position, so there are B·T rows. */
        NONE,
        /** The mean over the positions of a sequence that count, so there are B rows. */
        MEAN,
        /**
         * The means of two sequences that stand side by side in the batch, one behind the other, so there are B/2 rows of 2D
         * (Tay et al. 2020, arXiv 2011.04006, section 2.3).
         */
        PAIR,
        /** The last position of a sequence that counts, so there are B rows. */
        LAST
    }

    /** Checks ranges. */
    public HeadConfig {
        if (outputs < 1) {
            throw new IllegalArgumentException("head: outputs is " + outputs + ", expected 1 or more");
        }
        if (inner < 0) {
            throw new IllegalArgumentException("head: inner is " + inner + ", expected 0 (one matrix) or more");
        }
    }

    /** One of several classes for the whole sequence. */
    public static HeadConfig classification(int classes, int inner) {
        return new HeadConfig(Pooling.MEAN, classes, inner, false);
    }

    /** One of several classes for two sequences together. */
    public static HeadConfig pair(int classes, int inner) {
        return new HeadConfig(Pooling.PAIR, classes, inner, false);
    }

    /** How many sequences there are to an answer: 2 where they are compared, else 1. */
    public int sequences() {
        return pooling == Pooling.PAIR ? 2 : 1;
    }

    /** Numbers at every position. */
    public static HeadConfig regression(int values) {
        return new HeadConfig(Pooling.NONE, values, 0, true);
    }

    /** Numbers for the steps after the last position, step by step. */
    public static HeadConfig forecast(int horizon, int channels) {
        return new HeadConfig(Pooling.LAST, Math.multiplyExact(horizon, channels), 0, true);
    }
}
