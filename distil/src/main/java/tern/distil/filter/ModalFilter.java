package tern.distil.filter;

import java.util.Arrays;

/**
 * A causal filter as a small linear recurrence in modal form: h_0 is free and, for t ≥ 1,
 *
 * <pre>
 * h_t = Re Σ_n R_n·λ_n^(t-1) + Σ_m c_m·ρ_m^(t-1)
 * </pre>
 *
 * with complex modes (λ_n, R_n), each standing for itself and its conjugate, and real modes (ρ_m, c_m), each stored once
 * (Massaroli et al. 2023, arXiv 2310.18780; "Re" convention, no factor 2). The decode step is read before update: y =
 * Re Σ R·x + Σ c·x + h_0·u, then x ← λ·x + u. A complex mode costs two floats of state, a real one a single float.
 *
 * <p>
 * Poles are kept as an engine stores them, λ = exp(-exp(nu))·e^{iθ} and ρ = sign·exp(-exp(nu)), which is stable for
 * every nu. A filter is either exact (poles are float64) or {@link #rounded(double[]) rounded}: then nu, θ, residues and
 * h_0 are float32 numbers and <em>the</em> pole, here as in the engine, is the Cartesian one rounded to float32:
 * ((float) (exp(-exp(nu))·cos θ), (float) (exp(-exp(nu))·sin θ)), computed in float64 from the float32 nu and θ.
 *
 * <p>
 * Immutable and thread-safe.
 */
public final class ModalFilter {
    private final double direct;
    private final PoleSet poles;
    private final double[] pairRe;
    private final double[] pairIm;
    private final double[] realResidue;
    private final boolean rounded;

    ModalFilter(double direct, PoleSet poles, double[] pairRe, double[] pairIm, double[] realResidue, boolean rounded) {
        this.direct = direct;
        this.poles = poles;
        this.pairRe = pairRe;
        this.pairIm = pairIm;
        this.realResidue = realResidue;
        this.rounded = rounded;
    }

    /**
     * An exact filter from its parameters; the arrays are copied.
     *
     * @param direct h_0
     * @param nu of the complex modes [n]: radius exp(-exp(nu))
     * @param theta their angle in radians [n]
     * @param residueRe real parts of their residues [n]
     * @param residueIm imaginary parts of their residues [n]
     * @param realNu of the real modes [m]
     * @param realSign their signs [m], +1 or -1
     * @param realResidue their residues [m]
     */
    public static ModalFilter of(double direct, double[] nu, double[] theta, double[] residueRe, double[] residueIm,
            double[] realNu, int[] realSign, double[] realResidue) {
        requireLength("theta", theta.length, "nu", nu.length);
        requireLength("residueRe", residueRe.length, "nu", nu.length);
        requireLength("residueIm", residueIm.length, "nu", nu.length);
        requireLength("realSign", realSign.length, "realNu", realNu.length);
        requireLength("realResidue", realResidue.length, "realNu", realNu.length);
        for (int sign : realSign) {
            if (sign != 1 && sign != -1) {
                throw new IllegalArgumentException("modal filter: a real mode has sign " + sign + ", expected 1 or -1");
            }
        }
        requireFinite("h_0", direct);
        requireFinite("nu", nu);
        requireFinite("theta", theta);
        requireFinite("residueRe", residueRe);
        requireFinite("residueIm", residueIm);
        requireFinite("realNu", realNu);
        requireFinite("realResidue", realResidue);
        return new ModalFilter(direct, new PoleSet(nu.clone(), theta.clone(), realNu.clone(), realSign.clone()),
                residueRe.clone(), residueIm.clone(), realResidue.clone(), false);
    }

    /** The filter that has no modes at all: h_0, and zero ever after. */
    public static ModalFilter direct(double direct) {
        requireFinite("h_0", direct);
        return new ModalFilter(direct, PoleSet.EMPTY, new double[0], new double[0], new double[0], false);
    }

    /** h_0, the tap that bypasses the state. */
    public double direct() {
        return direct;
    }

    /** The real order: number of real modes plus twice the number of complex ones. */
    public int order() {
        return poles.order();
    }

    /** Floats of state that one sequence needs per channel: the order. */
    public int stateFloats() {
        return order();
    }

    /** How many complex modes there are, each with its conjugate unsaid. */
    public int complexModes() {
        return poles.pairs();
    }

    /** How many real modes there are. */
    public int realModes() {
        return poles.reals();
    }

    /** nu of the complex modes, a copy [complexModes]. */
    public double[] nu() {
        return poles.pairNu().clone();
    }

    /** Angles of the complex modes in radians, a copy [complexModes]. */
    public double[] theta() {
        return poles.pairTheta().clone();
    }

    /** Real parts of the complex residues, a copy [complexModes]. */
    public double[] residueRe() {
        return pairRe.clone();
    }

    /** Imaginary parts of the complex residues, a copy [complexModes]. */
    public double[] residueIm() {
        return pairIm.clone();
    }

    /** nu of the real modes, a copy [realModes]. */
    public double[] realNu() {
        return poles.realNu().clone();
    }

    /** Signs of the real poles, a copy [realModes]. */
    public int[] realSign() {
        return poles.realSign().clone();
    }

