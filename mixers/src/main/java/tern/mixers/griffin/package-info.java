/**
 * The real-gated linear recurrent unit and the block around it, as Griffin and RecurrentGemma have it (De et al. 2024, arXiv
 * 2402.19427; Botev et al. 2024, arXiv 2404.07839). The other kind of layer of these models is {@code local-attention}.
 *
 * <pre>
 * r = σ(A x), i = σ(I x),  ln a = −8 r ⊙ softplus(Λ),  h ← a ⊙ h + √(1 − a²) ⊙ i ⊙ x,  y = W_o(h ⊙ gelu(W_y u))
 * </pre>
 *
 * <p>Glossary. <em>r</em> is the recurrence gate, <em>i</em> the input gate; both maps are block-diagonal, a block for each head.
 * <em>Λ</em> is the decay's parameter: e^(−softplus Λ) is a channel's decay at an eighth of the open gate.
 */
@NullMarked
package tern.mixers.griffin;

import org.jspecify.annotations.NullMarked;
