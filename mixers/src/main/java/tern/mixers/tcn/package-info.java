/**
 * Temporal convolutions: TCNCA (Terzić et al. 2023, arXiv 2312.05605), which puts dilated causal convolutions in front of
 * attention in chunks, and the residual block of the classic network (Bai et al. 2018, arXiv 1803.01271).
 *
 * <pre>
 * conv_l(g)_t = b_l + Σ_k W_l[k] ⊙ g_(t − k·f^l), k = 0..K−1;   g^(l+1) = g^l + SiLU(conv_l(g^l)), or conv_l(g^l)
 * m = SiLU(g^n + ω ⊙ x);   RF = 1 + (K−1)·(f^n − 1)/(f − 1)
 * </pre>
 *
 * <p>TCNCA's layer is {@link tern.mixers.mega.GatedAttention} with {@link tern.mixers.tcn.DilatedStack} as its mover; TCNCA-simple
 * leaves Mega's gates out. The paper has no published code: taps, variant and groups are fields of the config, and the
 * defaults are this project's.
 *
 * <p>Glossary. <em>Taps</em> K: positions that one layer meets. <em>Dilation</em>: how far apart they lie, f^l in layer l, with f
 * the <em>factor</em>. <em>Receptive field</em> RF: positions that an output depends on, its own included; beyond it nothing is
 * known, unlike in a recurrence, and within it nothing fades. <em>Ring</em>: a layer's last (K−1)·f^l inputs, position p in row
 * p mod (K−1)·f^l. <em>Weight normalisation</em>: a filter given by its direction and its length. What came before a sequence is
 * zero for every layer, biases included.
 */
@NullMarked
package tern.mixers.tcn;

import org.jspecify.annotations.NullMarked;
