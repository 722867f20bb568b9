/**
 * Turning a long filter into a small recurrence: how large it must be, which one it is, and how far off it stays. Pure
 * float64 arithmetic on taps; no model, no data, no tensor.
 *
 * <p>
 * <b>Glossary.</b>
 * <ul>
 * <li><i>taps</i>: h_0 … h_{L-1}, a causal filter's impulse response. h_0 bypasses the state and is always kept apart.
 * <li><i>modal filter</i>: h_t = Re Σ R_n·λ_n^(t-1) + Σ c_m·ρ_m^(t-1) for t ≥ 1; λ, ρ are <i>poles</i>, R, c
 * <i>residues</i>.
 * <li><i>order</i>: always the real order, i.e. floats of state: 2 for each complex mode, 1 for each real one.
 * <li><i>nu, θ</i>: λ = exp(-exp(nu))·e^{iθ}; every real nu is stable.
 * <li><i>Hankel matrix</i>: Γ_ij = h_{1+i+j}, i, j &lt; M = ⌊(L-1)/2⌋. Its singular values σ_1 ≥ σ_2 ≥ … bound what any
 * recurrence of a given order can do.
 * </ul>
 *
 * <p>
 * <b>How.</b> {@link tern.distil.filter.HankelSpectrum} looks first; a {@link tern.distil.filter.FilterMethod} fits one
 * filter at one order ({@link tern.distil.filter.HankelFit} unless there is a reason) and says how well
 * ({@link tern.distil.filter.FilterFit}); {@link tern.distil.filter.OrderChoice} picks the orders of many filters. Sources:
 * Massaroli et al. 2023, "Laughing Hyena Distillery" (arXiv 2310.18780); Golub and Pereyra 1973 and Kaufman 1975 for
 * variable projection; Roy and Kailath 1989 for ESPRIT; Adamyan, Arov and Krein 1971 for the bound.
 */
package tern.distil.filter;
