package tern.kernels.lanes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.FloatVector;

import org.junit.jupiter.api.Test;

/** Functions of vectors against the JDK's in double precision. */
class LanesTest {
    private static float one(UnaryOperator<FloatVector> f, float x) {
        return f.apply(Lanes.all(x)).lane(0);
    }

    /** The largest error in units in the last place over evenly spaced points. */
    private static double worst(UnaryOperator<FloatVector> f, DoubleUnaryOperator exact, double from, double to) {
        int count = 50_000;
        double worst = 0;
        for (int i = 0; i <= count; i++) {
            float x = (float) (from + (to - from) * i / count);
            double expected = exact.applyAsDouble(x);
            worst = Math.max(worst, Math.abs(one(f, x) - expected) / Math.ulp((float) Math.abs(expected)));
        }
        return worst;
    }

    @Test
    void exponential() {
        assertThat(worst(Lanes::exp, Math::exp, -87.3, 88.3)).isBetween(0.3, 1.5);
        assertThat(one(Lanes::exp, 0)).isEqualTo(1);
        assertThat(one(Lanes::exp, -88.1f)).isEqualTo(0);
        assertThat(one(Lanes::exp, Float.NEGATIVE_INFINITY)).isEqualTo(0);
        assertThat(one(Lanes::exp, 89)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(one(Lanes::exp, Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(one(Lanes::exp, Float.NaN)).isNaN();
    }

    @Test
    void exponentialOfNumbers() {
        float[] points = {Float.NEGATIVE_INFINITY, -Float.MAX_VALUE, -89, -88.1f, -88, -87.5f, -1e-30f, -0f, 0, 1e-30f,
            88.5f, 89,
            89.1f, Float.MAX_VALUE, Float.POSITIVE_INFINITY};
        for (float x : points) {
            assertThat(one(Lanes::expOfNumber, x)).as("%s", x).isEqualTo(one(Lanes::exp, x));
        }
        for (int i = -9_000; i <= 9_000; i++) {
            float x = i / 100f;
            assertThat(Float.floatToRawIntBits(one(Lanes::expOfNumber, x))).as("%s", x)
                    .isEqualTo(Float.floatToRawIntBits(one(Lanes::exp, x)));
        }
    }

    @Test
    void exponentialMinusOne() {
        assertThat(worst(Lanes::expm1, Math::expm1, -87.3, 88.3)).isBetween(0.3, 2.0);
        assertThat(worst(Lanes::expm1, Math::expm1, -0.6, 0.6)).isBetween(0.3, 2.5);
        assertThat(worst(Lanes::expm1, Math::expm1, -1e-4, 1e-4)).isLessThan(1.0);
        assertThat(one(Lanes::expm1, Float.NEGATIVE_INFINITY)).isEqualTo(-1);
        assertThat(one(Lanes::expm1, Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(one(Lanes::expm1, Float.NaN)).isNaN();
    }

    @Test
    void sigmoidAndHyperbolicTangent() {
        assertThat(worst(Lanes::sigmoid, x -> 1 / (1 + Math.exp(-x)), -87, 87)).isBetween(0.3, 3.0);
        assertThat(worst(Lanes::tanh, Math::tanh, -12, 12)).isBetween(0.3, 3.0);
        assertThat(worst(Lanes::tanh, Math::tanh, -1e-3, 1e-3)).isLessThan(1.0);
        assertThat(one(Lanes::tanh, Float.NEGATIVE_INFINITY)).isEqualTo(-1);
        assertThat(one(Lanes::sigmoid, Float.NEGATIVE_INFINITY)).isEqualTo(0);
        assertThat(one(Lanes::sigmoid, Float.NaN)).isNaN();
    }

    @Test
    void slopes() {
        assertThat(worst(Lanes::sigmoidSlope, x -> Math.exp(-x) / Math.pow(1 + Math.exp(-x), 2), -80, 80))
                .isBetween(0.3, 4.0);
        assertThat(worst(Lanes::tanhSlope, x -> 1 / Math.pow(Math.cosh(x), 2), -40, 40)).isBetween(0.3, 6.0);
    }

    @Test
    void sumOverLanesIsTheSameBeforeAndAfterCompiling() {
        float[] values = new float[Lanes.LENGTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(1 + i) * (1 << i % 12);
        }
        float first = Lanes.sum(FloatVector.fromArray(Lanes.SPECIES, values, 0));
        double exact = 0;
        for (float value : values) {
            exact += value;
        }
        assertThat((double) first).isCloseTo(exact, within(1e-2));
        for (int i = 0; i < 200_000; i++) {
            assertThat(Lanes.sum(FloatVector.fromArray(Lanes.SPECIES, values, 0)) == first).as("call %d", i).isTrue();
        }
    }
}
