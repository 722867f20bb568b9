package tern.distil.linear;

/**
 * The discrete Fourier transform of a fixed power-of-two length, X_k = Σ_t x_t e^{-2πi kt/n}, real and imaginary parts in
 * separate arrays (Stockham's self-sorting form, radix 2). Unnormalised in both directions. Immutable and thread-safe: the
 * scratch is the caller's.
 */
public final class Fourier {
    private final int length;
    private final double[] cosines;
    private final double[] sines;

    /** Prepares transforms of {@code length} points, a power of two and at least 1. */
    public Fourier(int length) {
        if (length < 1 || Integer.bitCount(length) != 1) {
            throw new IllegalArgumentException("fourier: length is " + length + ", expected a power of two");
        }
        this.length = length;
        int half = Math.max(1, length / 2);
        cosines = new double[half];
        sines = new double[half];
        for (int k = 0; k < half; k++) {
            double angle = -2 * Math.PI * k / length;
            cosines[k] = Math.cos(angle);
            sines[k] = Math.sin(angle);
        }
    }

    /** The smallest power of two that is at least {@code n}. */
    public static int lengthFor(int n) {
        return n <= 1 ? 1 : Integer.highestOneBit(n - 1) << 1;
    }

    public int length() {
        return length;
    }

    /**
     * Transforms (re, im) in place.
     *
     * @param re real parts [n]
     * @param im imaginary parts [n]
     * @param workRe scratch [n], overwritten
     * @param workIm scratch [n], overwritten
     */
    public void forward(double[] re, double[] im, double[] workRe, double[] workIm) {
        double[] fromRe = re;
        double[] fromIm = im;
        double[] toRe = workRe;
        double[] toIm = workIm;
        for (int n = length, stride = 1; n > 1; n /= 2, stride *= 2) {
            pass(n, stride, fromRe, fromIm, toRe, toIm);
            double[] swapRe = fromRe;
            double[] swapIm = fromIm;
            fromRe = toRe;
            fromIm = toIm;
            toRe = swapRe;
            toIm = swapIm;
        }
        boolean elsewhere = Integer.numberOfTrailingZeros(length) % 2 == 1;
        if (elsewhere) {
            System.arraycopy(fromRe, 0, re, 0, length);
            System.arraycopy(fromIm, 0, im, 0, length);
        }
    }

    /** Transforms back without the 1/n: as {@link #forward} with the two parts exchanged. */
    public void backward(double[] re, double[] im, double[] workRe, double[] workIm) {
        forward(im, re, workIm, workRe);
    }

    private void pass(int n, int stride, double[] re, double[] im, double[] toRe, double[] toIm) {
        int half = n / 2;
        for (int p = 0; p < half; p++) {
            double c = cosines[p * stride];
            double s = sines[p * stride];
            int a = stride * p;
            int b = stride * (p + half);
            int even = stride * 2 * p;
            int odd = even + stride;
            for (int q = 0; q < stride; q++) {
                double differenceRe = re[a + q] - re[b + q];
                double differenceIm = im[a + q] - im[b + q];
                toRe[even + q] = re[a + q] + re[b + q];
                toIm[even + q] = im[a + q] + im[b + q];
                toRe[odd + q] = differenceRe * c - differenceIm * s;
                toIm[odd + q] = differenceRe * s + differenceIm * c;
            }
        }
    }
}
