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
    SOFTPLUS
}
