/**
 * Weights as files hold them: halves, and blocks of small integers with shared scales ({@link tern.tensor.Blocks} has their
 * layouts). They are decoded on the way from memory to the multiply–adds, a few rows at a time, so memory is read once and
 * only as wide as it is stored. Forward only.
 *
 * <p>Letters: R rows of x, W the weight; a <i>block</i> is what shares scales, a <i>group</i> the part of a block of 256
 * that has a small scale of its own.
 */
@NullMarked
package tern.kernels.stored;

import org.jspecify.annotations.NullMarked;
