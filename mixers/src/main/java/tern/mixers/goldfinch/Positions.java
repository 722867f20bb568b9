package tern.mixers.goldfinch;

import tern.mixers.parts.Expect;

/**
 * How attention of the GoldFinch family learns where a key stands: by turning neighbouring channels of queries and keys by
 * an angle proportional to position, or not at all, as released.
 *
 * @param kind what decides the speeds
 * @param base of the rotary speeds, 10000 if in doubt
 * @param rescale above 1, positions are interpolated to a context so many times as long
 * @param rebase factor on the base, the other way to a longer context
 */
public record Positions(Kind kind, double base, double rescale, double rebase) {
    /** What decides the speeds. */
    public enum Kind {
        /** Nothing turns: order comes from token shift and the layers below. */
        NONE,
        /** Pair i of a head of width K turns by (base·rebase)^(−2i/K)/rescale a position. */
        ROTARY,
        /** Pair i turns by π·2^(−i)/rescale a position, for 2^i below the context; the others stand still. */
        BINARY
    }

    /** None, as released. */
    public static final Positions NONE = new Positions(Kind.NONE, 10_000, 1, 1);

    /** Checks the numbers. */
    public Positions {
        Expect.within("positions", "base", base, 1, Double.MAX_VALUE, "10000 is usual");
        Expect.within("positions", "rescale", rescale, 0, Double.MAX_VALUE, "1 = as trained");
        Expect.within("positions", "rebase", rebase, 0, Double.MAX_VALUE, "1 = as trained");
    }

    /** Rotary positions with this base. */
    public static Positions rotary(double base) {
        return new Positions(Kind.ROTARY, base, 1, 1);
    }

    /** Radians a position of each pair; empty if nothing turns. */
    double[] speeds(int headWidth, int context) {
        if (kind == Kind.NONE) {
            return new double[0];
        }
        Expect.that(headWidth % 2 == 0, "positions: a head is " + headWidth
                + " wide, but pairs of channels turn; choose an even headWidth, or positions NONE");
        double[] speeds = new double[headWidth / 2];
        for (int i = 0; i < speeds.length; i++) {
            speeds[i] = switch (kind) {
                case NONE -> 0;
                case ROTARY -> Math.pow(base * rebase, -2.0 * i / headWidth) / rescale;
                case BINARY -> i < Math.log(context) / Math.log(2) ? Math.PI * Math.pow(2, -i) / rescale : 0;
            };
        }
        return speeds;
    }
}
