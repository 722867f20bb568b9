package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Modes of continuous time in discrete time; see {@code Ops.held}. The one place where they are evaluated, in double precision,
 * and rounded to the type of the tensors. Stateless and safe to use from any thread.
 */
public final class HeldModes {
    /** Rows of what comes out. */
    public static final int PARTS = 6;
    /** Columns of a task. */
    private static final int COLUMNS = 64;
    /** So far below 0 that its exponential is 0 in every type. */
    private static final double NOTHING_LEFT = -1e4;
    /** Below so much |z| the slope of (e^z − 1)/z is a sum of powers: the difference that it is would lose its digits. */
    private static final double SMALL = 0.1;
    /** Powers that leave out less than rounding does. */
    private static final int POWERS = 12;

    private HeldModes() {
    }

    /** One mode: ΔA, e^(ΔA) and (e^(ΔA) − 1)/A. */
    private static final class Mode {
        final double delta;
        final double logDecay;
        final double angle;
        final double decay;
        final double turn;
        final double gain;
        final double gainTurn;

        Mode(double logRate, double phase, double logStep) {
            double rate = Math.exp(logRate);
            delta = Math.exp(logStep);
            logDecay = Math.max(-delta * rate, -Double.MAX_VALUE);
            angle = delta * phase;
            double size = Math.exp(logDecay);
            double half = Math.sin(angle / 2);
            decay = size * Math.cos(angle);
            turn = size * Math.sin(angle);
            // e^g cos θ − 1 = (e^g − 1) cos θ − 2 sin²(θ/2), which keeps its digits where both are small.
            double less = Math.expm1(logDecay) * Math.cos(angle) - 2 * half * half;
            double large = Math.max(rate, Math.abs(phase));
            double real = -rate / large;
            double imaginary = phase / large;
            double square = (real * real + imaginary * imaginary) * large;
            gain = large == 0 ? delta : (less * real + turn * imaginary) / square;
            gainTurn = large == 0 ? 0 : (turn * real - less * imaginary) / square;
        }
    }

    private static Mode mode(Tensor logRate, Tensor phase, Tensor logStep, long at) {
        return new Mode(logRate.get(at), phase.get(at), logStep.get(at % logStep.elements()));
    }

    /**
     * Evaluates all modes.
     *
     * @param logRate ρ [N,D] or [D]
     * @param phase θ, of the same shape
     * @param logStep δ, of the same shape or [D]
     * @param out [6,…]: ln|λ|, the angle of λ, Re λ, Im λ, Re b, Im b; written
     */
    public static void forward(ThreadTeam team, Tensor logRate, Tensor phase, Tensor logStep, Tensor out) {
        long count = phase.elements();
        eachColumns(team, phase, (from, to) -> {
            for (long at = from; at < to; at++) {
                Mode mode = mode(logRate, phase, logStep, at);
                out.set(at, Math.max(mode.logDecay, NOTHING_LEFT));
                // By whole turns less: powers of λ are the same, and those in single precision lose less.
                out.set(count + at, Math.IEEEremainder(mode.angle, 2 * Math.PI));
                out.set(2 * count + at, mode.decay);
                out.set(3 * count + at, mode.turn);
                out.set(4 * count + at, mode.gain);
                out.set(5 * count + at, mode.gainTurn);
            }
        });
    }

    /**
     * The way back of {@link #forward}.
     *
     * @param dOut gradient of what came out
     * @param dLogRate accumulated, as {@code dPhase} and {@code dLogStep}
     */
    public static void backward(ThreadTeam team, Tensor logRate, Tensor phase, Tensor logStep, Tensor dOut,
            Tensor dLogRate, Tensor dPhase, Tensor dLogStep) {
        long count = phase.elements();
        eachColumns(team, phase, (from, to) -> {
            double[] slope = new double[2];
            for (long at = from; at < to; at++) {
                Mode mode = mode(logRate, phase, logStep, at);
                double dDecay = dOut.get(2 * count + at);
                double dTurn = dOut.get(3 * count + at);
                double dGain = dOut.get(4 * count + at);
                double dGainTurn = dOut.get(5 * count + at);
                // Of z = ΔA with Δ as it is, from its parts and from λ = e^z …
                double real = dOut.get(at) + mode.decay * dDecay + mode.turn * dTurn;
                double imaginary = dOut.get(count + at) + mode.decay * dTurn - mode.turn * dDecay;
                // … where Δ moves b by Δλ, whatever A is …
                add(dLogStep, at % logStep.elements(), product(real, mode.logDecay) + product(imaginary, mode.angle)
                        + mode.delta * (mode.decay * dGain + mode.turn * dGainTurn));
                // … and A moves it by Δ times the slope of (e^z − 1)/z.
                slope(mode, slope);
                real += mode.delta * (slope[0] * dGain + slope[1] * dGainTurn);
                imaginary += mode.delta * (slope[0] * dGainTurn - slope[1] * dGain);
                add(dLogRate, at, product(real, mode.logDecay));
                add(dPhase, at, product(imaginary, mode.delta));
            }
        });
    }

    /** The derivative of (e^z − 1)/z at z = ΔA: Σ k zᵏ⁻¹/(k+1)!, or (e^z − (e^z − 1)/z)/z. */
    private static void slope(Mode mode, double[] into) {
        double x = mode.logDecay;
        double y = mode.angle;
        double large = Math.max(-x, Math.abs(y));
        if (large < SMALL) {
            double real = 0;
            double imaginary = 0;
            double factorial = 1;
            for (int k = 2; k <= POWERS + 1; k++) {
                factorial *= k;
            }
            for (int k = POWERS; k > 0; k--) {
                double turned = real * x - imaginary * y + k / factorial;
                imaginary = real * y + imaginary * x;
                real = turned;
                factorial /= k + 1;
            }
            into[0] = real;
            into[1] = imaginary;
            return;
        }
        double real = mode.decay - mode.gain / mode.delta;
        double imaginary = mode.turn - mode.gainTurn / mode.delta;
        double unit = x / large;
        double turned = y / large;
        double square = (unit * unit + turned * turned) * large;
        into[0] = (real * unit + imaginary * turned) / square;
        into[1] = (imaginary * unit - real * turned) / square;
    }

    // What has no gradient is not moved, even where its slope has overflowed.
    private static double product(double gradient, double slope) {
        return gradient == 0 ? 0 : gradient * slope;
    }

    private static void add(Tensor to, long at, double value) {
        to.set(at, to.get(at) + value);
    }

    private interface Columns {
        void run(long from, long to);
    }

    /** Some columns of all rows for each task, so that no two tasks add to the gradient of one step. */
    private static void eachColumns(ThreadTeam team, Tensor of, Columns action) {
        int width = of.shape().last();
        long rows = width == 0 ? 0 : of.elements() / width;
        team.run((width + COLUMNS - 1) / COLUMNS, (index, scratch) -> {
            int first = index * COLUMNS;
            int end = Math.min(width, first + COLUMNS);
            for (long row = 0; row < rows; row++) {
                action.run(row * width + first, row * width + end);
            }
        });
    }
}
