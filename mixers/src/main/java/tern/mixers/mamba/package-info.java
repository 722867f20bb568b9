/**
 * Selective state spaces: Mamba with a decay for each state of each channel (Gu and Dao 2023, arXiv 2312.00752), and Mamba-2 with
 * one decay a head, whose recurrence is gated linear attention (Dao and Gu 2024, arXiv 2405.21060).
 *
 * <pre>
 * Mamba:    h ← e^(−Δ e^speed) ⊙ h + B (Δ x)ᵀ,  y = W_o((hᵀC + skip ⊙ x) ⊙ silu(z))
 * Mamba-2:
 * Δ = softplus(dt + step),  S ← e^(−Δ e^speed) S + B (Δ x)ᵀ,  y = W_o norm((SᵀC + skip·x) ⊙ silu(z))
 * </pre>
 *
 * <p>Glossary. <em>B</em> is what others call key, <em>C</em> query, x value; a group of heads shares B and C. <em>Step</em>: the bias
 * under the softplus (dt_bias). <em>Speed</em>: the logarithm of −A (A_log). <em>Skip</em>: D, a head's direct path.
 */
@NullMarked
package tern.mixers.mamba;

import org.jspecify.annotations.NullMarked;
