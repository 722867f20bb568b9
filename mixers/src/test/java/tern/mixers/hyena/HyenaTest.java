package tern.mixers.hyena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.mixers.Bench;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.ops.FilterNorm;
import tern.sequence.BranchContext;
import tern.sequence.Form;
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

class HyenaTest extends MixerContract {
    private static final ImplicitFilterConfig TINY = new ImplicitFilterConfig(5, 6, 1, 3, true, 1.5, 0.3, 0.01, true,
            false,
            FilterNorm.NONE);
    private static final ImplicitFilterConfig TRAINED_POSITIONS = new ImplicitFilterConfig(3, 4, 0, 2, true, 0.9, 0.2,
            0,
            false, true, FilterNorm.TAPS_L2);
    private static final ImplicitFilterConfig BARE = new ImplicitFilterConfig(7, 5, 2, 1, false, 1.5, 0.3, 0, false,
            false,
            FilterNorm.CHANNELS_L1);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("order 2", HyenaConfig.of(2, TINY), 6, 40, 40),
                MixerCase.of("order 3", HyenaConfig.of(3, TINY), 4, 40, 40),
                MixerCase.of("order 4, trained positions", new HyenaConfig(4, 2, TRAINED_POSITIONS), 3, 30, 30),
                MixerCase.of("no window, filters normalised over channels", new HyenaConfig(2, 4, BARE), 5, 30, 30),
                MixerCase.of("no short memory", new HyenaConfig(2, 1, TINY.withNorm(FilterNorm.TAPS_L1)), 5, 30, 30),
                MixerCase.of("far beyond the context", HyenaConfig.of(2, TINY), 5, 7, 40),
                MixerCase.of("more than one block", HyenaConfig.of(2, TINY), 3, 600, 600));
    }

    @Override
    protected boolean repeatsAnotherSlot(String slot) {
        return slot.startsWith("pending");
    }

    private static Hyena hyena(Bench bench) {
        return (Hyena) bench.mixer;
    }

    /** Streams, short filter, gates and long convolutions by their definition in plain Java, for orders 2 to 4. */
    @Test
    void equalsTheDefinition() {
        Seeds.forAll(6, (seed, random) -> {
            int order = Seeds.between(random, 2, 4);
            int width = Seeds.between(random, 1, 4);
            int context = Seeds.between(random, 1, 12);
            int time = Seeds.between(random, 1, 17);
            try (Bench bench = new Bench(HyenaConfig.of(order, TINY), width, context, seed)) {
                Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, time, width);
                double[][][] taps = new double[order - 1][][];
                for (int bank = 0; bank < order - 1; bank++) {
                    Tensor table = hyena(bench).taps(bench.ops.eager(), bank);
                    assertThat(table.shape().toArray()).containsExactly(context, width);
                    taps[bank] = Plain.withSkip(table, hyena(bench).skip(bank));
                }
                double[] expected = Plain.hyena(order, Plain.streams(x, bench.parameters), taps, bench.parameters);
                Tensors.assertClose("y of order " + order, bench.y(x), expected, Tensors.F64_TOLERANCE);
            }
        });
    }

    /** q = k = 1: the layer is its filter; an impulse gives back the taps, with the skip on top of tap 0. */
    @Test
    void withOpenGatesAnImpulseGivesBackTheTaps() {
        int width = 3;
        int context = 11;
        try (Bench bench = new Bench(HyenaConfig.of(2, TINY), width, context, 1)) {
            bench.openGates(1, 1);
            Tensor impulse = bench.memory.zeros(DType.F64, 1, context + 3, width);
            impulse.slice(0, 1).reshape(context + 3, width).slice(0, 1).fill(1);
            double[] expected = new double[(context + 3) * width];
            double[] taps = hyena(bench).taps(bench.ops.eager(), 0).toDoubles();
            System.arraycopy(taps, 0, expected, 0, taps.length);
            for (int d = 0; d < width; d++) {
                expected[d] += hyena(bench).skip(0).get(d);
            }
            Tensors.assertClose("impulse response, nothing beyond the context", bench.y(impulse), expected,
                    Tensors.F64_TOLERANCE);
        }
    }

    @Test
    void keepsNoBlockWhereTheSequenceEndsWithTheCall() {
        try (Bench bench = new Bench(HyenaConfig.of(3, TINY), 4, 9, 1); Memory memory = new Memory()) {
            State ending = State.empty(bench.mixer.stateLayout(), DType.F64, 2, 0, memory);
            State going = State.empty(bench.mixer.stateLayout(), DType.F64, 2, 5, memory);
            assertThat(ending.slot("pending1").shape().toArray()).containsExactly(2, 0, 4);
            assertThat(going.slot("pending1").shape().toArray()).containsExactly(2, 9, 4);
            assertThat(ending.reserve(5, memory).slot("pending1").shape().toArray()).containsExactly(2, 9, 4);
        }
    }

    /** With gates that do not depend on v, the layer is linear in v. */
    @Test
    void isLinearInTheValue() {
        Seeds.forAll(4, (seed, random) -> {
            try (Bench bench = new Bench(HyenaConfig.of(3, TINY), 4, 9, seed)) {
                bench.openGates(random.nextGaussian(), random.nextGaussian(), random.nextGaussian());
                Tensor a = Tensors.normal(DType.F64, random, bench.memory, 1, 13, 4);
                Tensor b = Tensors.normal(DType.F64, random, bench.memory, 1, 13, 4);
                Tensor both = bench.ops.eager().add(bench.ops.eager().scale(a, 2), bench.ops.eager().scale(b, -3));
                double[] expected = bench.y(a);
                double[] other = bench.y(b);
                for (int i = 0; i < expected.length; i++) {
                    expected[i] = 2 * expected[i] - 3 * other[i];
                }
                Tensors.assertClose("2·y(a) − 3·y(b)", bench.y(both), expected, Tensors.F64_TOLERANCE);
            }
        });
    }

    /** The network, features and window of the filter by their definition in plain Java. */
    @Test
    void tapsEqualTheDefinition() {
        Seeds.forAll(3, (seed, random) -> {
            int width = Seeds.between(random, 1, 5);
            int context = Seeds.between(random, 2, 150);
            try (Bench bench = new Bench(HyenaConfig.of(2, TINY), width, context, seed)) {
                double[] taps = hyena(bench).taps(bench.ops.eager(), 0).toDoubles();
                double[] expected = new double[context * width];
                for (int t = 0; t < context; t++) {
                    double lag = (double) t / (context - 1);
                    double turn = 2 * Math.PI * t / context;
                    double[] a = {lag, Math.cos(1e-4 * turn), Math.cos(1 * turn), -Math.sin(1e-4 * turn),
                        -Math.sin(1 * turn)};
                    a = sine(bench.parameters, "filter.input", a);
                    a = sine(bench.parameters, "filter.inner0", a);
                    Tensor last = bench.parameters.get("filter.output.weight");
                    for (int f = 0; f < width; f++) {
                        double g = 0;
                        for (int i = 0; i < a.length; i++) {
                            g += last.get((long) f * a.length + i) * a[i];
                        }
                        double delta = Math.abs(bench.parameters.get("filter.delta").get(f));
                        expected[t * width + f] = g * (Math.exp(-delta * lag) + 0.01);
                    }
                }
                Tensors.assertClose("taps", taps, expected, Tensors.F64_TOLERANCE);
            }
        });
    }

    private static double[] sine(SeededParameters parameters, String layer, double[] x) {
        Tensor weight = parameters.get(layer + ".weight");
        double[] y = parameters.get(layer + ".bias").toDoubles();
        for (int o = 0; o < y.length; o++) {
            for (int i = 0; i < x.length; i++) {
                y[o] += weight.get((long) o * x.length + i) * x[i];
            }
            y[o] = Math.sin(parameters.get("filter.frequency").get(o) * y[o]);
        }
        return y;
    }

    /** Decay rates start evenly spread from the slowest to the fastest; after their part of the context, 1 % is left. */
    @Test
    void windowsDecayToOnePercentWhereTheConfigSays() {
        try (Memory memory = new Memory()) {
            SeededParameters parameters = new SeededParameters(DType.F64, 1, 0, memory);
            HyenaConfig.of(2, ImplicitFilterConfig.published()).build(new BranchContext(5, 64, 0, 1), parameters);
            double[] delta = parameters.get("filter.delta").toDoubles();
            assertThat(Math.exp(-Math.abs(delta[0]) * 1.5)).isCloseTo(0.01, Offset.offset(1e-8));
            assertThat(Math.exp(-Math.abs(delta[4]) * 0.3)).isCloseTo(0.01, Offset.offset(1e-8));
            assertThat(delta[2]).isCloseTo((delta[0] + delta[4]) / 2, Offset.offset(1e-6));
        }
    }

    @ParameterizedTest
    @EnumSource(FilterNorm.class)
    void normsMakeTheSumsThatTheyPromise(FilterNorm norm) {
        try (Bench bench = new Bench(HyenaConfig.of(2, TINY.withNorm(norm)), 3, 8, 1)) {
            Tensor taps = hyena(bench).taps(bench.ops.eager(), 0);
            try (Bench plain = new Bench(HyenaConfig.of(2, TINY), 3, 8, 1)) {
                double[] raw = hyena(plain).taps(plain.ops.eager(), 0).toDoubles();
                double[] expected = raw.clone();
                for (int i = 0; i < raw.length; i++) {
                    double sum = norm == FilterNorm.NONE ? 1 : 0;
                    for (int j = 0; j < raw.length; j++) {
                        sum += switch (norm) {
                            case NONE -> 0;
                            case TAPS_L1 -> j % 3 == i % 3 ? Math.abs(raw[j]) : 0;
                            case TAPS_L2 -> j % 3 == i % 3 ? raw[j] * raw[j] : 0;
                            case CHANNELS_L1 -> j / 3 == i / 3 ? Math.abs(raw[j]) : 0;
                        };
                    }
                    expected[i] = raw[i] / (norm == FilterNorm.TAPS_L2 ? Math.sqrt(sum) : sum);
                }
                Tensors.assertClose(norm.toString(), taps.toDoubles(), expected, Tensors.F64_TOLERANCE);
            }
        }
    }

    /** Without room for histories nothing is kept, and training needs no more than the short filter's memory. */
    @Test
    void withoutCapacityTheOutputsAreTheSame() {
        Seeds.forAll(3, (seed, random) -> {
            try (Bench bench = new Bench(HyenaConfig.of(3, TINY), 4, 16, seed)) {
                Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, 16, 4);
                State roomy = State.empty(bench.mixer.stateLayout(), DType.F64, 1, 16, bench.memory);
                Tensor kept = bench.mixer.mix(Form.PARALLEL, bench.ops.eager(), MixerInput.fresh(x), roomy).y();
                Tensors.assertClose("y", bench.y(x), kept.toDoubles(), Tensors.F64_TOLERANCE);
            }
        });
    }

    @Test
    void theStateIsShortHistoryInputsAndOneBlock() {
        try (Memory memory = new Memory()) {
            Hyena mixer = HyenaConfig.of(3, TINY).build(new BranchContext(4, 1024, 0, 1),
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(mixer.stateLayout().floats(100)).isEqualTo(2 * 4 * 4 + 2 * (100 * 4 + 256 * 4));
        }
    }

    @Test
    void checkpointsDoNotHoldATableAsLongAsTheContext() {
        try (Memory memory = new Memory()) {
            SeededParameters parameters = new SeededParameters(DType.F32, 1, 0, memory);
            HyenaConfig.of(2, TINY).build(new BranchContext(4, 100_003, 0, 1), parameters);
            assertThat(parameters.declared().values())
                    .allSatisfy(declared -> assertThat(declared.tensor().elements()).isLessThan(
                            1000));
        }
    }

    @Test
    void aConfigNamesWhatItExpects() {
        assertThatIllegalArgumentException().isThrownBy(() -> HyenaConfig.of(1, TINY)).withMessage(
                "hyena: order is 1, expected 2 or more (2 = one gated long convolution)");
        assertThatIllegalArgumentException().isThrownBy(() -> new HyenaConfig(2, 0, TINY)).withMessageContaining(
                "shortFilter is 0, expected 1 or more");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ImplicitFilterConfig(6, 4, 1, 1, true, 1.5, 0.3, 0, true, false,
                        FilterNorm.NONE))
                .withMessageContaining("features is 6, expected an odd number");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ImplicitFilterConfig(5, 4, 1, 1, true, 0.3, 1.5, 0, true, false,
                        FilterNorm.NONE))
                .withMessageContaining("fastDecay is 1.5, expected more than 0.0 and at most 0.3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ImplicitFilterConfig(5, 4, 1, Double.NaN, true, 1.5, 0.3, 0,
                        true, false, FilterNorm.NONE))
                .withMessageContaining("frequency is NaN");
    }
}
