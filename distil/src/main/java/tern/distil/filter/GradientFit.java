package tern.distil.filter;

import java.util.random.RandomGenerator;

import tern.distil.linear.Columns;

/**
 * The paper's own route: order/2 complex modes in polar form (r, θ, R_re, R_im), drawn at random and fitted to taps
 * 1 … L-1 by full-batch AdamW on the mean squared error, with the learning rate on one cosine down to 1e-6 (Massaroli et al.
 * 2023, arXiv 2310.18780, and the authors' distillation notebook). The gradient is written by hand.
 *
 * <p>
 * Start: r uniform in [0.9, 0.99], θ uniform in [0, 2π), R_re and R_im normal with variance 1/d. The filter is scaled to
 * unit peak before and back after, without which residues could not move far enough. Nothing keeps r below 1 on the way; a
 * mode that ends outside the disc is clamped to 1 - 1/(10·L).
 *
 * @param steps full-batch steps; the authors take 30,000
 * @param learningRate at the start of the cosine; the authors take 6e-4
 * @param seed of the start
 */
public record GradientFit(int steps, double learningRate, long seed) implements FilterMethod {
    private static final double BETA_1 = 0.9;
    private static final double BETA_2 = 0.99;
    private static final double EPSILON = 1e-8;
    private static final double LAST_RATE = 1e-6;

    public GradientFit {
        if (steps < 1) {
            throw new IllegalArgumentException(
                    "gradient fit: steps is " + steps + ", expected 1 or more (30000 as published)");
        }
        if (!(learningRate > 0) || Double.isInfinite(learningRate)) {
            throw new IllegalArgumentException("gradient fit: learningRate is " + learningRate
                    + ", expected a positive number (6e-4 as published)");
        }
    }

    /** The authors' settings: 30,000 steps at 6e-4, seed 0. */
    public GradientFit() {
        this(30_000, 6e-4, 0);
    }

    @Override
    public FilterFit fit(double[] taps, int order) {
        FilterChecks.taps(taps, 3);
        FilterChecks.order(order, taps.length);
        return FilterFit.measure(train(taps, order / 2).filter(taps), name(), taps);
    }

    @Override
    public String name() {
        return "gradient";
    }

    /** Parameters [r | θ | R_re | R_im] of {@code modes} modes after training, for the filter scaled by 1/scale. */
    record Trained(double[] parameters, double scale, double loss) {
        ModalFilter filter(double[] taps) {
            int d = parameters.length / 4;
            double smallest = PoleSet.smallestNu(taps.length);
            double[] nu = new double[d];
            double[] theta = new double[d];
            double[] re = new double[d];
            double[] im = new double[d];
            for (int n = 0; n < d; n++) {
                double r = parameters[n];
                // a negative radius is the opposite angle
                double angle = parameters[d + n] + (r < 0 ? Math.PI : 0);
                double turned = Math.IEEEremainder(angle, 2 * Math.PI);
                nu[n] = Math.clamp(Math.log(-Math.log(Math.min(Math.abs(r), 1 - 1e-15))), smallest, PoleSet.LARGEST_NU);
                theta[n] = Math.abs(turned);
                re[n] = parameters[2 * d + n] * scale;
                im[n] = Math.copySign(1, turned) * parameters[3 * d + n] * scale;
            }
            return new ModalFilter(taps[0], new PoleSet(nu, theta, new double[0], new int[0]), re, im, new double[0],
                    false);
        }
    }

    Trained train(double[] taps, int d) {
        int n = taps.length - 1;
        double scale = 0;
        for (int t = 1; t <= n; t++) {
            scale = Math.max(scale, Math.abs(taps[t]));
        }
        scale = scale == 0 ? 1 : scale;
        double[] target = new double[n];
        for (int s = 0; s < n; s++) {
            target[s] = taps[s + 1] / scale;
        }
        double[] p = start(d);
        double[] gradient = new double[4 * d];
        double[] first = new double[4 * d];
        double[] second = new double[4 * d];
        Loss loss = new Loss(target, d);
        for (int step = 0; step < steps; step++) {
            loss.gradient(p, gradient);
            double rate = LAST_RATE + (learningRate - LAST_RATE) * 0.5 * (1 + Math.cos(Math.PI * step / steps));
            double bias1 = 1 - Math.pow(BETA_1, step + 1);
            double bias2 = 1 - Math.pow(BETA_2, step + 1);
            for (int k = 0; k < p.length; k++) {
                first[k] = BETA_1 * first[k] + (1 - BETA_1) * gradient[k];
                second[k] = BETA_2 * second[k] + (1 - BETA_2) * gradient[k] * gradient[k];
                p[k] -= rate * (first[k] / bias1) / (Math.sqrt(second[k] / bias2) + EPSILON);
            }
        }
        return new Trained(p, scale, loss.gradient(p, gradient));
    }

    private double[] start(int d) {
        RandomGenerator random = new java.util.Random(seed);
        double[] p = new double[4 * d];
        for (int n = 0; n < d; n++) {
            p[n] = 0.9 + 0.09 * random.nextDouble();
            p[d + n] = 2 * Math.PI * random.nextDouble();
            p[2 * d + n] = random.nextGaussian() / Math.sqrt(d);
            p[3 * d + n] = random.nextGaussian() / Math.sqrt(d);
        }
        return p;
    }

    /**
     * J = (1/N) Σ_s e_s², e_s = ĥ_{s+1} - h_{s+1}, and its gradient: with q = Σ_s e_s λ^s and p = Σ_s s·e_s λ^s,
     * dJ/dR_re = 2 Re q / N, dJ/dR_im = -2 Im q / N, dJ/dr = (2/r) Re(R·p) / N, dJ/dθ = -2 Im(R·p) / N.
     */
    static final class Loss {
        private final double[] target;
        private final int modes;
        private final double[] re;
        private final double[] im;
        private final double[] error;
        private final double[] timed;

        Loss(double[] target, int modes) {
            this.target = target;
            this.modes = modes;
            re = new double[modes * target.length];
            im = new double[modes * target.length];
            error = new double[target.length];
            timed = new double[target.length];
        }

        double gradient(double[] p, double[] gradient) {
            int n = target.length;
            int d = modes;
            for (int s = 0; s < n; s++) {
                error[s] = -target[s];
            }
            for (int k = 0; k < d; k++) {
                Powers.fill(p[k] * Math.cos(p[d + k]), p[k] * Math.sin(p[d + k]), re, k * n, im, k * n, n);
                add(p[2 * d + k], re, k * n, -p[3 * d + k], im, k * n, error);
            }
            double sum = 0;
            for (int s = 0; s < n; s++) {
                sum += error[s] * error[s];
                timed[s] = s * error[s];
            }
            double twice = 2.0 / n;
            for (int k = 0; k < d; k++) {
                double qRe = Columns.dot(error, 0, re, k * n, n);
                double qIm = Columns.dot(error, 0, im, k * n, n);
                double pRe = Columns.dot(timed, 0, re, k * n, n);
                double pIm = Columns.dot(timed, 0, im, k * n, n);
                double x = p[2 * d + k];
                double y = p[3 * d + k];
                gradient[k] = twice / p[k] * (x * pRe - y * pIm);
                gradient[d + k] = -twice * (x * pIm + y * pRe);
                gradient[2 * d + k] = twice * qRe;
                gradient[3 * d + k] = -twice * qIm;
            }
            return sum / n;
        }

        private static void add(double x, double[] a, int from, double y, double[] b, int at, double[] to) {
            for (int s = 0; s < to.length; s++) {
                to[s] += x * a[from + s] + y * b[at + s];
            }
        }
    }
}
