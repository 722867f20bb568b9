package tern.mixers.modal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.ops.FilterNorm;
import tern.ops.Modes;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
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

class ModalRecurrenceTest extends MixerContract {
    private static final ImplicitFilterConfig TINY = new ImplicitFilterConfig(5, 6, 1, 3, true, 1.5, 0.3, 0, true,
            false,
            FilterNorm.NONE);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("order 2", ModalRecurrenceConfig.of(1, 3, 1), 6, 8, 40),
                MixerCase.of("order 3, different orders",
                        ModalRecurrenceConfig.of(3, 1, 3, List.of(1, 2, 0, 4, 1, 1), List.of(0,
                                1, 2, 1, 0, 3)),
                        3, 8, 40),
                MixerCase.of("heads of 2", ModalRecurrenceConfig.of(2, 2, 1), 6, 8, 40),
                MixerCase.of("heads of 4, different orders",
                        ModalRecurrenceConfig.of(2, 4, 2, List.of(3, 0), List.of(1, 2)), 8,
                        8, 40),
                MixerCase.of("real poles only", ModalRecurrenceConfig.of(1, 0, 4), 5, 8, 40),
                MixerCase.of("pairs only", ModalRecurrenceConfig.of(5, 2, 0), 5, 8, 40),
                MixerCase.of("no modes at all", ModalRecurrenceConfig.of(1, 0, 0), 4, 8, 20),
                MixerCase.of("long", ModalRecurrenceConfig.of(1, 9, 1), 3, 8, 300),
                MixerCase.of("long, heads of 3", ModalRecurrenceConfig.of(3, 5, 1), 6, 8, 200));
    }

    /** A bank's taps from its parameters: h_0, then Re Σ R λ^(t−1) + Σ S ρ^(t−1), by complex powers in polar form. */
    private static double[][] taps(Modes modes, Tensor passThrough, int length) {
        double[][] taps = new double[length][modes.filters()];
        for (int f = 0; f < modes.filters(); f++) {
            taps[0][f] = passThrough.get(f);
            for (int t = 1; t < length; t++) {
                for (int n = modes.pairStart()[f]; n < modes.pairStart()[f + 1]; n++) {
                    double power = Math.exp(-Math.exp(modes.decay().get(n)) * (t - 1));
                    double angle = modes.phase().get(n) * (t - 1);
                    taps[t][f] += power
                            * (modes.residueReal().get(n) * Math.cos(angle) - modes.residueImaginary().get(n)
                                    * Math.sin(angle));
                }
                for (int m = modes.realStart()[f]; m < modes.realStart()[f + 1]; m++) {
                    double pole = modes.realSign().get(m) * Math.exp(-Math.exp(modes.realDecay().get(m)));
                    taps[t][f] += modes.realResidue().get(m) * Math.pow(pole, t - 1);
                }
            }
        }
        return taps;
    }

    /** Stepping equals convolving with the taps of the modes, for every order, negative real poles included. */
    @Test
    void isTheConvolutionWithItsTaps() {
        Seeds.forAll(6, (seed, random) -> {
            int order = Seeds.between(random, 2, 4);
            int width = Seeds.between(random, 1, 3);
            List<Integer> pairs = random.ints((order - 1L) * width, 0, 5).boxed().toList();
            List<Integer> reals = random.ints((order - 1L) * width, 0, 3).boxed().toList();
            try (Bench bench = new Bench(ModalRecurrenceConfig.of(order, 1, 3, pairs, reals), width, 8, seed)) {
                ModalRecurrence mixer = (ModalRecurrence) bench.mixer;
                int time = Seeds.between(random, 1, 60);
                Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, time, width);
                double[][][] taps = new double[order - 1][][];
                for (int bank = 0; bank < order - 1; bank++) {
                    Tensor sign = mixer.modes(bank).realSign();
                    for (long i = 0; i < sign.elements(); i += 2) {
                        sign.set(i, -1);
                    }
                    taps[bank] = taps(mixer.modes(bank), mixer.passThrough(bank), time);
                }
                double[] expected = Plain.hyena(order, Plain.streams(x, bench.parameters), taps, bench.parameters);
                Tensors.assertClose("y of order " + order, bench.y(x), expected, Tensors.F64_TOLERANCE);
            }
        });
    }

    /** The same for heads: Σ_s h_(t−s)·(q_t·k_s)·v_s with the taps of the modes. */
    @Test
    void withHeadsItIsTheQuadraticFormOfItsTaps() {
        Seeds.forAll(6, (seed, random) -> {
            int headWidth = Seeds.between(random, 2, 4);
            int filters = Seeds.between(random, 1, 3);
            List<Integer> pairs = random.ints(filters, 0, 5).boxed().toList();
            List<Integer> reals = random.ints(filters, 0, 3).boxed().toList();
            try (Bench bench = new Bench(ModalRecurrenceConfig.of(2, headWidth, 3, pairs, reals), headWidth * filters,
                    8, seed)) {
                ModalRecurrence mixer = (ModalRecurrence) bench.mixer;
                int time = Seeds.between(random, 1, 60);
                Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, time, headWidth * filters);
                double[] expected = Plain.heads(headWidth, Plain.streams(x, bench.parameters), taps(mixer.modes(0),
                        mixer.passThrough(0), time), bench.parameters);
                Tensors.assertClose("y", bench.y(x), expected, Tensors.F64_TOLERANCE);
            }
        });
    }

    /** Built from exact modes, the recurrence takes a Hyena's place: h_t = g·γ^t is one real pole, S = g·γ, h_0 = g + skip. */
    @Test
    void takesThePlaceOfAHyenaWhoseFiltersAreModes() {
        Seeds.forAll(3, (seed, random) -> takesThePlaceOf(HyenaConfig.of(2 + (int) seed % 2, TINY), 4, seed));
    }

    /** The same for a MultiHyena. */
    @Test
    void takesThePlaceOfAMultiHyenaWhoseFiltersAreModes() {
        Seeds.forAll(3, (seed, random) -> takesThePlaceOf(MultiHyenaConfig.of(2, TINY), 6, seed));
    }

    private static void takesThePlaceOf(MixerConfig config, int width, long seed) {
        int context = 20;
        try (Bench teacher = new Bench(config, width, context, seed)) {
            LongConvolutionMixer mixer = (LongConvolutionMixer) teacher.mixer;
            int filters = mixer.banks() * mixer.filters();
            double[] first = Seeds.random(seed).doubles(filters, 0.5, 2).toArray();
            double[] decay = Seeds.random(seed + 1).doubles(filters, 0.6, 0.99).toArray();
            teacher.exponentialFilters(context, first, decay);
            try (Bench student = new Bench(mixer.modal(List.of(0), List.of(1)), width, context, seed + 7)) {
                int carried = student.parameters.copyFrom(teacher.parameters);
                assertThat(carried).as("parameters that carry over by name").isEqualTo(6);
                ModalRecurrence recurrence = (ModalRecurrence) student.mixer;
                for (int bank = 0; bank < mixer.banks(); bank++) {
                    Tensor taps = mixer.taps(teacher.ops.eager(), bank);
                    for (int f = 0; f < mixer.filters(); f++) {
                        int at = bank * mixer.filters() + f;
                        recurrence.passThrough(bank).set(f, taps.get(f) + mixer.skip(bank).get(f));
                        recurrence.modes(bank).realResidue().set(f, first[at] * decay[at]);
                        recurrence.modes(bank).realDecay().set(f, Math.log(-Math.log(decay[at])));
                    }
                }
                Tensor x = Tensors.normal(DType.F64, Seeds.random(seed), teacher.memory, 1, context, width);
                Tensors.assertClose("y", student.y(x), teacher.y(x), Tensors.F64_TOLERANCE);
            }
        }
    }

    /** With open gates the layer's impulse response is h_0, then the modes; a pole at radius r decays as r^t for long. */
    @Test
    void withOpenGatesAnImpulseGivesBackTheModes() {
        try (Bench bench = new Bench(ModalRecurrenceConfig.of(1, 0, 1), 1, 8, 1)) {
            bench.openGates(1, 1);
            ModalRecurrence mixer = (ModalRecurrence) bench.mixer;
            mixer.passThrough(0).fill(3);
            mixer.modes(0).realResidue().fill(2);
            mixer.modes(0).realDecay().fill(Math.log(-Math.log(0.999)));
            Tensor impulse = bench.memory.zeros(DType.F64, 1, 3000, 1);
            impulse.set(0, 1);
            double[] y = bench.y(impulse);
            assertThat(y[0]).isCloseTo(3, within(1e-12));
            assertThat(y[1]).isCloseTo(2, within(1e-12));
            assertThat(y[2999]).isCloseTo(2 * Math.pow(0.999, 2998), within(1e-10));
        }
    }

    /** Ten thousand steps without input after an impulse: the state only decays, and keeps its size. */
    @Test
    void theStateDecaysWithoutInput() {
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            SeededParameters parameters = new SeededParameters(DType.F32, 1, 0, memory);
            ModalRecurrence mixer = new ModalRecurrenceConfig(2, 2, 3, List.of(3), List.of(1), 0.9, 0.999).build(
                    new BranchContext(4, 8, 0, 1), parameters);
            parameters.get("projection.bias").fill(0);
            parameters.get("short.bias").fill(0);
            State state = State.empty(mixer.stateLayout(), DType.F32, 1, 0, memory);
            Tensor impulse = Tensors.normal(DType.F32, Seeds.random(1), memory, 1, 1, 4);
            Mixed mixed = mixer.mix(Form.STEP, ops.eager(), MixerInput.of(impulse, 0), state);
            double first = norm(mixed.state().slot("modes0"));
            assertThat(first).isGreaterThan(1e-6);
            Tensor silence = memory.zeros(DType.F32, 1, 1, 4);
            for (long age = 1; age <= 10_000; age++) {
                mixed = mixer.mix(Form.STEP, ops.eager(), MixerInput.of(silence, age), mixed.state());
                if (age % 1000 == 0) {
                    ops.reset();
                }
            }
            assertThat(mixed.state().slot("modes0").shape().toArray()).containsExactly(1, 2 * (2 * 3 + 1), 2, 2);
            assertThat(norm(mixed.state().slot("modes0"))).isLessThan(first * 1e-3);
        }
    }

    private static double norm(Tensor tensor) {
        double sum = 0;
        for (double value : tensor.toDoubles()) {
            sum += value * value;
        }
        return Math.sqrt(sum);
    }

    /** Radii, phases and residues start where the paper's trained-from-scratch class starts them. */
    @Test
    void startsAsThePaperSays() {
        try (Memory memory = new Memory()) {
            SeededParameters parameters = new SeededParameters(DType.F64, 1, 0, memory);
            ModalRecurrenceConfig.of(1, 16, 4).build(new BranchContext(128, 8, 0, 1), parameters);
            for (String name : List.of("bank0.decay", "bank0.realDecay")) {
                double[] radii = radii(parameters.get(name));
                assertThat(Arrays.stream(radii).summaryStatistics().getMin()).isBetween(0.5 - 1e-6, 0.52);
                assertThat(Arrays.stream(radii).summaryStatistics().getMax()).isBetween(0.97, 0.99 + 1e-6);
                assertThat(mean(radii)).isCloseTo(0.745, within(0.02));
            }
            double[] phase = parameters.get("bank0.phase").toDoubles();
            assertThat(Arrays.stream(phase).min().getAsDouble()).isBetween(0.0, 0.1);
            assertThat(Arrays.stream(phase).max().getAsDouble()).isBetween(6.2, 2 * Math.PI);
            assertThat(norm(parameters.get("bank0.residueReal")) / Math.sqrt(128 * 16)).isCloseTo(1 / Math.sqrt(20),
                    within(0.02));
            assertThat(parameters.get("bank0.passThrough").toDoubles()).containsOnly(1);
            assertThat(parameters.get("bank0.realSign").toDoubles()).containsOnly(1);
        }
    }

    private static double[] radii(Tensor decay) {
        double[] radii = decay.toDoubles();
        for (int i = 0; i < radii.length; i++) {
            radii[i] = Math.exp(-Math.exp(radii[i]));
        }
        return radii;
    }

    private static double mean(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    @Test
    void theStateHoldsTwoFloatsForAPairAndOneForARealPole() {
        try (Memory memory = new Memory()) {
            BranchContext at = new BranchContext(6, 8, 0, 1);
            ModalRecurrence channels = ModalRecurrenceConfig.of(3, 1, 3, List.of(2), List.of(1)).build(at,
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(channels.stateLayout().floats(1)).isEqualTo(channels.stateLayout().floats(1_000_000_000))
                    .isEqualTo(
                            2 * 4 * 6 + 2 * 6 * (2 * 2 + 1));
            ModalRecurrence heads = ModalRecurrenceConfig.of(2, 3, 3, List.of(2, 5), List.of(1, 0)).build(at,
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(heads.stateLayout().floats(1)).isEqualTo(2 * 3 * 6 + (2 * 2 + 1 + 2 * 5) * 3 * 3);
        }
    }

    @Test
    void equalOrdersAreWrittenOnce() {
        assertThat(ModalRecurrenceConfig.of(2, 1, 3, List.of(4, 4, 4), List.of(0, 1, 0)).pairs()).containsExactly(4);
        assertThat(ModalRecurrenceConfig.of(2, 1, 3, List.of(4, 4, 4), List.of(0, 1, 0)).reals()).containsExactly(0, 1,
                0);
    }

    @Test
    void aConfigNamesWhatItExpects() {
        assertThatIllegalArgumentException().isThrownBy(() -> ModalRecurrenceConfig.of(3, 2, 3, List.of(1), List.of(0)))
                .withMessage("modal: headWidth is 2 and order is 3; heads wider than 1 need order 2");
        assertThatIllegalArgumentException().isThrownBy(() -> ModalRecurrenceConfig.of(1, -1, 0)).withMessageContaining(
                "modal: pairs is -1, expected 0 or more");
        assertThatIllegalArgumentException().isThrownBy(() -> ModalRecurrenceConfig.of(2, 1, 3, List.of(), List.of(0)))
                .withMessageContaining("pairs is empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ModalRecurrenceConfig(2, 1, 3, List.of(1), List.of(0), 0.5, 1))
                .withMessageContaining("largestRadius is 1.0");
        try (Memory memory = new Memory()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> ModalRecurrenceConfig.of(2, 1, 3, List.of(1, 2), List.of(0))
                            .build(new BranchContext(3, 8, 0, 1), new SeededParameters(DType.F32, 1, 0, memory)))
                    .withMessage(
                            "modal: pairs has 2 numbers, expected 1 or 3 (1 banks of 3 filters)");
        }
    }
}
