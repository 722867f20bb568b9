package tern.mixers.statespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** LSSL and Legendre memories: the laws, and what their matrices are known to do. */
class DenseStateSpacesTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("lssl", new LsslConfig(3, 2, false), 4, 8, 70),
                MixerCase.of("lssl learned", new LsslConfig(3, 1, true), 3, 8, 20),
                MixerCase.of("lmu", new LmuConfig(2, 3, 8), 4, 8, 70),
                MixerCase.of("lmu distilled", new LmuModalConfig(2, 2, List.of(1), List.of(0, 1, 1, 0)), 6, 8, 8));
    }

    /** (1 − ΔA/2) Ā = 1 + ΔA/2 and (1 − ΔA/2) B̄ = ΔB. */
    @Test
    void bilinearIsThat() {
        double[][] a = Hippo.legs(6);
        double[] b = Hippo.input(6);
        double[][] found = DenseSystem.bilinear(a, b, 0.03);
        for (int i = 0; i < 6; i++) {
            for (int column = 0; column <= 6; column++) {
                double left = 0;
                for (int k = 0; k < 6; k++) {
                    left += ((i == k ? 1 : 0) - 0.015 * a[i][k]) * found[k][column];
                }
                double right = column == 6 ? 0.03 * b[i] : (i == column ? 1 : 0) + 0.015 * a[i][column];
                assertThat(left).isCloseTo(right, within(1e-13));
            }
        }
    }

    /** The outputs of a system by its steps. */
    @Test
    void lsslEqualsItsEquations() {
        try (Bench bench = new Bench(new LsslConfig(4, 1, false), 3, 8, 3)) {
            SeededParameters p = bench.parameters;
            int time = 10;
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 3);
            double[][] x = Plain.rows(in);
            double[][] sum = new double[time][3];
            for (int d = 0; d < 3; d++) {
                double[] h = new double[4];
                for (int t = 0; t < time; t++) {
                    double[] next = new double[4];
                    sum[t][d] = p.get("skip").get(d) * x[t][d];
                    for (int n = 0; n < 4; n++) {
                        next[n] = p.get("scale0.input").get(n) * x[t][d];
                        for (int k = 0; k < 4; k++) {
                            next[n] += p.get("scale0.transition").get(n * 4L + k) * h[k];
                        }
                        sum[t][d] += p.get("weight").get(d * 4L + n) * next[n];
                    }
                    h = next;
                }
            }
            double[][] y = Plain.linear(Matrices.each(sum,
                    z -> z / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)))), p, "output");
            Tensors.assertClose("lssl", bench.y(in), Plain.flat(y), 1e-9);
        }
    }

    /** The memory of a sine, read by Legendre polynomials, is the sine as long ago as asked for; a constant is its mean. */
    @Test
    void aLegendreMemoryHoldsItsWindow() {
        int order = 12;
        int window = 100;
        double[][] system = DenseSystem.held(Lmu.legendre(order, window), Lmu.inputs(order, window));
        double[] memory = new double[order];
        double[] constant = new double[order];
        double worst = 0;
        for (int t = 0; t < 600; t++) {
            memory = stepped(system, memory, Math.sin(2 * Math.PI * t / window));
            constant = stepped(system, constant, 1);
            for (double ago : new double[] {0.25, 0.5, 0.75}) {
                double read = 0;
                double earlier = 0;
                double polynomial = 1;
                for (int i = 0; i < order; i++) {
                    read += polynomial * memory[i];
                    double next = ((2 * i + 1) * (2 * ago - 1) * polynomial - i * earlier) / (i + 1);
                    earlier = polynomial;
                    polynomial = next;
                }
                worst = t < 300 ? 0
                        : Math.max(worst, Math.abs(read - Math.sin(2 * Math.PI * (t - ago * window) / window)));
            }
        }
        assertThat(worst).as("worst distance from the sine").isBetween(1e-4, 0.05);
        assertThat(constant[0]).isCloseTo(1, within(1e-3));
        assertThat(constant[3]).isCloseTo(0, within(1e-3));
    }

    private static double[] stepped(double[][] system, double[] memory, double input) {
        double[] next = new double[memory.length];
        for (int i = 0; i < next.length; i++) {
            next[i] = system[i][next.length] * input;
            for (int k = 0; k < next.length; k++) {
                next[i] += system[i][k] * memory[k];
            }
        }
        return next;
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Bench(new LsslConfig(4, 2, false), 3, 8, 1))
                .withMessageContaining("scales is 2");
        assertThatIllegalArgumentException().isThrownBy(() -> new LmuConfig(1, 0, 8))
                .withMessageContaining("order is 0");
    }
}
