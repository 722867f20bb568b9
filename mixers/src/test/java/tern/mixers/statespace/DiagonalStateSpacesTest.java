package tern.mixers.statespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
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

    /**
     * Modes between no decay at all and decay within a position, turning or not, in steps of any length: F32 gives what F64 gives,
     * outputs and gradients, and nothing is lost where ΔA vanishes or e^(ΔA) does.
     */
    @Test
    void modesOfAnySpeedAreHeldAlikeInBothPrecisions() {
        for (MixerConfig config : List.of(new S4dConfig(2, ModeStart.REAL), new S5Config(2, 1),
                new ConvS5Config(2, 2, 2, 1, 3))) {
            for (double logRate : new double[] {-120, -60, -30, -9, 0, 50, 95}) {
                for (double phase : new double[] {0, 1e-25f, 1e-5f, 2, 1e3}) {
                    for (double logStep : new double[] {-80, -30, -7, 0, 20}) {
                        assertHeldAlike(config, logRate, phase, logStep);
                    }
                }
            }
        }
    }

    private static void assertHeldAlike(MixerConfig config, double logRate, double phase, double logStep) {
        double[][] found = new double[2][];
        for (DType type : List.of(DType.F64, DType.F32)) {
            try (Memory memory = new Memory(); OpsUnderTest ops = TapedOps.fastest()) {
                SeededParameters p = new SeededParameters(type, 4, 0.1, memory);
                SequenceMixer mixer = config.build(new BranchContext(4, 8, 0, 2), p);
                p.get("rate").fill(logRate);
                p.get("phase").fill(phase);
                p.get("step").fill(logStep);
                Tensor x = Tensors.as(type, Tensors.normal(DType.F64, Seeds.random(5), memory, 1, 6, 4), memory);
                List<Tensor> leaves = List.of(x, p.get("phase"), p.get("step"), p.get("rate"));
                List<Tensor> gradients = ops.gradients(leaves, taped -> {
                    Tensor y = mixer.mix(Form.PARALLEL, taped, MixerInput.fresh(x),
                            State.empty(mixer.stateLayout(), type, 1, 6, memory)).y();
                    return taped.mean(y, 1);
                });
                // Gradients of what hardly moves anything are compared as such.
                found[type == DType.F64 ? 0 : 1] = gradients.stream().flatMapToDouble(g -> Arrays.stream(g.toDoubles()))
                        .toArray();
            }
        }
        double size = Arrays.stream(found[0]).map(Math::abs).max().orElseThrow();
        assertThat(size).isFinite();
        for (int i = 0; i < found[0].length; i++) {
            assertThat(found[1][i]).as("%s, ln rate %s, phase %s, ln step %s, gradient %d", config, logRate, phase,
                    logStep, i).isCloseTo(found[0][i], within(2e-4 * Math.max(1e-3, size)));
        }
    }

    /** What is sampled half as often, read with steps of twice the length, is what every sample held twice is. */
    @Test
    void stepsAreRescaled() {
        Optional<Double> twice = Optional.of(2.0);
        assertRescaled(new S4dConfig(3, ModeStart.LEGS), new S4dConfig(3, ModeStart.LEGS, Optional.empty(), twice));
        assertRescaled(new S5Config(3, 1), new S5Config(3, 1, Optional.empty(), twice));
        assertRescaled(new ConvS5Config(2, 2, 3, 1, 3), new ConvS5Config(2, 2, 3, 1, 3, Optional.empty(), twice));
    }

    private static void assertRescaled(MixerConfig config, MixerConfig rescaled) {
        try (Bench fine = new Bench(config, 4, 8, 3); Bench coarse = new Bench(rescaled, 4, 8, 3)) {
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), coarse.memory, 1, 7, 4);
            Tensor held = fine.memory.zeros(DType.F64, 1, 14, 4);
            for (int i = 0; i < 14 * 4; i++) {
                held.set(i, in.get(i / 8 * 4 + i % 4));
            }
            double[] y = fine.y(held);
            double[] last = new double[7 * 4];
            for (int i = 0; i < last.length; i++) {
                last[i] = y[(i / 4 * 2 + 1) * 4 + i % 4];
            }
            Tensors.assertClose(config.toString(), coarse.y(in), last, Tensors.F64_TOLERANCE);
        }
    }

    /** Variance of what modes are written with: 1 over the numbers that go in for S5, 2 over them for ConvS5 (He's). */
    @Test
    void inputsStartAsPublished() {
        assertInputs(new S5Config(30, 3), 1.0 / 40);
        assertInputs(new ConvS5Config(1, 1, 30, 3, 3), 2.0 / (9 * 40));
    }

    private static void assertInputs(MixerConfig config, double expected) {
        try (Memory memory = new Memory()) {
            SeededParameters p = new SeededParameters(DType.F64, 3, 0, memory);
            config.build(new BranchContext(40, 8, 0, 2), p);
            // Real and imaginary parts of 30 modes.
            double[] parts = p.get("input.weight").toDoubles();
            double variance = Arrays.stream(parts).map(x -> x * x).sum() / (parts.length / 2.0);
            assertThat(variance).as(config.toString()).isCloseTo(expected, within(0.1 * expected));
        }
    }

    /** What is never asked for would take hundreds of gigabytes here. */
    @Test
    void nothingIsDiagonalisedForParametersThatComeFromElsewhere() {
        BranchContext at = new BranchContext(4, 8, 0, 2);
        for (MixerConfig config : List.of(new S4dConfig(100_000, ModeStart.LEGS), new S5Config(100_000, 1),
                new ConvS5Config(1, 1, 100_000, 1, 1), new LsslConfig(40_000, 1, false), new LmuConfig(1, 40_000, 9))) {
            assertThat(config.build(at, new Nowhere()).stateLayout().slots()).hasSize(1);
        }
    }

    /** Gives shapes without memory. */
    private static final class Nowhere implements ParameterScope {
        @Override
        public Tensor parameter(String name, Shape shape, Role role, Initialiser initialiser) {
            return Tensor.withoutMemory(DType.F32, shape);
        }

        @Override
        public ParameterScope child(String name) {
            return this;
        }
    }

    @Test
    void stepsStartWhereTheyAreAsked() {
        Optional<StepRange> range = Optional.of(new StepRange(1e-5, 1e-4));
        for (MixerConfig config : List.of(new S4dConfig(3, ModeStart.LEGS, range, Optional.empty()),
                new S5Config(40, 1, range, Optional.empty()), new PrfConfig(3, 2, 1, range),
                new ConvS5Config(1, 1, 40, 1, 1, range, Optional.empty()))) {
            try (Memory memory = new Memory()) {
                SeededParameters p = new SeededParameters(DType.F64, 3, 0, memory);
                config.build(new BranchContext(40, 8, 0, 2), p);
                double[] steps = Arrays.stream(p.get("step").toDoubles()).map(Math::exp).sorted().toArray();
                assertThat(steps).as(config.toString()).hasSize(40);
                assertThat(steps[0]).isBetween(1e-5, 2e-5);
                assertThat(steps[39]).isBetween(5e-5, 1e-4);
            }
        }
        assertThat(new StepRange(0.01, 0.01).spaced(3, 4)).isEqualTo(0.01);
        for (double[] bad : new double[][] {{0, 1}, {1, 0.5}, {Double.NaN, 1}, {1, Double.POSITIVE_INFINITY}}) {
            assertThatIllegalArgumentException().isThrownBy(() -> new StepRange(bad[0], bad[1]))
                    .withMessageContaining("steps lie between shortest " + bad[0] + " and longest " + bad[1]);
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new S5Config(4, 1, Optional.empty(), Optional.of(0.0)))
                .withMessageContaining("rescale is 0.0");
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
