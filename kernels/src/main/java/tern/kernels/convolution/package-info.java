/**
 * Causal convolutions and what shapes their filters.
 *
 * <p>Glossary. <em>Taps</em> h_m: the filter, lag outermost. <em>Skip</em>: a gain on the current input, beside h_0.
 * <em>History</em>: past inputs, one row a position; its first {@code age} rows are filled. <em>Pending</em>: what inputs
 * before the current block of P positions contribute to the outputs of that block, so that one position costs O(P).
 * <em>Dilation</em>: positions from tap to tap. <em>Ring</em>: the inputs that a dilated layer still meets, position p in row p
 * mod rows. <em>Column</em>: one vector of channels of one sequence, which depthwise dilated layers go through as one task.
 * <em>Window</em>: the packed rows of a column that a layer reads for a block.
 */
@NullMarked
package tern.kernels.convolution;

import org.jspecify.annotations.NullMarked;
