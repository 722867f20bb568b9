/**
 * Gated long convolutions: Hyena (Poli et al. 2023, arXiv 2302.10866) and MultiHyena (Massaroli et al. 2023, arXiv
 * 2310.18780, section 3.4).
 *
 * <p>Hyena of order N: with N + 1 streams (x⁰ … x^(N−1), v) of the input, for i = N−1 … 1: v ← h^i * (v ⊙ x^i) + skip^i ⊙ (v
 * ⊙ x^i); y = v ⊙ x⁰. So order N means N gates and N−1 long convolutions, as the released code has it; the paper's text
 * counts one convolution more. MultiHyena: y_t = Σ_(s≤t) h_(t−s)·(q_t·k_s)·v_s + skip·(q_t·k_t)·v_t with one filter for each
 * group of channels.
 *
 * <p>Glossary. <em>Bank</em>: the filters of one of the N−1 convolutions, one for each channel (Hyena) or group of channels
 * (MultiHyena). <em>Taps</em>: a bank's values [L,F], lag outermost. <em>Implicit filter</em>: taps given by a small network
 * of the lag instead of being parameters themselves. <em>Skip</em>: what the newest input contributes besides tap 0.
 * <em>Head width</em>: the number of channels that share a filter, n_h; published configs call it head_dim or num_heads.
 *
 * <p>The table of taps is made for the context of the stack and read from its beginning; it is never stretched to another
 * length. Inputs further back than the context contribute nothing.
 */
@NullMarked
package tern.mixers.hyena;

import org.jspecify.annotations.NullMarked;
