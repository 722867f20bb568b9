package tern.ops;

/** A function applied to every element. */
public enum Activation {
    /** x. */
    IDENTITY,
    /** max(x, 0). */
    RELU,
    /** max(x, 0)². */
    RELU_SQUARED,
    /** x·Φ(x) by its tanh approximation: x/2·(1 + tanh(√(2/π)(x + 0.044715x³))). */
    GELU,
    /** x·σ(x), also called swish. */
    SILU,
    /** σ(x) = 1/(1 + e^-x). */
    SIGMOID,
    /** tanh x. */
    TANH,
    /** e^x. */
    EXP,
    /** e^x − 1, with its relative precision kept near 0. */
    EXPM1,
    /** ln(1 + e^x), with its relative precision kept on both sides. */
    SOFTPLUS,
    /**
     * √(1 − e^(2x)), and 0 above 0: what a decay e^x leaves for the input if the variance is to stay (Griffin, arXiv 2402.19427,
     * section 2.4). The slope of the root is held at 1000, as in the released code, where x comes near 0.
     */
    COMPLEMENT,
    /**
     * 1 where x ≥ 0, else 0: whether a neuron fires. Its gradient is not its slope but that of ½ + arctan(πx)/π, the surrogate
     * of arXiv 2410.03530: 1/(1 + (πx)²).
     */
    SPIKE
}
