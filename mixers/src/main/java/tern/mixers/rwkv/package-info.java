/**
 * RWKV-4 to 7: time mixing as a decaying recurrence, channel mixing as a gated squared ReLU, and in both a glance at the
 * position before (Peng et al. 2023, arXiv 2305.13048; 2024, arXiv 2404.05892; 2025, arXiv 2503.14456).
 *
 * <pre>
 * RWKV-4  y = (Σ e^(k_i − (t−1−i)w) v_i + e^(u+k_t) v_t) / (the same sums without v), for each channel
 * RWKV-5  y = Sᵀr + (r·(u ⊙ k))v,  S ← diag(e^g)·S + k vᵀ            g a constant of the channel
 * RWKV-6  as RWKV-5                                                   g and the shares of token shift depend on the token
 * RWKV-7  S ← diag(e^g)·S − κ̂-row replaced + k vᵀ,  y = Sᵀr           diagonal plus rank one
 * </pre>
 *
 * <p>Glossary. <em>Receptance</em>: what a Transformer calls query. <em>Token shift</em>: x + (x_(t−1) − x) ⊙ share, where the
 * share is that of the position before (checkpoints of RWKV-4 and 5 store one minus it). <em>Bonus</em> u: the weight of a
 * position's own key and value. <em>Rate</em>: RWKV-7's in-context learning rate a. <em>First value</em>: the value of the
 * first RWKV-7 layer, from which later layers take a part; it travels on the wire {@code rwkv7.firstValue}.
 *
 * <p>States are laid out key axis before value axis, [H,K,V]. Group normalisation takes 64e-5 as epsilon in every released
 * model; rwkv.cpp takes 1e-5 for RWKV-5.
 */
@NullMarked
package tern.mixers.rwkv;

import org.jspecify.annotations.NullMarked;
