/**
 * Encoders that mix positions by fixed transforms: FNet (Lee-Thorp et al. 2021, arXiv 2105.03824) and Fourier Transformer (He et al.
 * 2023, arXiv 2305.15099). Both read in both directions: they take whole sequences and cannot step, stream or generate.
 *
 * <pre>
 * FNet                 y = Re F_time F_width x = C_T x C_D − S_T x S_D, over √(T·D)
 * Fourier Transformer  y = W_o U attention(W x̂), x̂ = U⁻ x
 * </pre>
 *
 * <p>Glossary. C, S: matrices of cosines and sines. <em>Shortening</em> U⁻: the first M coefficients of the cosine transform of T
 * positions, turned back as M positions, so that what changes slowly is kept; U, its transpose, is the way back. <em>Rate</em>: M/T.
 */
@NullMarked
package tern.mixers.fourier;

import org.jspecify.annotations.NullMarked;
