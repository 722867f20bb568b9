package tern.ops;

import java.util.Arrays;
import java.util.Objects;

import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A bank of F filters as sums of decaying modes, in the mixed basis: conjugate pairs stored once, real poles stored once.
 * Filter f, with pass-through tap h_0 kept apart, is
 *
 * <pre>
 * h_t = Re Σ_n R_n·λ_n^(t-1) + Σ_m S_m·ρ_m^(t-1),   t ≥ 1
 * λ_n = exp(-exp(decay_n))·e^(i·phase_n)            ρ_m = sign_m·exp(-exp(realDecay_m))
 * </pre>
 *
 * so that every pole lies inside the unit disc. Poles are evaluated in double precision and rounded to the tensors' type
 * once (real and imaginary part apart); every form uses exactly these rounded poles, so that stepping and convolving
 * agree over long times. Orders may differ from filter to filter (Massaroli et al. 2023, arXiv 2310.18780, section 3).
 *
 * @param decay ν = ln(−ln r) of the conjugate pairs of all filters, filter by filter [M]
 * @param phase θ in radians [M]
 * @param residueReal Re R [M]
 * @param residueImaginary Im R [M]
 * @param realDecay ν of the real poles, filter by filter [N]
 * @param realSign +1 or −1, a constant [N]
 * @param realResidue S [N]
 * @param pairStart where each filter's pairs begin, ascending, F + 1 entries, the last is M
 * @param realStart where each filter's real poles begin, ascending, F + 1 entries, the last is N
 */
public record Modes(Tensor decay, Tensor phase, Tensor residueReal, Tensor residueImaginary, Tensor realDecay,
        Tensor realSign, Tensor realResidue, int[] pairStart, int[] realStart) {
    /** Checks that shapes and offsets fit together. */
    public Modes {
        if (pairStart.length != realStart.length || pairStart.length < 2) {
            throw new IllegalArgumentException("modes: offsets for pairs (" + pairStart.length + ") and real poles ("
                    + realStart.length + ") must both have one entry more than there are filters");
        }
        int pairs = pairStart[pairStart.length - 1];
        int reals = realStart[realStart.length - 1];
        for (Tensor tensor : new Tensor[] {decay, phase, residueReal, residueImaginary}) {
            requireLength("pairs", tensor, pairs);
        }
        for (Tensor tensor : new Tensor[] {realDecay, realSign, realResidue}) {
            requireLength("real poles", tensor, reals);
        }
    }

    private static void requireLength(String what, Tensor tensor, int length) {
        if (!tensor.shape().equals(Shape.of(length))) {
            throw new IllegalArgumentException("modes: the offsets count " + length + " " + what + ", a tensor has "
                    + tensor.shape());
        }
    }

    /** Number of filters F. */
    public int filters() {
        return pairStart.length - 1;
    }

    /** Number of conjugate pairs M of all filters. */
    public int pairs() {
        return pairStart[pairStart.length - 1];
    }

    /** Number of real poles N of all filters. */
    public int reals() {
        return realStart[realStart.length - 1];
    }

    /** State floats per scalar input sequence: 2M + N, rows of the state in the order Re pairs, Im pairs, reals. */
    public int order() {
        return 2 * pairs() + reals();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Modes modes && decay == modes.decay && residueReal == modes.residueReal
                && realDecay == modes.realDecay && Arrays.equals(pairStart, modes.pairStart)
                && Arrays.equals(realStart, modes.realStart);
    }

    @Override
    public int hashCode() {
        return Objects.hash(System.identityHashCode(decay), System.identityHashCode(realDecay));
    }
}
