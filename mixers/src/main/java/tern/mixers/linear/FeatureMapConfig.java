package tern.mixers.linear;

import tern.mixers.parts.Expect;

/**
 * Features of queries and keys.
 *
 * @param kind the function
 * @param width r of maps that are learned (HADAMARD, LEARNED_RELU, HEDGEHOG), number of rolls of DPFP; not read by others
 * @param tied whether queries and keys share what is learned
 */
public record FeatureMapConfig(Kind kind, int width, boolean tied) {
    /** Feature functions of a head's query or key x [K]. */
    public enum Kind {
        /** x + 1 above 0, e^x below (arXiv 2006.16236); K features. */
        ELU_PLUS_ONE,
        /** max(x, 0); K features. */
        RELU,
        /** x; K features of any sign. */
        IDENTITY,
        /** W_1 x ⊙ W_2 x; r features of any sign. */
        HADAMARD,
        /** z ⊙ z rolled by 1 … r with z = [relu(x), relu(−x)] (Schlag et al. 2021, arXiv 2102.11174); 2·K·r features. */
        DPFP,
        /** [1, x/K^¼, x⊗x/√(2√K·√K)], whose products are e^(q·k/√K) to second order (arXiv 2407.05483); 1 + K + K². */
        TAYLOR,
        /** relu(W x + b), T2R's (Kasai et al. 2021, arXiv 2103.13076); r features. */
        LEARNED_RELU,
        /** [softmax(W x), softmax(−W x)] (Zhang et al. 2024, arXiv 2402.04347); 2·r features. */
        HEDGEHOG
    }

    /** Checks the width. */
    public FeatureMapConfig {
        Expect.atLeast("feature map", "width", width, 1, "the head width is usual, 1 where it is not read");
    }

    /** A function without parameters. */
    public static FeatureMapConfig of(Kind kind) {
        return new FeatureMapConfig(kind, 1, true);
    }

    /** A learned map, of its own for queries and for keys. */
    public static FeatureMapConfig learned(Kind kind, int width) {
        return new FeatureMapConfig(kind, width, false);
    }

    /**
     * Number of features of a head whose queries and keys have K channels.
     *
     * @throws IllegalArgumentException if they are too many to be counted
     */
    public int features(int keyWidth) {
        return switch (kind) {
            case ELU_PLUS_ONE, RELU, IDENTITY -> keyWidth;
            case HADAMARD, LEARNED_RELU -> width;
            case DPFP -> 2 * Expect.product("feature map", "width", width, "keyWidth", keyWidth);
            case TAYLOR -> 1 + keyWidth + Expect.product("feature map", "keyWidth", keyWidth, "keyWidth", keyWidth);
            case HEDGEHOG -> Expect.product("feature map", "width", width, "signs", 2);
        };
    }

    /** Whether features may be negative, so that a sum of products may come near 0. */
    boolean signed() {
        return kind == Kind.IDENTITY || kind == Kind.HADAMARD;
    }
}
