package tern.ops;

/**
 * How attention turns the score S of a query and a key into the weight A of the key's value (Ma et al. 2022, arXiv
 * 2209.10655, section 3.3). n is the number of keys that the query may read.
 */
public enum Weighing {
    /** S = q·k/√K + bias; A = e^S, divided by the sum over all keys that are read. */
    SOFTMAX,
    /**
     * S = q·k/n + bias; A = ½(1 + erf((S − μ)/(σ√2))) with μ = √½ and σ = √(1/(4π)): between 0 and 1, not normalised, equal in
     * value and slope to {@link #RELU_SQUARED} at S = μ.
     */
    LAPLACE,
    /** S = q·k/n + bias; A = max(S, 0)², not normalised. */
    RELU_SQUARED
}
