package tern.tensor;

/**
 * Encodes {@link DType#Q4_K}, {@link DType#Q5_K} and {@link DType#Q6_K}. Several grids are tried for each group; to the codes
 * that a grid gives, the scale (and offset) of least squares is fitted, larger values counting more; the pair of least error
 * wins. The scales of the groups are then rounded to what the block can hold, and the codes are made again from those.
 */
final class LargeBlockEncoder {
    private static final int LENGTH = 256;
    private static final int TRIALS = 10;
    private static final double STEP = 0.1;
    private static final int PAIRED = 32;
    private static final int PAIRED_GROUPS = LENGTH / PAIRED;
    private static final int HIGHEST_SCALE = 63;
    private static final int SIGNED = 16;
    private static final int SIGNED_GROUPS = LENGTH / SIGNED;
    private static final int LOWEST_SIGNED_SCALE = -128;
    private static final int LOWEST_CODE_6 = -32;

    private LargeBlockEncoder() {
    }

    /** d, dmin, 12 bytes of scales and offsets, 128 of pairs. */
    static void encode4(float[] from, int start, byte[] block) {
        int[] codes = new int[LENGTH];
        encodePaired(from, start, 15, block, codes);
        putLowHalves(codes, block, 16);
    }

    /** As {@link #encode4} with 32 bytes of fifth bits before the pairs. */
    static void encode5(float[] from, int start, byte[] block) {
        int[] codes = new int[LENGTH];
        encodePaired(from, start, 31, block, codes);
        for (int l = 0; l < PAIRED; l++) {
            int fifth = 0;
            for (int group = 0; group < PAIRED_GROUPS; group++) {
                fifth |= codes[group * PAIRED + l] >> 4 << group;
            }
            block[16 + l] = (byte) fifth;
        }
        putLowHalves(codes, block, 48);
    }

    private static void putLowHalves(int[] codes, byte[] block, int at) {
        for (int group = 0; group < PAIRED_GROUPS; group += 2) {
            for (int l = 0; l < PAIRED; l++) {
                int low = codes[group * PAIRED + l] & 15;
                int high = codes[(group + 1) * PAIRED + l] & 15;
                block[at + group / 2 * PAIRED + l] = (byte) (low | high << 4);
            }
        }
    }

    /** Fills in scales and offsets, and finds the codes. */
    private static void encodePaired(float[] from, int start, int levels, byte[] block, int[] codes) {
        double[] scales = new double[PAIRED_GROUPS];
        double[] offsets = new double[PAIRED_GROUPS];
        double largestScale = 0;
        double largestOffset = 0;
        PairedFit fit = new PairedFit(levels);
        for (int group = 0; group < PAIRED_GROUPS; group++) {
            fit.find(from, start + group * PAIRED);
            scales[group] = fit.scale;
            offsets[group] = fit.offset;
            largestScale = Math.max(largestScale, fit.scale);
            largestOffset = Math.max(largestOffset, fit.offset);
        }
        Blocks.putHalf(block, 0, (float) (largestScale / HIGHEST_SCALE));
        Blocks.putHalf(block, 2, (float) (largestOffset / HIGHEST_SCALE));
        float d = Blocks.half(block, 0);
        float dmin = Blocks.half(block, 2);
        for (int i = 4; i < 16; i++) {
            block[i] = 0;
        }
        for (int group = 0; group < PAIRED_GROUPS; group++) {
            int scale = part(scales[group], largestScale);
            int offset = part(offsets[group], largestOffset);
            putScales(block, group, scale, offset);
            float factor = d * scale;
            float shift = dmin * offset;
            for (int l = 0; l < PAIRED; l++) {
                int i = group * PAIRED + l;
                codes[i] = factor == 0 ? 0 : nearest((from[start + i] + shift) / (double) factor, 0, levels);
            }
        }
    }

    private static int part(double value, double largest) {
        return largest == 0 ? 0 : nearest(HIGHEST_SCALE * (value / largest), 0, HIGHEST_SCALE);
    }

    /** Six bits each: of the last four groups the low four lie in the third four bytes, the high two above the others. */
    private static void putScales(byte[] block, int group, int scale, int offset) {
        if (group < 4) {
            block[4 + group] |= (byte) scale;
            block[8 + group] |= (byte) offset;
        } else {
            block[8 + group] |= (byte) (scale & 15 | (offset & 15) << 4);
            block[group] |= (byte) (scale >> 4 << 6);
            block[4 + group] |= (byte) (offset >> 4 << 6);
        }
    }

    private static int nearest(double value, int lowest, int highest) {
        return (int) Math.max(lowest, Math.min(highest, Math.rint(value)));
    }

    /** Finds the best x ≈ scale·q - offset for one group, with neither below 0. */
    private static final class PairedFit {
        private final int levels;
        private final double[] weights = new double[PAIRED];
        private double scale;
        private double offset;
        private double least;

        PairedFit(int levels) {
            this.levels = levels;
        }

