package tern.mixers.hyena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.ops.FilterNorm;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

class MultiHyenaTest extends MixerContract {
    private static final ImplicitFilterConfig TINY = new ImplicitFilterConfig(5, 6, 1, 3, true, 1.5, 0.3, 0, true,
            false,
            FilterNorm.NONE);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("heads of 2", MultiHyenaConfig.of(2, TINY), 6, 30, 30),
                MixerCase.of("heads of 1", MultiHyenaConfig.of(1, TINY), 4, 30, 30),
                MixerCase.of("one head of 5", new MultiHyenaConfig(5, 4, TINY.withNorm(FilterNorm.TAPS_L1)), 5, 30, 30),
                MixerCase.of("heads of 8", MultiHyenaConfig.of(8, TINY), 16, 24, 24),
                MixerCase.of("far beyond the context", MultiHyenaConfig.of(3, TINY), 6, 7, 30),
                MixerCase.of("long", MultiHyenaConfig.of(2, TINY), 6, 100, 160));
    }

    private static MultiHyena multi(Bench bench) {
        return (MultiHyena) bench.mixer;
    }

    /** The quadratic form Σ_s h_(t−s)·(q_t·k_s)·v_s in plain Java. */
    @Test
    void equalsTheQuadraticForm() {
        Seeds.forAll(6, (seed, random) -> {
            int headWidth = Seeds.between(random, 1, 4);
            int width = headWidth * Seeds.between(random, 1, 3);
            int context = Seeds.between(random, 1, 12);
            try (Bench bench = new Bench(MultiHyenaConfig.of(headWidth, TINY), width, context, seed)) {
                Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, Seeds.between(random, 1, 17), width);
                Tensor taps = multi(bench).taps(bench.ops.eager(), 0);
                assertThat(taps.shape().toArray()).containsExactly(context, width / headWidth);
                double[] expected = Plain.heads(headWidth, Plain.streams(x, bench.parameters),
                        Plain.withSkip(taps, multi(bench).skip(0)), bench.parameters);
                Tensors.assertClose("y", bench.y(x), expected, Tensors.F64_TOLERANCE);
            }
        });
    }

    /** With h_t = γ^t the layer is retention, with γ = 1 linear attention: S ← γS + k·vᵀ, y = Sᵀq. */
    @Test
    void withExponentialFiltersItIsRetention() {
        Seeds.forAll(4, (seed, random) -> {
            int headWidth = 3;
            int width = 6;
            int context = 14;
            double[] gamma = {seed == 1 ? 1 : random.nextDouble(0.5, 1), random.nextDouble(0.5, 1)};
            try (Bench bench = new Bench(MultiHyenaConfig.of(headWidth, TINY), width, context, seed)) {
                bench.exponentialFilters(context, new double[] {1, 1}, gamma);
                bench.parameters.get("bank0.skip").fill(0);
                Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, context, width);
                double[][] streams = Plain.streams(x, bench.parameters);
                double[][] read = new double[context][width];
                for (int f = 0; f < 2; f++) {
                    double[][] state = new double[headWidth][headWidth];
                    for (int t = 0; t < context; t++) {
                        for (int i = 0; i < headWidth; i++) {
                            for (int j = 0; j < headWidth; j++) {
                                int at = f * headWidth;
                                state[i][j] = gamma[f] * state[i][j] + streams[t][width + at + i]
                                        * streams[t][2 * width + at + j];
                                read[t][at + j] += streams[t][at + i] * state[i][j];
                            }
                        }
                    }
                }
                Tensors.assertClose("y", bench.y(x), Plain.flat(Plain.linear(read, bench.parameters, "output")),
                        Tensors.F64_TOLERANCE);
            }
        });
    }

    /** A filter for each channel makes it a Hyena of order 2, with the same parameters under the same names. */
    @Test
    void withHeadsOfOneChannelItIsAHyena() {
        Seeds.forAll(4, (seed, random) -> {
            try (Bench multi = new Bench(MultiHyenaConfig.of(1, TINY), 5, 9, seed);
                    Bench hyena = new Bench(HyenaConfig.of(2, TINY), 5, 9, seed + 100)) {
                assertThat(multi.parameters.copyFrom(hyena.parameters)).isEqualTo(hyena.parameters.declared().size())
                        .isEqualTo(multi.parameters.declared().size());
                Tensor x = Tensors.normal(DType.F64, random, multi.memory, 2, 13, 5);
                Tensors.assertClose("y", multi.y(x), hyena.y(x), Tensors.F64_TOLERANCE);
            }
        });
    }

    /** Keys and queries of a head may be permuted together; permuting its values permutes what is read. */
    @Test
    void channelsOfAHeadAreInterchangeable() {
        Seeds.forAll(3, (seed, random) -> {
            try (Bench bench = new Bench(MultiHyenaConfig.of(3, TINY), 6, 12, seed); Memory memory = new Memory()) {
                Tensor x = Tensors.normal(DType.F64, random, memory, 1, 12, 6);
                double[] before = bench.y(x);
                for (int stream = 0; stream < 2; stream++) {
                    swapChannels(bench, stream * 6 + 3, stream * 6 + 5);
                }
                Tensors.assertClose("keys and queries permuted", bench.y(x), before, Tensors.F64_TOLERANCE);
                swapChannels(bench, 12, 13);
                double[] mixed = bench.y(x);
                assertThat(mixed[6]).isNotCloseTo(before[6], Offset.offset(1e-6));
                Tensor output = bench.parameters.get("output.weight");
                for (int row = 0; row < 6; row++) {
                    swap(output, row * 6L, row * 6L + 1);
                }
                Tensors.assertClose("values permuted, and the rows that read them", bench.y(x), before,
                        Tensors.F64_TOLERANCE);
            }
        });
    }

    private static void swapChannels(Bench bench, int a, int b) {
        for (String name : List.of("projection.weight", "projection.bias", "short.weight", "short.bias")) {
            Tensor tensor = bench.parameters.get(name);
            int row = Math.toIntExact(tensor.elements() / tensor.dim(0));
            for (int i = 0; i < row; i++) {
                swap(tensor, (long) a * row + i, (long) b * row + i);
            }
        }
    }

    private static void swap(Tensor tensor, long a, long b) {
        double kept = tensor.get(a);
        tensor.set(a, tensor.get(b));
        tensor.set(b, kept);
    }

    /** What a conversion reads needs no knowledge of the class. */
    @Test
    void saysWhatItsFiltersAre() {
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            BranchContext at = new BranchContext(6, 9, 0, 1);
            MultiHyena multi = MultiHyenaConfig.of(3, TINY).build(at,
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(List.of(multi.banks(), multi.filters(), multi.headWidth())).containsExactly(1, 2, 3);
            assertThat(multi.modal(List.of(2, 1), List.of(0)).pairs()).containsExactly(2, 1);
            Hyena hyena = HyenaConfig.of(3, TINY).build(at,
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(List.of(hyena.banks(), hyena.filters(), hyena.headWidth())).containsExactly(2, 6, 1);
            assertThat(hyena.modal(List.of(4), List.of(1)).order()).isEqualTo(3);
            Tensor taps = hyena.taps(ops.eager(), 1);
            assertThat(hyena.taps(ops.eager(), 1)).as("computed once while parameters stay the same").isSameAs(taps);
        }
    }

    /** Eager bodies keep taps until told that parameters changed; stepping does not run the filter network again. */
    @Test
    void stepsReadTheSameTaps() {
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            MultiHyena mixer = MultiHyenaConfig.of(2, TINY).build(new BranchContext(4, 8, 0, 1),
                    new SeededParameters(DType.F32, 1, 0.1, memory));
            Ops eager = ops.eager();
            State state = State.empty(mixer.stateLayout(), DType.F32, 1, 2, memory);
            Tensor taps = mixer.taps(eager, 0);
            Mixed first = mixer.mix(Form.STEP, eager, MixerInput.of(memory.zeros(DType.F32, 1, 1, 4), 0), state);
            mixer.mix(Form.STEP, eager, MixerInput.of(memory.zeros(DType.F32, 1, 1, 4), 1), first.state());
            assertThat(mixer.taps(eager, 0)).isSameAs(taps);
        }
    }

    @Test
    void theStateIsShortHistoryKeysAndValues() {
        try (Memory memory = new Memory()) {
            MultiHyena mixer = MultiHyenaConfig.of(4, TINY).build(new BranchContext(8, 16, 0, 1),
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(mixer.stateLayout().floats(10)).isEqualTo(2 * 3 * 8 + 10 * 2 * 8);
        }
    }

    @Test
    void aConfigNamesWhatItExpects() {
        assertThatIllegalArgumentException().isThrownBy(() -> MultiHyenaConfig.of(0, TINY)).withMessage(
                "multihyena: headWidth is 0, expected 1 or more (1 = a filter for each channel)");
        try (Memory memory = new Memory()) {
            SeededParameters parameters = new SeededParameters(DType.F32, 1, 0, memory);
            assertThatIllegalArgumentException().isThrownBy(() -> MultiHyenaConfig.of(4, TINY).build(
                    new BranchContext(6, 8, 0, 1), parameters)).withMessage(
                            "multihyena: headWidth is 4, which does not divide the width 6; choose one of its divisors");
        }
    }
}
