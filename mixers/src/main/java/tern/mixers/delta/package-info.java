/**
 * Delta rules: a write replaces what the key held before (Schlag et al. 2021, arXiv 2102.11174; Yang et al. 2024, arXiv
 * 2406.06484), with decay (arXiv 2412.06464) for a head or key by key.
 *
 * <pre>
 * S ← e^g S,  S ← S + β k (v − Sᵀk)ᵀ,  y = W_o(norm_h(Sᵀq/√K) ⊙ silu(W_g x))      q, k of length 1
 * </pre>
 *
 * <p>Glossary. <em>Rate</em> β: the share of the old value that is replaced, σ(W_β x); twice as much lets a write reflect, 1 −
 * β then reaching −1, which tracking of parity needs (arXiv 2411.12537). The decay comes first and the correction sees what it
 * left.
 */
@NullMarked
package tern.mixers.delta;

import org.jspecify.annotations.NullMarked;
