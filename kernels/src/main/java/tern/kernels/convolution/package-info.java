/**
 * Causal convolutions and what shapes their filters.
 *
 * <p>Glossary. <em>Taps</em> h_m: the filter, lag outermost. <em>Skip</em>: a gain on the current input, beside h_0.
 * <em>History</em>: past inputs, one row a position; its first {@code age} rows are filled. <em>Pending</em>: what inputs
 * before the current block of P positions contribute to the outputs of that block, so that one position costs O(P).
 */
@NullMarked
package tern.kernels.convolution;

import org.jspecify.annotations.NullMarked;
