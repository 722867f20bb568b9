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

/** S4D, S5 and ConvS5: the laws, the equations in complex numbers, and the published numbers of LegS. */
class DiagonalStateSpacesTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("s4d", new S4dConfig(4, ModeStart.LEGS), 5, 8, 30),
                MixerCase.of("s4d real", new S4dConfig(2, ModeStart.REAL), 4, 8, 30),
                MixerCase.of("distilled", new StateSpaceModalConfig(List.of(2), List.of(1), true), 4, 8, 30),
                MixerCase.of("s5", new S5Config(6, 2), 5, 8, 30),
                MixerCase.of("conv-s5", new ConvS5Config(2, 3, 2, 1, 3), 12, 8, 20));
    }

    /** What the companion notes of S4 give for order 64. */
    @Test
    void legsHasItsPublishedPhases() {
        Hippo.Normal normal = Hippo.normal(64);
        double[] expected = {1303.27, 433.03, 258.15, 182.62};
        for (int i = 0; i < 4; i++) {
            assertThat(normal.phases()[i]).isCloseTo(expected[i], within(0.01));
        }
        assertThat(ModeStart.INVERSE.phases(32).applyAsDouble(0)).isCloseTo(1283.4, within(0.05));
        assertThat(ModeStart.INVERSE.phases(32).applyAsDouble(1)).isCloseTo(414.2, within(0.05));
    }

    /** (A + PPᵀ) v = (−½ + i·phase) v, and v has length 1. */
    @Test
    void eigenvectorsAreThat() {
        int n = 16;
        Hippo.Normal normal = Hippo.normal(n);
        double[][] a = Hippo.legs(n);
        for (int mode = 0; mode < n / 2; mode++) {
            double length = 0;
            for (int i = 0; i < n; i++) {
                double real = 0;
                double imaginary = 0;
                for (int k = 0; k < n; k++) {
                    double entry = a[i][k] + Math.sqrt(i + 0.5) * Math.sqrt(k + 0.5);
                    real += entry * normal.real()[mode][k];
                    imaginary += entry * normal.imaginary()[mode][k];
                }
                double x = normal.real()[mode][i];
                double y = normal.imaginary()[mode][i];
                assertThat(real).isCloseTo(-0.5 * x - normal.phases()[mode] * y, within(1e-9));
                assertThat(imaginary).isCloseTo(-0.5 * y + normal.phases()[mode] * x, within(1e-9));
                length += x * x + y * y;
            }
            assertThat(length).isCloseTo(1, within(1e-12));
        }
    }

    /** e^(ΔA) and (e^(ΔA) − 1)/A of a mode. */
    private static double[] held(double logRate, double phase, double step) {
        double rate = -Math.exp(logRate);
        double delta = Math.exp(step);
        double size = Math.exp(delta * rate);
        double real = size * Math.cos(delta * phase);
        double imaginary = size * Math.sin(delta * phase);
        double square = rate * rate + phase * phase;
        return new double[] {real, imaginary, ((real - 1) * rate + imaginary * phase) / square,
            (imaginary * rate - (real - 1) * phase) / square};
    }

    @Test
    void s4dEqualsItsEquations() {
        try (Bench bench = new Bench(new S4dConfig(3, ModeStart.LINEAR), 4, 8, 3)) {
            SeededParameters p = bench.parameters;
            int time = 12;
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 4);
            double[][] x = Plain.rows(in);
            double[][] sum = Matrices.product(x, Matrices.gain(Matrices.constant(time, 4, 1), p.get("skip")));
            for (int d = 0; d < 4; d++) {
                for (int n = 0; n < 3; n++) {
                    long at = n * 4L + d;
                    double[] mode = held(p.get("rate").get(at), p.get("phase").get(at), p.get("step").get(d));
                    double real = 0;
                    double imaginary = 0;
                    for (int t = 0; t < time; t++) {
                        double turned = mode[0] * real - mode[1] * imaginary + mode[2] * x[t][d];
                        imaginary = mode[0] * imaginary + mode[1] * real + mode[3] * x[t][d];
                        real = turned;
                        sum[t][d] += 2 * (p.get("weight").get(at) * real
                                - p.get("weightImaginary").get(at) * imaginary);
                    }
                }
            }
            double[][] both = Plain.linear(Matrices.each(sum, DiagonalStateSpacesTest::gelu), p, "output");
            double[][] y = Matrices.product(Matrices.columns(both, 0, 4),
                    Matrices.each(Matrices.columns(both, 4, 8), Matrices::sigmoid));
            Tensors.assertClose("s4d", bench.y(in), Plain.flat(y), Tensors.F64_TOLERANCE);
        }
    }

    private static double gelu(double x) {
        return x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    }

    @Test
    void s5EqualsItsEquations() {
        try (Bench bench = new Bench(new S5Config(4, 2), 5, 8, 3)) {
            SeededParameters p = bench.parameters;
            int time = 9;
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 5);
            double[][] x = Plain.rows(in);
            double[][] written = Matrices.map(x, p.get("input.weight"));
            double[][] states = new double[time][8];
            for (int n = 0; n < 4; n++) {
                double[] mode = held(p.get("rate").get(n), p.get("phase").get(n), p.get("step").get(n));
                for (int t = 0; t < time; t++) {
                    double real = t == 0 ? 0 : states[t - 1][n];
                    double imaginary = t == 0 ? 0 : states[t - 1][4 + n];
                    states[t][n] = mode[0] * real - mode[1] * imaginary + mode[2] * written[t][n]
                            - mode[3] * written[t][4 + n];
                    states[t][4 + n] = mode[0] * imaginary + mode[1] * real + mode[2] * written[t][4 + n]
                            + mode[3] * written[t][n];
                }
            }
            double[][] g = Matrices.map(states, p.get("read.weight"));
            for (int t = 0; t < time; t++) {
                for (int d = 0; d < 5; d++) {
                    g[t][d] = gelu(g[t][d] + p.get("skip").get(d) * x[t][d]);
                }
            }
            double[][] y = Matrices.product(g, Matrices.each(Matrices.map(g, p.get("gate.weight")), Matrices::sigmoid));
            Tensors.assertClose("s5", bench.y(in), Plain.flat(y), Tensors.F64_TOLERANCE);
        }
    }

    /** An image of one place is no image. */
    @Test
    void convS5OfOnePlaceIsS5() {
        try (Bench one = new Bench(new ConvS5Config(1, 1, 4, 2, 1), 5, 8, 3);
                Bench other = new Bench(new S5Config(4, 2), 5, 8, 3)) {
            other.parameters.declared().forEach((name, declared) -> one.parameters.get(name)
                    .copyFrom(declared.tensor()));
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), other.memory, 1, 9, 5);
            Tensors.assertClose("conv-s5", one.y(in), other.y(in), Tensors.F64_TOLERANCE);
        }
    }

    /** An impulse at a place reaches those around it and no others, the same wherever it is. */
    @Test
    void convS5MovesWithItsImage() {
        try (Bench bench = new Bench(new ConvS5Config(5, 5, 2, 1, 3), 25, 8, 3)) {
            double[] central = impulse(bench, 12);
            double[] beside = impulse(bench, 13);
            double[] nothing = impulse(bench, -1);
            assertThat(central[12]).isNotCloseTo(nothing[12], within(1e-6));
            for (int row = 0; row < 5; row++) {
                for (int column = 0; column < 4; column++) {
                    assertThat(beside[row * 5 + column + 1]).isCloseTo(central[row * 5 + column], within(1e-12));
                }
            }
            assertThat(central[2 * 5 + 0]).isNotCloseTo(nothing[0], within(1e-9));
            assertThat(impulse(bench, 0)[24]).isCloseTo(nothing[24], within(1e-12));
        }
    }

    private static double[] impulse(Bench bench, int place) {
        Tensor in = bench.memory.zeros(DType.F64, 1, 1, 25);
        if (place >= 0) {
            in.set(place, 1);
        }
        return bench.y(in);
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new S5Config(4, 3)).withMessageContaining("blocks is 3");
        assertThatIllegalArgumentException().isThrownBy(() -> new ConvS5Config(2, 2, 4, 1, 2))
                .withMessageContaining("kernel is 2");
        assertThatIllegalArgumentException().isThrownBy(() -> new Bench(new ConvS5Config(2, 2, 4, 1, 3), 6, 8, 1))
                .withMessageContaining("does not divide the width 6");
    }
}
