package tern.kernels.elementwise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Activation;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The plain bodies against values worked out by hand and against finite differences. */
class ReferenceElementwiseTest {
    private final KernelLaw law = new KernelLaw(1);
    private final ThreadTeam team = law.team(1);
    private final Elementwise body = new ReferenceElementwise();

    @AfterEach
    void close() {
        law.assertGuardsUntouched();
        law.close();
    }

    @Test
    void sumsAndProducts() {
        Tensor a = law.blank(DType.F32, 3).setAll(1, 2, -3);
        Tensor b = law.blank(DType.F32, 3).setAll(4, -5, 0.5);
        Tensor y = law.blank(DType.F32, 3);
        body.add(team, a, b, y);
        assertThat(y.toDoubles()).containsExactly(5, -3, -2.5);
        body.multiply(team, a, b, y);
        assertThat(y.toDoubles()).containsExactly(4, -10, -1.5);
        body.scale(team, a, -2, y);
        assertThat(y.toDoubles()).containsExactly(-2, -4, 6);
        body.multiplyBackward(team, a, b, y, a, b);
        assertThat(a.toDoubles()).containsExactly(-8, 20, 3);
        assertThat(b.toDoubles()).containsExactly(-2, -8, -18);
        assertThat(body.sum(team, b)).isEqualTo(-28);
        assertThat(body.sumOfSquares(team, b)).isEqualTo(392);
    }

    @Test
    void activationsAtKnownPoints() {
        assertThat(Functions.value(Activation.SIGMOID, 0)).isEqualTo(0.5);
        assertThat(Functions.value(Activation.SILU, 1)).isCloseTo(0.7310585786300049, within(1e-15));
        assertThat(Functions.value(Activation.GELU, 1)).isCloseTo(0.8411919906082768, within(1e-15));
        assertThat(Functions.value(Activation.GELU, -3)).isCloseTo(-0.0036373920817729943, within(1e-15));
        assertThat(Functions.value(Activation.TANH, 0.5)).isCloseTo(0.46211715726000975, within(1e-15));
        assertThat(Functions.value(Activation.RELU_SQUARED, 3)).isEqualTo(9);
        assertThat(Functions.value(Activation.RELU, -3)).isEqualTo(0);
        assertThat(Functions.value(Activation.SOFTPLUS, 0)).isCloseTo(Math.log(2), within(1e-15));
        assertThat(Functions.value(Activation.SOFTPLUS, -40)).isCloseTo(Math.exp(-40), within(1e-30));
        assertThat(Functions.value(Activation.SOFTPLUS, 40)).isEqualTo(40);
        assertThat(Functions.value(Activation.COMPLEMENT, Math.log(0.6))).isCloseTo(0.8, within(1e-15));
        assertThat(Functions.value(Activation.COMPLEMENT, -1e-12)).isCloseTo(Math.sqrt(2e-12), within(1e-17));
        assertThat(Functions.slope(Activation.COMPLEMENT, 0)).isEqualTo(-2000);
        assertThat(Functions.value(Activation.SPIKE, 0)).isEqualTo(1);
        assertThat(Functions.value(Activation.SPIKE, -1e-9)).isEqualTo(0);
        assertThat(Functions.slope(Activation.SPIKE, 1 / Math.PI)).isCloseTo(0.5, within(1e-15));
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void activationsAtInfinity(Activation f) {
        double low = switch (f) {
            case IDENTITY -> Double.NEGATIVE_INFINITY;
            case TANH, EXPM1 -> -1;
            case RELU, RELU_SQUARED, GELU, SILU, SIGMOID, EXP, SOFTPLUS, SPIKE -> 0;
            case COMPLEMENT -> 1;
        };
        double high = switch (f) {
            case TANH, SIGMOID, SPIKE -> 1;
            case COMPLEMENT -> 0;
            case IDENTITY, RELU, RELU_SQUARED, GELU, SILU, EXP, EXPM1, SOFTPLUS -> Double.POSITIVE_INFINITY;
        };
        assertThat(Functions.value(f, Double.NEGATIVE_INFINITY)).isEqualTo(low);
        assertThat(Functions.value(f, Double.POSITIVE_INFINITY)).isEqualTo(high);
        double far = switch (f) {
            case RELU_SQUARED, EXP, EXPM1 -> Double.POSITIVE_INFINITY;
            case TANH, SIGMOID, COMPLEMENT, SPIKE -> 0;
            case IDENTITY, RELU, GELU, SILU, SOFTPLUS -> 1;
        };
        assertThat(Functions.slope(f, Double.POSITIVE_INFINITY)).isEqualTo(far);
        assertThat(Functions.slope(f, Double.NEGATIVE_INFINITY)).isEqualTo(f == Activation.IDENTITY ? 1 : 0);
        assertThat(Functions.value(f, Double.NaN)).isNaN();
    }

    /** Spikes are flat: their gradient stands in for a slope. */
    @ParameterizedTest
    @EnumSource(value = Activation.class, mode = EnumSource.Mode.EXCLUDE, names = "SPIKE")
    void gradients(Activation f) {
        Tensor x = law.gaussian(DType.F64, 20);
        Tensor value = law.gaussian(DType.F64, 20);
        Tensor dy = law.gaussian(DType.F64, 20);
        Tensor y = law.blank(DType.F64, 20);
        Tensor dx = law.blank(DType.F64, 20);
        body.activateBackward(team, x, f, dy, dx);
        law.assertGradient("activate", x, dx, () -> {
            body.activate(team, x, f, y);
            return KernelLaw.dot(dy, y);
        });
        Tensor dValue = law.blank(DType.F64, 20);
        body.gateBackward(team, x, value, f, dy, dx, dValue);
        law.assertGradient("gate", x, dx, () -> {
            body.gate(team, x, value, f, y);
            return KernelLaw.dot(dy, y);
        });
        law.assertGradient("value", value, dValue, () -> {
            body.gate(team, x, value, f, y);
            return KernelLaw.dot(dy, y);
        });
    }
}
