package tern.mixers.statespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.ops.Activation;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws but that of slopes, which spikes do not have; the equations; and the surrogate. */
class PrfTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("prf", new PrfConfig(7, 2, 0.02), 5, 8, 40));
    }

    /** A spike is flat wherever it has a slope, and its gradient is another function's: see the next test. */
    @Override
    public void gradientsAreTheSlopes(MixerCase of) {
        assertThat(of.config()).isInstanceOf(PrfConfig.class);
    }

    /** A change may be too small for a spike more or less, so only what comes before it is looked at. */
    @Override
    public void noOutputDependsOnALaterPosition(MixerCase of) {
        try (Bench bench = new Bench(of.config(), 5, 8, 2)) {
            Tensor in = Tensors.normal(DType.F64, Seeds.random(7), bench.memory, 1, 30, 5);
            double[] before = bench.y(in);
            in.slice(0, 1).reshape(30, 5).slice(20, 21).fill(9);
            double[] after = bench.y(in);
            assertThat(Arrays.copyOf(after, 100)).isEqualTo(Arrays.copyOf(before, 100));
            assertThat(after).isNotEqualTo(before);
        }
    }

    /** y = spike(x)·w has the gradient of the surrogate, w/(1 + (πx)²). */
    @Test
    void aSpikesGradientIsItsSurrogates() {
        try (Bench bench = new Bench(new PrfConfig(7, 2, 0.02), 5, 8, 1)) {
            Tensor x = bench.memory.zeros(DType.F64, 3).setAll(-0.5, 0, 2);
            Tensor weights = bench.memory.zeros(DType.F64, 3).setAll(1, 3, -2);
            Tensor gradient = bench.ops.gradients(List.of(x),
                    ops -> ops.mean(ops.multiply(ops.activate(x, Activation.SPIKE), weights), 1)).getFirst();
            double far = Math.PI * Math.PI;
            Tensors.assertClose("surrogate", gradient.toDoubles(),
                    new double[] {1 / (1 + far / 4), 3, -2 / (1 + 4 * far)}, 1e-12);
        }
    }

    @Test
    void equalsItsEquations() {
        try (Bench bench = new Bench(new PrfConfig(6, 2, 0.02), 5, 8, 3)) {
            SeededParameters p = bench.parameters;
            int time = 40;
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 5);
            double[][] x = Plain.rows(in);
            double[][] fired = new double[time][5];
            double count = 0;
            for (int d = 0; d < 5; d++) {
                double delta = Math.exp(p.get("step").get(d));
                double size = Math.exp(-delta / 2);
                double angle = delta * Math.exp(p.get("phase").get(d));
                double real = 0;
                double imaginary = 0;
                for (int t = 0; t < time; t++) {
                    double next = size * (Math.cos(angle) * real - Math.sin(angle) * imaginary) + delta * x[t][d];
                    imaginary = size * (Math.sin(angle) * real + Math.cos(angle) * imaginary);
                    real = next;
                    fired[t][d] = real >= 0.02 ? 1 : 0;
                    count += fired[t][d];
                }
            }
            assertThat(count).isBetween(20.0, 180.0);
            double[][] spikes = Matrices.each(Plain.linear(fired, p, "mix"), c -> c >= 0.02 ? 1 : 0);
            Tensors.assertClose("prf", bench.y(in), Plain.flat(Matrices.map(spikes, p.get("output.weight"))),
                    Tensors.F64_TOLERANCE);
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new PrfConfig(4, 0, 1))
                .withMessageContaining("timeConstant is 0.0");
    }
}
