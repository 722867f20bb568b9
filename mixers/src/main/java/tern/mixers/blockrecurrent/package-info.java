/**
 * Attention over a window, and beside it over states that every window changes once (Block-Recurrent Transformer, Hutchins et al. 2022,
 * arXiv 2203.07852).
 *
 * <pre>
 * y_t = W_o[ softmax(σ₁ q¹_t·k_s + bias_(t−s)) v_s over the last W positions | softmax(σ₂ q²_t·k'_m) v'_m over the M states ]
 * h = W_h[ softmax(σ₃ q'¹·k'_m) v'_m over the states | softmax(σ₄ q'²·k_s) v_s over the window and the one before ]     at a window's end
 * S ← g ⊙ S + (1 − g) ⊙ h        k', v', q' from norm(S) + E
 * </pre>
 *
 * <p>Glossary. <em>Window</em>: W positions, counted from the sequence's first; a position reads the last W, which lie in two windows.
 * <em>State</em> S [M,D]: M vectors, all positions of a window read those of the windows before it; E tells them apart. <em>Gate</em>: g may
 * be learned once for all, or be made from what the state reads, or be two gates as an LSTM has them. Queries and keys have length 1;
 * each head has a scale σ of its own.
 *
 * <p>What the gate gives takes the place of a residual sum and of a network behind it (the paper's "skip", its best for the cost). States
 * move at window borders in generation too, which the published code leaves out.
 */
@NullMarked
package tern.mixers.blockrecurrent;

import org.jspecify.annotations.NullMarked;
