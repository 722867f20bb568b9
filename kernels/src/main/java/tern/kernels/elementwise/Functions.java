package tern.kernels.elementwise;

import tern.ops.Activation;

/** The activations in double precision: value and slope. */
public final class Functions {
    /** √(2/π), of GELU's tanh form. */
    static final double GELU_SCALE = Math.sqrt(2 / Math.PI);
    /** The cubic coefficient of GELU's tanh form. */
    static final double GELU_CUBIC = 0.044715;

    /** The steepest slope of a complement at e^x = 1: the root's derivative is held at half of it. */
    static final double STEEPEST = 2000;

    private Functions() {
    }

    /** f(x). */
    public static double value(Activation f, double x) {
        return switch (f) {
            case IDENTITY -> x;
            case RELU -> Math.max(x, 0);
            case RELU_SQUARED -> Math.max(x, 0) * Math.max(x, 0);
            case GELU -> product(x, gate(x));
            case SILU -> product(x, sigmoid(x));
            case SIGMOID -> sigmoid(x);
            case TANH -> Math.tanh(x);
            case EXP -> Math.exp(x);
            case EXPM1 -> Math.expm1(x);
            case SOFTPLUS -> Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
            case COMPLEMENT -> Math.sqrt(Math.abs(Math.expm1(2 * Math.min(x, 0))));
            case SPIKE -> x >= 0 ? 1 : Double.isNaN(x) ? x : 0;
        };
    }

    /** f'(x); at the kink of the rectifiers the slope from the left. */
    public static double slope(Activation f, double x) {
        return switch (f) {
            case IDENTITY -> 1;
            case RELU -> x > 0 ? 1 : Double.isNaN(x) ? x : 0;
            case RELU_SQUARED -> 2 * Math.max(x, 0);
            case GELU -> {
                double gate = gate(x);
                double inner = GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x);
                yield gate + 2 * product(x * inner, gate * (1 - gate));
            }
            case SILU -> {
                double sigmoid = sigmoid(x);
                yield sigmoid + product(x, sigmoid * (1 - sigmoid));
            }
            case SIGMOID -> sigmoid(x) * (1 - sigmoid(x));
            case SOFTPLUS -> sigmoid(x);
            case COMPLEMENT -> x > 0 ? 0
                    : -Math.exp(2 * x) * Math.min(1 / Math.sqrt(Math.abs(Math.expm1(2 * x))), STEEPEST);
            case SPIKE -> 1 / (1 + Math.PI * Math.PI * x * x);
            case EXP, EXPM1 -> Math.exp(x);
            case TANH -> {
                double small = Math.exp(-2 * Math.abs(x));
                yield 4 * small / ((1 + small) * (1 + small));
            }
        };
    }

    // (1 + tanh u)/2 = σ(2u); this form keeps its relative precision where the sum cancels.
    private static double gate(double x) {
        return sigmoid(2 * GELU_SCALE * x * (1 + GELU_CUBIC * x * x));
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    // At −∞ a factor that grows meets one that has vanished; the limit is 0.
    private static double product(double growing, double vanishing) {
        return vanishing == 0 ? 0 : growing * vanishing;
    }
}
