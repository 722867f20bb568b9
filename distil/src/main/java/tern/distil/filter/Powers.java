package tern.distil.filter;

/**
 * λ^s for s = 0, 1, …: by doubling, each doubling factor λ^{2^k} taken from log λ in float64, so that the relative error
 * stays near s·2⁻⁵³ and the loops are plain products over arrays.
 */
final class Powers {
    private Powers() {
    }

    /** Writes λ^s, s &lt; n, into re[at ..] and im[at ..]. The two may be the same array at different offsets. */
    static void fill(double poleRe, double poleIm, double[] re, int reAt, double[] im, int imAt, int n) {
        if (n == 0) {
            return;
        }
        re[reAt] = 1;
        im[imAt] = 0;
        double logRadius = Math.log(Math.hypot(poleRe, poleIm));
        double angle = Math.atan2(poleIm, poleRe);
        for (int done = 1; done < n; done *= 2) {
            double r = Math.exp(done * logRadius);
            double stepRe = done == 1 ? poleRe : r * Math.cos(done * angle);
            double stepIm = done == 1 ? poleIm : r * Math.sin(done * angle);
            int count = Math.min(done, n - done);
            int toRe = reAt + done;
            int toIm = imAt + done;
            for (int s = 0; s < count; s++) {
                double x = re[reAt + s];
                double y = im[imAt + s];
                re[toRe + s] = x * stepRe - y * stepIm;
                im[toIm + s] = x * stepIm + y * stepRe;
            }
        }
    }

    /** Writes ρ^s, s &lt; n, into out[at ..]. */
    static void fill(double pole, double[] out, int at, int n) {
        if (n == 0) {
            return;
        }
        out[at] = 1;
        double logRadius = Math.log(Math.abs(pole));
        for (int done = 1; done < n; done *= 2) {
            double step = done == 1 ? pole : Math.exp(done * logRadius);
            int count = Math.min(done, n - done);
            for (int s = 0; s < count; s++) {
                out[at + done + s] = out[at + s] * step;
            }
        }
    }
}
