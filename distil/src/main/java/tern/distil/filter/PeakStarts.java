package tern.distil.filter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import tern.distil.linear.Fourier;

/**
 * Finds single modes that explain most of a signal: for a ladder of decays r^s the damped Fourier transform is searched for
 * the pole whose two columns, Re λ^s and Im λ^s, carry the largest share of the signal's energy. Confined to one thread.
 */
final class PeakStarts {
    private static final int DECAYS = 6;
    private static final int EACH = 3;

    private final int length;
    private final Fourier fourier;
    private final double[] re;
    private final double[] im;
    private final double[] workRe;
    private final double[] workIm;
    /** cos 2θ, sin 2θ, cos 2θN, sin 2θN of every bin: the same for all decays. */
    private final double[] angles;

    /** A pole e^{-decay}·e^{iθ} and the energy that its two columns explain. */
    record Peak(double decay, double theta, double energy) {
        double nu() {
            return Math.log(decay);
        }
    }

    PeakStarts(int length) {
        this.length = length;
        fourier = new Fourier(Fourier.lengthFor(2 * length));
        int n = fourier.length();
        re = new double[n];
        im = new double[n];
        workRe = new double[n];
        workIm = new double[n];
        angles = new double[2 * n];
        for (int k = 0; k < n / 2; k++) {
            double twice = 4 * Math.PI * k / n;
            angles[4 * k] = Math.cos(twice);
            angles[4 * k + 1] = Math.sin(twice);
            angles[4 * k + 2] = Math.cos(twice * length);
            angles[4 * k + 3] = Math.sin(twice * length);
        }
    }

    /** The best poles for each decay of the ladder, from 1/length to about 1, strongest first. */
    List<Peak> peaks(double[] signal) {
        List<Peak> peaks = new ArrayList<>();
        double ratio = Math.pow(length, 1.0 / (DECAYS - 1));
        double decay = 0.7 / length;
        for (int k = 0; k < DECAYS; k += 2) {
            transform(signal, decay, decay * ratio);
            strongest(decay, false, peaks);
            strongest(decay * ratio, true, peaks);
            decay *= ratio * ratio;
        }
        peaks.sort((a, b) -> Double.compare(b.energy(), a.energy()));
        return peaks;
    }

    /** Of {@code peaks} those that differ in angle from all before them by more than the window resolves. */
    List<Peak> distinct(List<Peak> peaks) {
        List<Peak> distinct = new ArrayList<>();
        for (Peak peak : peaks) {
            if (distinct.stream().allMatch(p -> Math.abs(p.theta() - peak.theta()) > 2 * Math.PI / length)) {
                distinct.add(peak);
            }
        }
        return distinct;
    }

    /** The best positive and the best negative real pole (θ = 0 and θ = π) on the same ladder. */
    List<Peak> realPeaks(double[] signal) {
        List<Peak> peaks = new ArrayList<>();
        for (int sign = 1; sign >= -1; sign -= 2) {
            Peak best = new Peak(1, sign > 0 ? 0 : Math.PI, 0);
            double ratio = Math.pow(length, 1.0 / (2 * DECAYS - 2));
            double decay = 0.7 / length;
            for (int k = 0; k < 2 * DECAYS; k++, decay *= ratio) {
                double pole = sign * Math.exp(-decay);
                double sum = 0;
                for (int s = length - 1; s >= 0; s--) {
                    sum = sum * pole + signal[s];
                }
                double energy = sum * sum / geometric(2 * decay, length);
                if (energy > best.energy()) {
                    best = new Peak(decay, sign > 0 ? 0 : Math.PI, energy);
                }
            }
            peaks.add(best);
        }
        return peaks;
    }

    /** Transforms the signal under two decays at once: one is the real, the other the imaginary part. */
    private void transform(double[] signal, double decay, double other) {
        double radius = Math.exp(-decay);
        double otherRadius = Math.exp(-other);
        double weight = 1;
        double otherWeight = 1;
        for (int s = 0; s < length; s++) {
            re[s] = signal[s] * weight;
            im[s] = signal[s] * otherWeight;
            weight *= radius;
            otherWeight *= otherRadius;
        }
        Arrays.fill(re, length, re.length, 0);
        Arrays.fill(im, length, im.length, 0);
        fourier.forward(re, im, workRe, workIm);
    }

    /** Adds the {@link #EACH} highest maxima over the angle at one of the two decays just transformed. */
    private void strongest(double decay, boolean second, List<Peak> peaks) {
        int n = fourier.length();
        double own = geometric(2 * decay, length);
        double[] energy = workRe;
        double r2 = Math.exp(-2 * decay);
        double end = Math.exp(-2 * decay * length);
        for (int k = 1; k < n / 2; k++) {
            double x = second ? im[k] + im[n - k] : re[k] + re[n - k];
            double y = second ? re[k] - re[n - k] : im[n - k] - im[k];
            energy[k] = energy(x / 2, y / 2, r2, end, 4 * k, own);
        }
        energy[0] = 0;
        energy[n / 2] = 0;
        int[] highest = new int[EACH];
        for (int k = 1; k < n / 2; k++) {
            if (energy[k] >= energy[k - 1] && energy[k] > energy[k + 1]) {
                int place = EACH;
                while (place > 0 && energy[k] > energy[highest[place - 1]]) {
                    place--;
                }
                if (place < EACH) {
                    System.arraycopy(highest, place, highest, place + 1, EACH - 1 - place);
                    highest[place] = k;
                }
            }
        }
        for (int k : highest) {
            if (k > 0) {
                peaks.add(new Peak(decay, 2 * Math.PI * k / n, energy[k]));
            }
        }
    }

    /**
     * Energy of the projection on span(Re λ^s, Im λ^s), whose products with the signal are x and y, with |λ|² = r2 and
     * |λ|^{2·length} = end, from the sums Σ |λ|^{2s} = own and Σ λ^{2s}.
     */
    private double energy(double x, double y, double r2, double end, int at, double own) {
        double c = 1 - r2 * angles[at];
        double d = -r2 * angles[at + 1];
        double u = 1 - end * angles[at + 2];
        double v = -end * angles[at + 3];
        double size = c * c + d * d;
        double gRe = (u * c + v * d) / size;
        double gIm = (v * c - u * d) / size;
        double a = (own + gRe) / 2;
        double b = (own - gRe) / 2;
        double h = gIm / 2;
        double determinant = a * b - h * h;
        if (!(determinant > 1e-6 * own * own)) {
            return (x * x + y * y) / own;
        }
        return (b * x * x - 2 * h * x * y + a * y * y) / determinant;
    }

    private static double geometric(double decay, int n) {
        return Math.expm1(-decay * n) / Math.expm1(-decay);
    }
}
