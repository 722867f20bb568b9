package tern.mixers.tcn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.sequence.Form;
import tern.sequence.MixerInput;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

class DilatedStackTest extends MixerContract {
    private static DilatedStackConfig config(int taps, int factor, int layers, DilatedVariant variant, int groups,
            boolean weightNorm, boolean bidirectional) {
        return new DilatedStackConfig(taps, factor, layers, variant, groups, weightNorm, bidirectional);
    }

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("residual", DilatedStackConfig.of(4, 4, 3), 5, 40, 90),
                MixerCase.of("linear", DilatedStackConfig.linear(3, 2, 3), 19, 30, 40),
                MixerCase.of("weight normalisation",
                        config(3, 3, 2, DilatedVariant.RESIDUAL_SILU, 0, true, false), 6, 30, 30),
                MixerCase.of("two groups", config(3, 2, 2, DilatedVariant.RESIDUAL_SILU, 2, false, false), 6, 30, 30),
                MixerCase.of("dense, weight normalisation",
                        config(2, 2, 3, DilatedVariant.LINEAR, 1, true, false), 4, 30, 30),
                MixerCase.of("both directions", config(3, 2, 2, DilatedVariant.RESIDUAL_SILU, 0, false, true), 5, 30,
                        30));
    }

    /** The deterministic fill of the reference specification. */
    private static void fill(Tensor tensor, double seed) {
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, 0.5 * Math.sin(seed + 0.7 * i));
        }
    }

    /** The specification stores taps innermost. */
    private static void fillTaps(Tensor weight, double seed) {
        int taps = weight.dim(0);
        int width = weight.dim(1);
        for (int d = 0; d < width; d++) {
            for (int k = 0; k < taps; k++) {
                weight.set((long) k * width + d, 0.5 * Math.sin(seed + 0.7 * (d * taps + k)));
            }
        }
    }

    private static Bench golden(DilatedVariant variant) {
        Bench bench = new Bench(DilatedStackConfig.of(3, 2, 3).with(variant), 2, 12, 1);
        for (int l = 0; l < 3; l++) {
            fillTaps(bench.parameters.get("layer" + l + ".weight"), 0.1 * (l + 1));
            fill(bench.parameters.get("layer" + l + ".bias"), 0.05 * (l + 1));
        }
        fill(bench.parameters.get("omega"), 0.9);
        return bench;
    }

    /** The written description says 1 + 0.5·sin; its numbers say this. */
    private static Tensor goldenInput(Memory memory) {
        Tensor x = memory.zeros(DType.F64, 1, 12, 2);
        for (int i = 0; i < 24; i++) {
            x.set(i, Math.sin(1.0 + 0.7 * i));
        }
        return x;
    }

    /** E4 of the specification: values in double precision from the definition. */
    @Test
    void goldenLinear() {
        try (Bench bench = golden(DilatedVariant.LINEAR)) {
            Tensor x = goldenInput(bench.memory);
            double[] y = bench.y(x);
            assertThat(Arrays.copyOfRange(y, 0, 2)).containsExactly(new double[] {0.248302101, 0.811729195},
                    within(1e-8));
            assertThat(Arrays.copyOfRange(y, 22, 24)).containsExactly(new double[] {-0.017375535, -0.050300514},
                    within(1e-8));
            assertThat(Arrays.stream(y).sum()).isCloseTo(5.487305914, within(1e-8));
            assertThat(Arrays.stream(y).map(v -> v * v).sum()).isCloseTo(2.821715346, within(1e-8));
            bench.parameters.get("omega").fill(0);
            double[] read = bench.y(x);
            double[] silu = {silu(0.083078068), silu(0.590174777), silu(0.214546306), silu(0.385583602)};
            assertThat(new double[] {read[0], read[1], read[22], read[23]}).as("SiLU(g³) at 0 and 11")
                    .containsExactly(silu, within(1e-8));
        }
    }

    private static double silu(double x) {
        return x / (1 + Math.exp(-x));
    }

    @Test
    void goldenResidual() {
        try (Bench bench = golden(DilatedVariant.RESIDUAL_SILU)) {
            double[] y = bench.y(goldenInput(bench.memory));
            assertThat(Arrays.copyOfRange(y, 0, 2)).containsExactly(new double[] {1.120818840, 3.365322475},
                    within(1e-8));
            assertThat(Arrays.copyOfRange(y, 22, 24)).containsExactly(new double[] {-0.231234430, -0.277965915},
                    within(1e-8));
            assertThat(Arrays.stream(y).sum()).isCloseTo(19.533367831, within(1e-8));
            assertThat(Arrays.stream(y).map(v -> v * v).sum()).isCloseTo(46.624148342, within(1e-8));
        }
    }

    /** An input changes the output RF − 1 positions later and none after that. */
    @Test
    void reachesExactlyTheReceptiveField() {
        Seeds.forAll(4, (seed, random) -> {
            DilatedVariant variant = DilatedVariant.values()[(int) (seed % 2)];
            int taps = Seeds.between(random, 2, 4);
            DilatedStackConfig config = DilatedStackConfig.of(taps, Seeds.between(random, 1, taps), 3).with(variant);
            try (Bench bench = new Bench(config, 3, 200, seed)) {
                // Taps near 0 would make the longest path too faint to see.
                for (int l = 0; l < 3; l++) {
                    Tensor weight = bench.parameters.get("layer" + l + ".weight");
                    for (long i = 0; i < weight.elements(); i++) {
                        weight.set(i, 0.5 + 0.3 * random.nextDouble());
                    }
                }
                int reach = config.receptiveField();
                Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, reach + 9, 3);
                int at = 4;
                double[] before = bench.y(x);
                x.set(at * 3L, x.get(at * 3L) + 1);
                double[] after = bench.y(x);
                assertThat(Math.abs(after[(at + reach - 1) * 3] - before[(at + reach - 1) * 3]))
                        .as("seed %d: the last position within reach of %s", seed, config).isGreaterThan(1e-12);
                for (int i = (at + reach) * 3; i < after.length; i++) {
                    assertThat(after[i]).as("seed %d: entry %d, beyond the reach of %s", seed, i, config)
                            .isEqualTo(before[i]);
                }
            }
        });
    }

    /** The layers of the linear variant are one filter: the convolution of their taps, spread to their dilations. */
    @Test
    void theImpulseResponseIsWhatAnImpulseDoes() {
        try (Bench bench = new Bench(DilatedStackConfig.linear(3, 3, 3), 2, 40, 7)) {
            DilatedStack stack = (DilatedStack) bench.mixer;
            stack.biases().forEach(bias -> bias.fill(0));
            stack.omega().fill(0);
            int length = stack.config().receptiveField();
            assertThat(length).isEqualTo(27);
            Tensor impulse = bench.memory.zeros(DType.F64, 1, length + 4, 2);
            impulse.set(0, 1);
            impulse.set(1, 1);
            double[] y = bench.y(impulse);
            double[] response = stack.impulseResponse(bench.ops.eager()).toDoubles();
            for (int i = 0; i < y.length; i++) {
                assertThat(y[i]).as("entry %d", i).isCloseTo(silu(i < response.length ? response[i] : 0),
                        within(1e-14));
            }
        }
        try (Bench bench = new Bench(DilatedStackConfig.of(3, 3, 3), 2, 40, 7)) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> ((DilatedStack) bench.mixer).impulseResponse(bench.ops.eager()))
                    .withMessageContaining("linear");
        }
    }

    /** (RF − 1)·D floats, the table of the specification; as many after many steps. */
    @Test
    void theStateIsTheReceptiveFieldLessOne() {
        int[][] shapes = {{17, 8, 4, 9361}, {17, 17, 3, 4913}, {9, 8, 4, 4681}, {4, 4, 4, 256}, {3, 2, 12, 8191}};
        for (int[] shape : shapes) {
            DilatedStackConfig config = DilatedStackConfig.of(shape[0], shape[1], shape[2]);
            assertThat(config.receptiveField()).isEqualTo(shape[3]);
            try (Bench bench = new Bench(config, 2, 16, 1)) {
                assertThat(bench.mixer.stateLayout().floats(1)).isEqualTo((shape[3] - 1L) * 2)
                        .isEqualTo(bench.mixer.stateLayout().floats(1_000_000));
                assertThat(bench.mixer.stateLayout().grows()).isFalse();
            }
        }
    }

    /** Steps for ever are neither slower nor larger: the state has the same shapes, and the outputs those of the reach alone. */
    @Test
    void twoHundredThousandSteps() {
        try (Bench bench = new Bench(DilatedStackConfig.of(4, 4, 3), 3, 64, 3)) {
            int reach = ((DilatedStack) bench.mixer).config().receptiveField();
            State state = State.empty(bench.mixer.stateLayout(), DType.F64, 1, 1, bench.memory);
            List<Long> before = state.slots().stream().map(Tensor::elements).toList();
            Tensor x = bench.memory.zeros(DType.F64, 1, 1, 3);
            Tensor last = bench.memory.zeros(DType.F64, 1, reach, 3);
            int steps = 200_000;
            double[] y = {};
            for (int t = 0; t < steps; t++) {
                for (int d = 0; d < 3; d++) {
                    double value = Math.sin(0.37 * t + d);
                    x.set(d, value);
                    if (t >= steps - reach) {
                        last.set((long) (t - steps + reach) * 3 + d, value);
                    }
                }
                var mixed = bench.mixer.mix(Form.STEP, bench.ops.eager(), MixerInput.of(x, t), state);
                state = mixed.state();
                if (t == steps - 1) {
                    y = mixed.y().toDoubles();
                }
                bench.ops.reset();
            }
            assertThat(state.slots().stream().map(Tensor::elements).toList()).isEqualTo(before);
            double[] expected = bench.y(last);
            assertThat(y).containsExactly(Arrays.copyOfRange(expected, expected.length - 3, expected.length),
                    within(1e-12));
        }
    }

    @Test
    void refusesWhatSkipsDistances() {
        assertThatIllegalArgumentException().isThrownBy(() -> DilatedStackConfig.of(3, 4, 4))
                .withMessage("dilated-stack: factor is 4 but there are only 3 taps, so some distances would never be"
                        + " reached; choose a factor of at most 3 or more taps");
        assertThatIllegalArgumentException().isThrownBy(() -> DilatedStackConfig.of(17, 8, 12))
                .withMessageContaining("choose fewer layers");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Bench(config(3, 2, 2, DilatedVariant.LINEAR, 4, false, false), 6, 8, 1))
                .withMessageContaining("groups is 4, which does not divide the width 6");
    }
}
