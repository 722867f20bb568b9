package tern.distil.filter;

import java.util.Arrays;

/**
 * Poles of a real system in the mixed basis: conjugate pairs once, as λ = exp(-exp(nu))·e^{iθ} with 0 &lt; θ &lt; π, and real
 * poles once, as ρ = sign·exp(-exp(nu)). Any nu is stable. Immutable by convention inside this package.
 */
record PoleSet(double[] pairNu, double[] pairTheta, double[] realNu, int[] realSign) {
    /** exp(-exp(6.5)) = 5e-289: as good as zero and still a normal number. */
    static final double LARGEST_NU = 6.5;

    static final PoleSet EMPTY = new PoleSet(new double[0], new double[0], new double[0], new int[0]);

    int pairs() {
        return pairNu.length;
    }

    int reals() {
        return realNu.length;
    }

    int order() {
        return 2 * pairNu.length + realNu.length;
    }

    /** nu of the largest radius allowed for a filter of so many taps, 1 - 1/(10·taps). */
    static double smallestNu(int taps) {
        // beyond 400,000 taps the clamp stays there, so that the radius is still below 1 as a float32 number
        return Math.log(-Math.log1p(-0.1 / Math.min(taps, 400_000)));
    }

    static double radius(double nu) {
        return Math.exp(-Math.exp(nu));
    }

    /** nu of a radius, clamped into [smallest, LARGEST_NU]; a radius of 1 or more is first reflected into the disc. */
    static double nuOf(double radius, double smallest) {
        double inside = radius > 1 ? 1 / radius : radius;
        if (!(inside > 0)) {
            return LARGEST_NU;
        }
        return Math.clamp(Math.log(-Math.log(inside)), smallest, LARGEST_NU);
    }

    /**
     * Poles from eigenvalues (conjugates as neighbours): outside the disc they are reflected into it, the radius is clamped
     * to 1 - 1/(10·taps), near-duplicates are merged.
     */
    static PoleSet of(double[] re, double[] im, int taps) {
        double smallest = smallestNu(taps);
        double[] pairNu = new double[re.length];
        double[] pairTheta = new double[re.length];
        double[] realNu = new double[re.length];
        int[] realSign = new int[re.length];
        int pairs = 0;
        int reals = 0;
        for (int k = 0; k < re.length; k++) {
            if (im[k] > 0) {
                double nu = nuOf(Math.hypot(re[k], im[k]), smallest);
                double theta = Math.atan2(im[k], re[k]);
                if (!nearPair(pairNu, pairTheta, pairs, nu, theta)) {
                    pairNu[pairs] = nu;
                    pairTheta[pairs++] = theta;
                }
            } else if (im[k] == 0) {
                double nu = nuOf(Math.abs(re[k]), smallest);
                int sign = re[k] < 0 ? -1 : 1;
                if (!nearReal(realNu, realSign, reals, nu, sign)) {
                    realNu[reals] = nu;
                    realSign[reals++] = sign;
                }
            }
        }
        return new PoleSet(Arrays.copyOf(pairNu, pairs), Arrays.copyOf(pairTheta, pairs), Arrays.copyOf(realNu, reals),
                Arrays.copyOf(realSign, reals));
    }

    private static boolean nearPair(double[] nus, double[] thetas, int n, double nu, double theta) {
        for (int k = 0; k < n; k++) {
            double apart = Math.hypot((nus[k] - nu) * Math.exp(nu), thetas[k] - theta);
            if (apart < 1e-9 * Math.exp(nu)) {
                return true;
            }
        }
        return false;
    }

    private static boolean nearReal(double[] nus, int[] signs, int n, double nu, int sign) {
        for (int k = 0; k < n; k++) {
            if (signs[k] == sign && Math.abs(nus[k] - nu) < 1e-9) {
                return true;
            }
        }
        return false;
    }

    PoleSet withPair(double nu, double theta) {
        int n = pairs();
        double[] nus = Arrays.copyOf(pairNu, n + 1);
        double[] thetas = Arrays.copyOf(pairTheta, n + 1);
        nus[n] = nu;
        thetas[n] = theta;
        return new PoleSet(nus, thetas, realNu, realSign);
    }

    PoleSet withReal(double nu, int sign) {
        int n = reals();
        double[] nus = Arrays.copyOf(realNu, n + 1);
        int[] signs = Arrays.copyOf(realSign, n + 1);
        nus[n] = nu;
        signs[n] = sign;
        return new PoleSet(pairNu, pairTheta, nus, signs);
    }

    PoleSet withoutPair(int k) {
        return new PoleSet(without(pairNu, k), without(pairTheta, k), realNu, realSign);
    }

    PoleSet withoutReal(int k) {
        int[] signs = new int[realSign.length - 1];
        System.arraycopy(realSign, 0, signs, 0, k);
        System.arraycopy(realSign, k + 1, signs, k, signs.length - k);
        return new PoleSet(pairNu, pairTheta, without(realNu, k), signs);
    }

    private static double[] without(double[] a, int k) {
        double[] rest = new double[a.length - 1];
        System.arraycopy(a, 0, rest, 0, k);
        System.arraycopy(a, k + 1, rest, k, rest.length - k);
        return rest;
    }
}
