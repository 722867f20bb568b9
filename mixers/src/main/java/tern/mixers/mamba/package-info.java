/**
 * Selective state spaces with one decay a head, whose recurrence is gated linear attention: Mamba-2 (Dao and Gu 2024, arXiv
 * 2405.21060).
 *
 * <pre>
 * Δ = softplus(dt + step),  S ← e^(−Δ e^speed) S + B (Δ x)ᵀ,  y = W_o norm((SᵀC + skip·x) ⊙ silu(z))
 * </pre>
 *
 * <p>Glossary. <em>B</em> is what others call key, <em>C</em> query, x value; a group of heads shares B and C. <em>Step</em>: the bias
 * under the softplus (dt_bias). <em>Speed</em>: the logarithm of −A (A_log). <em>Skip</em>: D, a head's direct path.
 */
@NullMarked
package tern.mixers.mamba;

import org.jspecify.annotations.NullMarked;
