/**
 * Channel mixers: layers that look at one position and remember nothing.
 *
 * <p>y = W_o·f(W_v x), or gated, y = W_o·(f(W_g x) ⊙ W_v x) (Shazeer 2020, arXiv 2002.05202).
 *
 * <p>Glossary. By the function f of the gate: <em>GLU</em> sigmoid, <em>ReGLU</em> ReLU, <em>GEGLU</em> GELU,
 * <em>SwiGLU</em> SiLU, <em>bilinear</em> none. <em>Inner</em> is the number of channels between the projections.
 */
@NullMarked
package tern.mixers.channel;

import org.jspecify.annotations.NullMarked;
