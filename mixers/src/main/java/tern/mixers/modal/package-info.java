/**
 * Gated recurrences with modal filters: what a Hyena or MultiHyena becomes when its long filters are replaced by sums of
 * decaying modes (Massaroli et al. 2023, arXiv 2310.18780, sections 3.1 to 3.4), in constant time and memory a position.
 *
 * <p>For each filter: y_t = Re Σ_n R_n s_n + Σ_m S_m r_m + h_0 x_t; s_n ← λ_n s_n + x_t; r_m ← ρ_m r_m + x_t, where x is a gated
 * stream, or the outer product of keys and values of a head.
 *
 * <p>Glossary. <em>Pair</em>: a complex pole λ and its conjugate, stored once, two floats of state. <em>Real</em>: a real pole
 * ρ, one float of state. <em>Residue</em>: the weight R or S of a mode. <em>Pass-through</em>: h_0, the whole contribution of
 * the newest input (a teacher's tap 0 plus its skip). <em>Bank</em>: the filters of one convolution, as in
 * {@code tern.mixers.hyena}. A <em>long convolution</em> is any mixer whose memory is such banks, however it computes them:
 * Hyena's filters, Mega's moving average, a stack of linear dilated convolutions; distillation knows no more of it than
 * {@link tern.mixers.modal.LongConvolutionMixer}, and finds them among the parts of {@link tern.mixers.modal.MixerOfParts}.
 * <em>Offset</em>: what is added to outputs whatever was read.
 */
@NullMarked
package tern.mixers.modal;

import org.jspecify.annotations.NullMarked;
