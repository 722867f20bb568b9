package tern.distil.filter;

import java.util.Random;
import java.util.function.IntToDoubleFunction;

/** The filters on which the tests stand: closed forms of the specification's table, and seeded noise-like ones. */
final class Fixtures {
    /** Length of the strictly causal part in the specification's table. */
    static final int TIME = 768;

    private Fixtures() {
    }

    /** Taps whose strictly causal part is f(0), f(1), …; h_0 is {@code direct}. */
    static double[] taps(double direct, int time, IntToDoubleFunction f) {
        double[] taps = new double[time + 1];
        taps[0] = direct;
        for (int s = 0; s < time; s++) {
            taps[s + 1] = f.applyAsDouble(s);
        }
        return taps;
    }

    /** As trained filters look: a fast start and slow one-signed tails. */
    static double[] smooth() {
        return taps(0, TIME, Fixtures::smoothAt);
    }

    private static double smoothAt(int s) {
        return 50 * Math.pow(1 + s / 8.0, -1.3) - 30 * Math.exp(-s / 40.0) + 3 * Math.exp(-s / 900.0);
    }

    /** {@link #smooth} and a small chirp, which no small recurrence follows. */
    static double[] chirp() {
        return taps(0, TIME, s -> smoothAt(s) + 0.1 * Math.sin(0.9 * s + 0.002 * s * s) * Math.exp(-s / 200.0));
    }

    static double[] bump() {
        return taps(0, TIME, s -> Math.exp(-Math.pow((s - 200) / 40.0, 2) / 2));
    }

    static double[] box() {
        return taps(0, TIME, s -> s < 64 ? 1 : 0);
    }

    static double[] noise(long seed, int time, double decay) {
        Random random = new Random(seed);
        return taps(0, time, s -> random.nextGaussian() * Math.exp(-s / decay));
    }

    /** A filter that is exactly modal: {@code complex} pairs and {@code real} real poles drawn from a seed. */
    static ModalFilter modal(long seed, int complex, int real) {
        Random random = new Random(seed);
        double[] nu = random.doubles(complex, -5.5, -1.5).toArray();
        double[] theta = random.doubles(complex, 0.05, 3.1).toArray();
        double[] x = random.doubles(complex, -1, 1).toArray();
        double[] y = random.doubles(complex, -1, 1).toArray();
        double[] realNu = random.doubles(real, -5.5, -1.5).toArray();
        int[] sign = random.ints(real, 0, 2).map(b -> b == 0 ? -1 : 1).toArray();
        double[] c = random.doubles(real, -1, 1).toArray();
        return ModalFilter.of(random.nextGaussian(), nu, theta, x, y, realNu, sign, c);
    }

    /** Kinds of filters whose squared error has many local minima: where a lucky random start could win. */
    enum Kind {
        WHITE, FLAT, BROWN, MODES, SMOOTH_NOISE, BUMPS, SPARSE, SINES
    }

    /** A seeded filter of a difficult kind, with h_0 = 0 and {@code time} taps after it. */
    static double[] difficult(Kind kind, long seed, int time) {
        Random random = new Random(seed * 7919 + kind.ordinal());
        double decay = 50 + random.nextInt(800);
        double[] h = new double[time];
        switch (kind) {
            case WHITE -> fill(h, s -> random.nextGaussian() * Math.exp(-s / decay));
            case FLAT -> fill(h, s -> random.nextGaussian());
            case BROWN -> {
                double keep = 0.8 + 0.19 * random.nextDouble();
                double x = 0;
                for (int s = 0; s < time; s++) {
                    x = keep * x + random.nextGaussian();
                    h[s] = x * Math.exp(-s / decay);
                }
            }
            case MODES -> {
                for (int modes = 8 + random.nextInt(40); modes > 0; modes--) {
                    double radius = Math.exp(-Math.exp(-6 + 6 * random.nextDouble()));
                    double theta = Math.PI * random.nextDouble();
                    double size = random.nextGaussian();
                    double phase = 6.28 * random.nextDouble();
                    add(h, s -> size * Math.pow(radius, s) * Math.cos(theta * s + phase));
                }
            }
            case SMOOTH_NOISE -> fill(h, s -> smoothAt(s) + 0.3 * random.nextGaussian() * Math.exp(-s / 300.0));
            case BUMPS -> {
                for (int bump = 0; bump < 6; bump++) {
                    double centre = random.nextInt(time);
                    double width = 5 + random.nextInt(60);
                    double size = random.nextGaussian();
                    add(h, s -> size * Math.exp(-Math.pow((s - centre) / width, 2) / 2));
                }
            }
            case SPARSE -> {
                for (int k = 0; k < 8; k++) {
                    h[random.nextInt(Math.min(60, time))] += random.nextGaussian();
                }
            }
            case SINES -> {
                double window = time * (0.3 + 1.2 * random.nextDouble()) / 4.6;
                for (int k = 0; k < 16; k++) {
                    double phase = 6.28 * random.nextDouble();
                    double size = random.nextGaussian();
                    double turns = 15 * random.nextDouble();
                    add(h, s -> size * Math.sin(6 * Math.sin(turns * 6.28 * s / time + phase) + phase)
                            * Math.exp(-s / window));
                }
            }
        }
        return taps(0, time, s -> h[s]);
    }

    private static void fill(double[] h, IntToDoubleFunction f) {
        for (int s = 0; s < h.length; s++) {
            h[s] = f.applyAsDouble(s);
        }
    }

    private static void add(double[] h, IntToDoubleFunction f) {
        for (int s = 0; s < h.length; s++) {
            h[s] += f.applyAsDouble(s);
        }
    }
}
