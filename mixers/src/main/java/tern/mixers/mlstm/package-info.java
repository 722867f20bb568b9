/**
 * mLSTM, the matrix memory of xLSTM (Beck et al. 2024, arXiv 2405.04517; sigmoid input gate: 2025, arXiv 2503.14376).
 *
 * <pre>
 * exponential  C ← σ(f) C + e^i k vᵀ,  n ← σ(f) n + e^i k,  h = Cᵀq / max(|n·q|, 1)
 * sigmoid      C ← σ(f) C + σ(i) k vᵀ,                      h = Cᵀq
 * y = W_o(σ(W_og x) ⊙ norm_h(h)),  q divided by √K
 * </pre>
 *
 * <p>Glossary. <em>Stabiliser</em> m: the largest exponent of what was written and not yet forgotten, by which C and n are kept
 * divided, so that e^i never overflows; it starts at 0. <em>Cap</em>: gates pass cap·tanh(·/cap). n is kept as one more column of
 * C, whose values are ones.
 */
@NullMarked
package tern.mixers.mlstm;

import org.jspecify.annotations.NullMarked;
