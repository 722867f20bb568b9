package tern.kernels.elementwise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Activation;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Vector bodies against the plain ones. */
class VectorElementwiseTest {
    private static final int SEVERAL_BLOCKS = 3 * (1 << 15) + 5;
    private final Elementwise plain = new ReferenceElementwise();
    private final Elementwise vector = new VectorElementwise();

    private interface Case {
        void run(KernelLaw law, ThreadTeam one, ThreadTeam four, int length);
    }

    private static void everyLength(long seed, Case law) {
        KernelLaw.lengths().forEach(length -> once(seed + length, length, law));
        once(seed, SEVERAL_BLOCKS, law);
    }

    private static void once(long seed, int length, Case work) {
        try (KernelLaw law = new KernelLaw(seed)) {
            work.run(law, law.team(1), law.team(4), length);
            law.assertGuardsUntouched();
        }
    }

    @Test
    void sumsAndProducts() {
        everyLength(100, (law, one, four, length) -> {
            Tensor a = law.gaussian(DType.F32, length);
            Tensor b = law.gaussian(DType.F32, length);
            Tensor expected = law.blank(DType.F32, length);
            Tensor actual = law.blank(DType.F32, length);
            plain.add(one, a, b, expected);
            vector.add(four, a, b, actual);
            law.assertSame("add", actual, expected);
            plain.multiply(one, a, b, expected);
            vector.multiply(four, a, b, actual);
            law.assertSame("multiply", actual, expected);
            plain.scale(one, a, 0.75, expected);
            vector.scale(four, a, 0.75, actual);
            law.assertSame("scale", actual, expected);
            Tensor dy = law.gaussian(DType.F32, length);
            Tensor expectedB = law.blank(DType.F32, length);
            Tensor actualB = law.blank(DType.F32, length);
            plain.multiplyBackward(one, a, b, dy, expected, expectedB);
            vector.multiplyBackward(four, a, b, dy, actual, actualB);
            law.assertSame("multiplyBackward da", actual, expected);
            law.assertSame("multiplyBackward db", actualB, expectedB);
            vector.multiplyBackward(four, a, b, dy, a, b);
            law.assertSame("multiplyBackward da in place", a, expected);
            law.assertSame("multiplyBackward db in place", b, expectedB);
        });
    }

    @Test
    void additionsToColumns() {
        everyLength(150, (law, one, four, length) -> {
            int rows = length > 1000 ? 700 : 3;
            int width = length > 1000 ? length / rows : length;
            Tensor part = law.gaussian(DType.F32, rows, width);
            Tensor expected = law.gaussian(DType.F32, rows, width + 5);
            Tensor actual = law.copy(expected);
            plain.addToColumns(one, part, expected, 3);
            vector.addToColumns(four, part, actual, 3);
            law.assertSame("addToColumns", actual, expected);
        });
    }