    /** Residues of the real modes, a copy [realModes]. */
    public double[] realResidue() {
        return realResidue.clone();
    }

    /** Real part of the pole of complex mode {@code n}, as every method here and the engine use it. */
    public double poleRe(int n) {
        double x = PoleSet.radius(poles.pairNu()[n]) * Math.cos(poles.pairTheta()[n]);
        return rounded ? (float) x : x;
    }

    /** Imaginary part of the pole of complex mode {@code n}. */
    public double poleIm(int n) {
        double y = PoleSet.radius(poles.pairNu()[n]) * Math.sin(poles.pairTheta()[n]);
        return rounded ? (float) y : y;
    }

    /** The pole of real mode {@code m}. */
    public double realPole(int m) {
        double rho = poles.realSign()[m] * PoleSet.radius(poles.realNu()[m]);
        return rounded ? (float) rho : rho;
    }

    /** Whether all parameters are float32 numbers and the poles those of the float32 engine. */
    public boolean isRounded() {
        return rounded;
    }

    /** The impulse response h_0 … h_{time-1} in float64 [time]. */
    public double[] taps(int time) {
        double[] taps = new double[time];
        if (time == 0) {
            return taps;
        }
        taps[0] = direct;
        int n = time - 1;
        double[] re = new double[n];
        double[] im = new double[n];
        for (int k = 0; k < poles.pairs(); k++) {
            Powers.fill(poleRe(k), poleIm(k), re, 0, im, 0, n);
            double x = pairRe[k];
            double y = pairIm[k];
            for (int s = 0; s < n; s++) {
                taps[s + 1] += x * re[s] - y * im[s];
            }
        }
        for (int k = 0; k < poles.reals(); k++) {
            Powers.fill(realPole(k), re, 0, n);
            double x = realResidue[k];
            for (int s = 0; s < n; s++) {
                taps[s + 1] += x * re[s];
            }
        }
        return taps;
    }

    /** h_t for one t ≥ 0, in float64 and without the taps before it. */
    public double tap(long t) {
        if (t < 0) {
            throw new IllegalArgumentException(
                    "modal filter: tap " + t + " asked for, expected 0 or later (it is causal)");
        }
        if (t == 0) {
            return direct;
        }
        double sum = 0;
        double s = t - 1;
        for (int k = 0; k < poles.pairs(); k++) {
            double x = poleRe(k);
            double y = poleIm(k);
            double radius = s == 0 ? 1 : Math.exp(s * Math.log(Math.hypot(x, y)));
            double angle = s * Math.atan2(y, x);
            sum += radius * (pairRe[k] * Math.cos(angle) - pairIm[k] * Math.sin(angle));
        }
        for (int k = 0; k < poles.reals(); k++) {
            sum += realResidue[k] * Math.pow(realPole(k), s);
        }
        return sum;
    }

    /** The largest |λ|; 0 if there are no modes. */
    public double maxRadius() {
        double largest = 0;
        for (int k = 0; k < poles.pairs(); k++) {
            largest = Math.max(largest, Math.hypot(poleRe(k), poleIm(k)));
        }
        for (int k = 0; k < poles.reals(); k++) {
            largest = Math.max(largest, Math.abs(realPole(k)));
        }
        return largest;
    }

    /** Σ|R|: far above the filter's peak it means cancelling modes, which amplify float32 rounding by about that ratio. */
    public double residueSum() {
        double sum = 0;
        for (int k = 0; k < poles.pairs(); k++) {
            sum += Math.hypot(pairRe[k], pairIm[k]);
        }
        for (double c : realResidue) {
            sum += Math.abs(c);
        }
        return sum;
    }

    /**
     * This filter as a float32 engine will run it: nu and θ rounded to float32, the Cartesian float32 pole taken as the
     * pole, the residues fitted anew to {@code target} on exactly those poles and rounded to float32 one after the other,
     * each rounding being made good by the residues still to be rounded. The fit is damped just enough that cancelling modes
     * do not amplify the rounding of a float32 state.
     *
     * @param target the taps to follow, h_0 first, at least 2
     */
    public ModalFilter rounded(double[] target) {
        FilterChecks.taps(target, 2);
        return ResidueFit.rounded(poles, target);
    }

    PoleSet poles() {
        return poles;
    }

    /** The same filter with all residues and h_0 times {@code factor}. */
    ModalFilter scaled(double factor) {
        return new ModalFilter(direct * factor, poles, times(pairRe, factor), times(pairIm, factor),
                times(realResidue, factor), rounded);
    }

    ModalFilter withDirect(double tap) {
        return new ModalFilter(tap, poles, pairRe, pairIm, realResidue, rounded);
    }

    private static double[] times(double[] a, double factor) {
        return Arrays.stream(a).map(x -> x * factor).toArray();
    }

    private static void requireLength(String name, int found, String like, int expected) {
        if (found != expected) {
            throw new IllegalArgumentException(
                    "modal filter: " + name + " has " + found + " entries, expected " + expected
                            + " as " + like + " has");
        }
    }

    private static void requireFinite(String name, double... values) {
        for (int k = 0; k < values.length; k++) {
            if (!Double.isFinite(values[k])) {
                throw new IllegalArgumentException("modal filter: " + name + "[" + k + "] is " + values[k]
                        + ", expected a finite number");
            }
        }
    }
}
