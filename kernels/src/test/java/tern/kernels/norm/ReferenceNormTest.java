package tern.kernels.norm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The plain bodies against values worked out by hand and against finite differences. */
class ReferenceNormTest {
    private final KernelLaw law = new KernelLaw(2);
    private final ThreadTeam team = law.team(1);
    private final Norm body = new ReferenceNorm();

    @AfterEach
    void close() {
        law.assertGuardsUntouched();
        law.close();
    }

    @Test
    void byHand() {
        Tensor x = law.blank(DType.F64, 1, 2).setAll(1, 3);
        Tensor gain = law.blank(DType.F64, 2).setAll(10, 100);
        Tensor bias = law.blank(DType.F64, 2).setAll(1, 2);
        Tensor y = law.blank(DType.F64, 1, 2);
        body.layer(team, x, gain, bias, 3, y);
        assertThat(y.toDoubles()).containsExactly(-4, 52);
        body.rms(team, x, gain, 4, y);
        assertThat(y.get(0)).isCloseTo(10 / 3.0, within(1e-14));
        assertThat(y.get(1)).isCloseTo(100, within(1e-12));
    }

    @Test
    void layerGradients() {
        for (int width = 1; width <= 7; width += 2) {
            Tensor x = law.gaussian(DType.F64, 3, width);
            Tensor gain = law.gaussian(DType.F64, width);
            Tensor bias = law.gaussian(DType.F64, width);
            Tensor dy = law.gaussian(DType.F64, 3, width);
            Tensor y = law.blank(DType.F64, 3, width);
            Tensor dx = law.blank(DType.F64, 3, width);
            Tensor dGain = law.zeros(DType.F64, width);
            Tensor dBias = law.zeros(DType.F64, width);
            DoubleSupplier loss = () -> {
                body.layer(team, x, gain, bias, 0.1, y);
                return KernelLaw.dot(dy, y);
            };
            body.layerBackward(team, x, gain, 0.1, dy, dx, dGain, dBias);
            law.assertGradient("x", x, dx, loss);
            law.assertGradient("gain", gain, dGain, loss);
            law.assertGradient("bias", bias, dBias, loss);
        }
    }

    @Test
    void rmsGradients() {
        for (int width = 1; width <= 7; width += 2) {
            Tensor x = law.gaussian(DType.F64, 3, width);
            Tensor gain = law.gaussian(DType.F64, width);
            Tensor dy = law.gaussian(DType.F64, 3, width);
            Tensor y = law.blank(DType.F64, 3, width);
            Tensor dx = law.blank(DType.F64, 3, width);
            Tensor dGain = law.zeros(DType.F64, width);
            DoubleSupplier loss = () -> {
                body.rms(team, x, gain, 0.1, y);
                return KernelLaw.dot(dy, y);
            };
            body.rmsBackward(team, x, gain, 0.1, dy, dx, dGain);
            law.assertGradient("x", x, dx, loss);
            law.assertGradient("gain", gain, dGain, loss);
        }
    }
}
