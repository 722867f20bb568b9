/**
 * State spaces x' = A x + B u, y = C x + D u in discrete time, linear and the same at every position: with a diagonal A a channel
 * (S4D: Gu et al. 2022, arXiv 2206.11893), one for all channels (S5: Smith et al. 2022, arXiv 2208.04933; with images for channels
 * ConvS5: arXiv 2310.19694), as spiking neurons (PRF: arXiv 2410.03530), and with a dense A (LSSL: Gu et al. 2021, arXiv 2110.13985;
 * Legendre memory units: Voelker et al. 2019; Chilkuri and Eliasmith 2021, arXiv 2102.11417; arXiv 2402.04882).
 *
 * <pre>
 * zero-order hold  Ā = e^(ΔA),  B̄ = A⁻¹(Ā − 1) B;   bilinear  Ā = (1 − ΔA/2)⁻¹(1 + ΔA/2),  B̄ = (1 − ΔA/2)⁻¹ Δ B
 * </pre>
 *
 * <p>Glossary. A <em>mode</em> is an entry of a diagonal A, −<em>rate</em> + i·<em>phase</em>; of two conjugate ones the one with the
 * positive phase is kept. <em>Step</em>: the logarithm of Δ. <em>LegS</em>: HiPPO's matrix, whose state holds the coefficients of the
 * whole past on Legendre polynomials; its <em>normal part</em> is what a matrix of rank one away from it is normal.
 * <em>Taps</em>: C Ā^τ B̄, the filter that the recurrence is. A <em>free</em> response is what a state gives without inputs.
 */
@NullMarked
package tern.mixers.statespace;

import org.jspecify.annotations.NullMarked;
