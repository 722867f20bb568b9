/**
 * Bodies that give a position the same bits whatever stands beside it, on top of any others: they take sequences one by one
 * and positions one by one where the body below would choose its way by how many there are.
 *
 * <p>Glossary. <em>Steady</em>: the numbers at a position are a function of the sequence's inputs up to there alone, bit for
 * bit; not of the batch, nor of where time was cut into calls.
 */
@NullMarked
package tern.kernels.steady;

import org.jspecify.annotations.NullMarked;
