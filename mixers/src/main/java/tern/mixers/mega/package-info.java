/**
 * Mega: gated attention with a cheap sequence operator in front of it, which knows positions and reaches beyond the chunk that
 * attention is confined to (Ma et al. 2022, arXiv 2209.10655); TCNCA is the same layer with dilated convolutions in that place
 * (Terzić et al. 2023, arXiv 2312.05605).
 *
 * <pre>
 * x̂ = norm(x);  v = SiLU(W_v x̂);  m = mover(x̂);  [u | ζ | r | c] = W_m m  (σ of u, SiLU of ζ and r)
 * Q = ζ ⊙ γ₀ + β₀;  K = ζ ⊙ γ₁ + β₁;  O = attention(Q, K, v);  y = u ⊙ (SiLU(c + W_h (r ⊙ O)) − x)
 * </pre>
 *
 * <p>Glossary. The <em>mover</em> is the operator in front of the attention: any {@link tern.sequence.SequenceMixer} of the
 * stack's width that reads no wires, configured by a config of its own. The <em>damped moving average</em>: N decaying averages
 * of every channel, h ← q h + p β x with q = 1 − p·a, read by γ/√N; p is the <em>input gain</em> σ(δ), a the <em>damping</em>
 * σ(α). (The published tensor {@code delta} plays the paper's α and the tensor {@code alpha} its δ.) A <em>chunk</em> is C
 * positions that attention looks at together; only the mover reaches over its borders. The <em>relative bias</em> is added to
 * scores and depends on the distance of query and key alone.
 */
@NullMarked
package tern.mixers.mega;

import org.jspecify.annotations.NullMarked;
