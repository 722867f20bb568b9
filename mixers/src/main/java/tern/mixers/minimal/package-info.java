/**
 * Recurrent cells whose gates do not look at the state, so that training is one affine scan: minGRU and minLSTM (Feng et al. 2024,
 * arXiv 2410.01201).
 *
 * <pre>
 * minGRU:   z = σ(W_z x),                h ← (1 − z) ⊙ h + z ⊙ g(W_h x)
 * minLSTM:  f = σ(W_f x), i = σ(W_i x),  h ← f/(f+i) ⊙ h + i/(f+i) ⊙ g(W_h x)
 * </pre>
 *
 * <p>Glossary. <em>g</em> is x + ½ from 0 on and σ(x) below: continuous and never negative, so that h may be taken as a logarithm;
 * here it is not, the scan multiplies and adds.
 */
@NullMarked
package tern.mixers.minimal;

import org.jspecify.annotations.NullMarked;