    @Test
    void totals() {
        everyLength(200, (law, one, four, length) -> {
            Tensor x = law.gaussian(DType.F32, length);
            assertThat(vector.sum(four, x)).as("seed %d", 200 + length).isCloseTo(plain.sum(one, x), within(1e-9));
            assertThat(vector.sumOfSquares(four, x)).isCloseTo(plain.sumOfSquares(one, x), within(1e-8));
            assertThat(vector.sum(four, x)).isEqualTo(vector.sum(one, x));
            assertThat(vector.sumOfSquares(four, x)).isEqualTo(vector.sumOfSquares(one, x));
        });
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void activations(Activation f) {
        everyLength(300, (law, one, four, length) -> {
            Tensor x = law.gaussian(DType.F32, length);
            plain.scale(one, x, 3, x);
            Tensor value = law.gaussian(DType.F32, length);
            Tensor dy = law.gaussian(DType.F32, length);
            Tensor expected = law.blank(DType.F32, length);
            Tensor actual = law.blank(DType.F32, length);
            Tensor again = law.blank(DType.F32, length);
            plain.activate(one, x, f, expected);
            vector.activate(four, x, f, actual);
            law.assertClose("activate", actual, expected, 1e-6);
            vector.activate(one, x, f, again);
            law.assertSame("activate on one thread", again, actual);
            plain.activateBackward(one, x, f, dy, expected);
            vector.activateBackward(four, x, f, dy, actual);
            law.assertClose("activateBackward", actual, expected, 1e-6);
            plain.gate(one, x, value, f, expected);
            vector.gate(four, x, value, f, actual);
            law.assertClose("gate", actual, expected, 1e-6);
            Tensor expectedValue = law.blank(DType.F32, length);
            Tensor actualValue = law.blank(DType.F32, length);
            plain.gateBackward(one, x, value, f, dy, expected, expectedValue);
            vector.gateBackward(four, x, value, f, dy, actual, actualValue);
            law.assertClose("gateBackward dGate", actual, expected, 1e-6);
            law.assertClose("gateBackward dValue", actualValue, expectedValue, 1e-6);
            vector.gateBackward(one, x, value, f, dy, x, value);
            law.assertSame("gateBackward dGate in place", x, actual);
            law.assertSame("gateBackward dValue in place", value, actualValue);
        });
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void extremes(Activation f) {
        double[] points = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0, -0.0, 1e-30, -1e-30, 1e30,
            -1e30,
            Float.MAX_VALUE, -Float.MAX_VALUE, 89, -89, 120, -120, 15, -15, 1e-4, -1e-4};
        try (KernelLaw law = new KernelLaw(400)) {
            Tensor x = law.blank(DType.F32, points.length).setAll(points);
            Tensor ones = law.blank(DType.F32, points.length).fill(1);
            Tensor actual = law.blank(DType.F32, points.length);
            vector.activate(law.team(1), x, f, actual);
            for (int i = 0; i < points.length; i++) {
                assertPoint(f + " of " + points[i], actual.get(i), (float) Functions.value(f, x.get(i)));
            }
            vector.activateBackward(law.team(1), x, f, ones, actual);
            for (int i = 0; i < points.length; i++) {
                assertPoint("slope of " + f + " at " + points[i], actual.get(i), (float) Functions.slope(f, x.get(i)));
            }
        }
    }

    /** Processors make what is no number with a sign, which must not be taken for a number far below 0. */
    @ParameterizedTest
    @EnumSource(value = Activation.class, names = {"GELU", "SILU"})
    void noNumberStaysNone(Activation f) {
        try (KernelLaw law = new KernelLaw(402)) {
            Tensor x = law.zeros(DType.F32, 37);
            x.data().set(Tensor.INT, 0, 0xFFC00000);
            x.data().set(Tensor.INT, 4 * 36, 0xFFC00001);
            Tensor ones = law.blank(DType.F32, 37).fill(1);
            Tensor y = law.blank(DType.F32, 37);
            vector.activate(law.team(1), x, f, y);
            assertThat(y.get(0)).isNaN();
            assertThat(y.get(36)).isNaN();
            assertThat(y.get(1)).isEqualTo(0);
            vector.activateBackward(law.team(1), x, f, ones, y);
            assertThat(y.get(0)).isNaN();
            assertThat(y.get(36)).isNaN();
        }
    }

    /** A gradient of 0 stays 0 where the exponential has overflowed, in whole vectors and behind them. */
    @Test
    void noGradientOfNoGradient() {
        try (KernelLaw law = new KernelLaw(401)) {
            Tensor x = law.blank(DType.F32, 37).fill(100);
            Tensor none = law.zeros(DType.F32, 37);
            for (Elementwise body : new Elementwise[] {vector, plain}) {
                Tensor dx = law.blank(DType.F32, 37).fill(1);
                body.activateBackward(law.team(1), x, Activation.EXP, none, dx);
                assertThat(dx.toDoubles()).containsOnly(0);
            }
        }
    }

    private static void assertPoint(String what, double actual, double expected) {
        if (Double.isFinite(expected)) {
            assertThat(actual).as(what).isCloseTo(expected, within(4e-7 * Math.abs(expected) + 1e-35));
        } else {
            assertThat(Double.valueOf(actual)).as(what).isEqualTo(Double.valueOf(expected));
        }
    }

    @ParameterizedTest
    @EnumSource(value = Activation.class, names = {"SIGMOID", "TANH", "SILU", "SOFTPLUS"})
    void relativePrecisionOverTheWholeRange(Activation f) {
        int count = 200_000;
        try (KernelLaw law = new KernelLaw(500)) {
            Tensor x = law.blank(DType.F32, count);
            Tensor y = law.blank(DType.F32, count);
            for (int i = 0; i < count; i++) {
                x.set(i, (i - count / 2) * 80.0 / (count / 2));
            }
            vector.activate(law.team(1), x, f, y);
            double worst = 0;
            for (int i = 0; i < count; i++) {
                double expected = Functions.value(f, x.get(i));
                if (expected != 0) {
                    worst = Math.max(worst, Math.abs(y.get(i) - expected) / Math.ulp((float) Math.abs(expected)));
                }
            }
            assertThat(worst).as("units in the last place of %s", f).isBetween(0.4, 4.0);
        }
    }
}
