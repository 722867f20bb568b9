/**
 * Long causal convolutions whose filters come from few numbers, otherwise than Hyena's: SGConv (Li et al. 2022, arXiv 2210.09298),
 * MultiresConv (Shi et al. 2023, arXiv 2305.01638), and a sine network of the lag as in CKConv (Romero et al. 2021, arXiv
 * 2102.02611), depthwise.
 *
 * <pre>
 * m = f(h * x + skip ⊙ x)                  each channel by itself
 * y = W_o m, or (W_a m) ⊙ σ(W_b m)         a layer around it
 * </pre>
 *
 * <p>Glossary. <em>Filter</em> h: one a channel, as long as the context. <em>Scale</em>: a stretch of an SGConv filter's lags, as long as
 * all before it together. <em>Level</em>: one of MultiresConv's convolutions with doubled dilation, split into averages and details.
 * A layer's filters can be distilled into modes, as those of Hyena.
 */
@NullMarked
package tern.mixers.longconv;

import org.jspecify.annotations.NullMarked;
