/**
 * The small dense float64 linear algebra that distillation needs, in plain Java and not exported: a Fourier transform,
 * Householder triangularisation, symmetric and general eigenvalues, one-sided Jacobi singular values.
 *
 * <p>
 * Matrices are {@code double[]} in column-major order: entry (i, j) of a matrix with {@code rows} rows is
 * {@code a[j * rows + i]}. The sizes are those of filters: thousands of rows, at most a few hundred columns. Every routine
 * is deterministic, sequential and free of shared state, so that filters can be worked on in parallel with the same bits.
 */
package tern.distil.linear;