        void find(float[] from, int start) {
            double lowest = 0;
            double highest = from[start];
            double squares = 0;
            for (int l = 0; l < PAIRED; l++) {
                double x = from[start + l];
                lowest = Math.min(lowest, x);
                highest = Math.max(highest, x);
                squares += x * x;
            }
            scale = 0;
            offset = -lowest;
            least = Double.POSITIVE_INFINITY;
            if (highest <= lowest) {
                return;
            }
            double typical = Math.sqrt(squares / PAIRED);
            for (int l = 0; l < PAIRED; l++) {
                weights[l] = typical + Math.abs(from[start + l]);
            }
            for (int trial = -TRIALS; trial <= TRIALS; trial++) {
                attempt(from, start, lowest, (levels + trial * STEP) / (highest - lowest));
            }
        }

        private void attempt(float[] from, int start, double lowest, double inverse) {
            double w = 0;
            double wq = 0;
            double wqq = 0;
            double wx = 0;
            double wqx = 0;
            double wxx = 0;
            for (int l = 0; l < PAIRED; l++) {
                double x = from[start + l];
                double q = nearest((x - lowest) * inverse, 0, levels);
                double weight = weights[l];
                w += weight;
                wq += weight * q;
                wqq += weight * q * q;
                wx += weight * x;
                wqx += weight * q * x;
                wxx += weight * x * x;
            }
            double determinant = w * wqq - wq * wq;
            if (!(determinant > 0)) {
                return;
            }
            double fitted = (w * wqx - wq * wx) / determinant;
            double shift = (wq * wqx - wqq * wx) / determinant;
            if (shift < 0) {
                shift = 0;
                fitted = wqx / wqq;
            }
            double error = wxx + fitted * fitted * wqq + shift * shift * w - 2 * fitted * wqx + 2 * shift * wx
                    - 2 * fitted * shift * wq;
            if (fitted > 0 && error < least) {
                least = error;
                scale = fitted;
                offset = shift;
            }
        }
    }

    /** 128 bytes of low halves, 64 of high quarters, 16 signed scales, d. */
    static void encode6(float[] from, int start, byte[] block) {
        double[] scales = new double[SIGNED_GROUPS];
        double outermost = 0;
        for (int group = 0; group < SIGNED_GROUPS; group++) {
            scales[group] = signedFit(from, start + group * SIGNED);
            outermost = Math.abs(scales[group]) > Math.abs(outermost) ? scales[group] : outermost;
        }
        Blocks.putHalf(block, 208, (float) (outermost / LOWEST_SIGNED_SCALE));
        float d = Blocks.half(block, 208);
        int[] codes = new int[LENGTH];
        for (int group = 0; group < SIGNED_GROUPS; group++) {
            int scale = outermost == 0 ? 0 : nearest(LOWEST_SIGNED_SCALE * (scales[group] / outermost),
                    LOWEST_SIGNED_SCALE, -LOWEST_SIGNED_SCALE - 1);
            block[192 + group] = (byte) scale;
            float factor = d * scale;
            for (int l = 0; l < SIGNED; l++) {
                int i = group * SIGNED + l;
                int code = factor == 0 ? 0
                        : nearest(from[start + i] / (double) factor, LOWEST_CODE_6, -LOWEST_CODE_6 - 1);
                codes[i] = code - LOWEST_CODE_6;
            }
        }
        for (int i = 0; i < 64; i++) {
            int first = i / 32 * 128 + i % 32;
            int second = first + 32;
            int third = first + 64;
            int fourth = first + 96;
            int low = i / 32 * 64 + i % 32;
            block[low] = (byte) (codes[first] & 15 | (codes[third] & 15) << 4);
            block[low + 32] = (byte) (codes[second] & 15 | (codes[fourth] & 15) << 4);
            block[128 + i] = (byte) (codes[first] >> 4 | codes[second] >> 4 << 2 | codes[third] >> 4 << 4
                    | codes[fourth] >> 4 << 6);
        }
    }

    /** The best scale of x ≈ scale·q for one group, squares as weights. */
    private static double signedFit(float[] from, int start) {
        double outermost = 0;
        for (int l = 0; l < SIGNED; l++) {
            outermost = Math.abs(from[start + l]) > Math.abs(outermost) ? from[start + l] : outermost;
        }
        double scale = 0;
        double most = 0;
        if (outermost == 0) {
            return scale;
        }
        for (int trial = -TRIALS + 1; trial < TRIALS; trial++) {
            double inverse = (LOWEST_CODE_6 + trial * STEP) / outermost;
            double qx = 0;
            double qq = 0;
            for (int l = 0; l < SIGNED; l++) {
                double x = from[start + l];
                double q = nearest(x * inverse, LOWEST_CODE_6, -LOWEST_CODE_6 - 1);
                qx += x * x * q * x;
                qq += x * x * q * q;
            }
            // the error of the best scale for these codes is a constant less qx²/qq
            if (qq > 0 && qx * qx > most * qq) {
                most = qx * qx / qq;
                scale = qx / qq;
            }
        }
        return scale;
    }
}
