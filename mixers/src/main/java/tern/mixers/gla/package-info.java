/**
 * Recurrences over a matrix a head whose decay depends on the token, key by key: gated linear attention (Yang et al. 2023,
 * arXiv 2312.06635) and HGRN2 (Qin et al. 2024, arXiv 2404.07904).
 *
 * <pre>
 * GLA    S ← diag(e^g) S + k vᵀ,  y = W_o(norm_h(Sᵀq) ⊙ swish(W_g x))      g = ln σ(W_2 W_1 x + b)/16
 * HGRN2  S ← diag(f) S + (1 − f) vᵀ,  y = W_o norm(Sᵀq)                    f = bound + (1 − bound) σ(W_f x), q = swish
 * </pre>
 *
 * <p>Glossary. <em>Bound</em>: the least that HGRN2 keeps of a key, 0 in the first layer and rising with depth.
 */
@NullMarked
package tern.mixers.gla;

import org.jspecify.annotations.NullMarked;
