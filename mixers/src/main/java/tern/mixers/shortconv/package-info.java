/**
 * Gated short convolutions: between attention layers, a few positions of memory are enough for most layers (LFM2, Liquid AI 2025,
 * arXiv 2511.23404).
 *
 * <pre>
 * b, c, x' = W x,   y = W_o(c ⊙ conv(b ⊙ x'))
 * </pre>
 *
 * <p>Glossary. <em>b</em> gates what comes in, <em>c</em> what goes out; neither passes a function. The convolution is causal, of a few
 * taps, each channel by itself.
 */
@NullMarked
package tern.mixers.shortconv;

import org.jspecify.annotations.NullMarked;
