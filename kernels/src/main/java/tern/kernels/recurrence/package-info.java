/**
 * Recurrences over a matrix a head with decay (gated linear attention, RWKV-5 to 7, delta rules), and RWKV-4's weighted
 * average. The state S [K,V] has the key axis before the value axis. <em>Log-decay</em> is g ≤ 0, by whose exponential a row
 * of S shrinks at a position. A <em>probe</em> a reads the old state, a <em>rewrite</em> b says to which keys what was read
 * is added. <em>Read-after</em>: the output of a position sees what it wrote; <em>read-before</em>: it sees the state before,
 * plus its own pair weighed by a <em>bonus</em>. A <em>chunk</em> is a stretch of positions whose work is done as products of
 * matrices; a <em>sub-chunk</em> is a stretch so short that decays within it are taken pair by pair. A <em>checkpoint</em> is
 * the state before a chunk, kept for the backward pass.
 */
@NullMarked
package tern.kernels.recurrence;

import org.jspecify.annotations.NullMarked;
