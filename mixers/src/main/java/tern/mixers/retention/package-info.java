/**
 * Recurrences over a matrix a head whose decay is a constant of the head: RetNet (Sun et al. 2023, arXiv 2307.08621) and
 * TransNormer with lightning attention (Qin et al. 2023, arXiv 2307.14995; 2024, arXiv 2401.04658).
 *
 * <pre>
 * RetNet       S ← γ_h S + k vᵀ,  y = W_o(swish(W_g x) ⊙ norm_h(Sᵀq))       γ_h = 1 − 2^(−5−h), q and k turned
 * TransNormer  S ← e^(−s) S + k vᵀ,  y = W_o(u ⊙ norm(Sᵀq))                 s from the head and the layer, q, k = silu
 * </pre>
 *
 * <p>Glossary. <em>LRPE</em>: linearised relative positions, [x cos(θn), x sin(θn)] with learned θ, which double the keys. The
 * <em>slope</em> s_h is that of ALiBi; layer l of L takes (1 − l/(L−1) + 1e-5) times as much, so that the last one hardly forgets.
 */
@NullMarked
package tern.mixers.retention;

import org.jspecify.annotations.NullMarked;
