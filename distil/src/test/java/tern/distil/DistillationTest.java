package tern.distil;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.distil.filter.BalancedTruncation;
import tern.distil.filter.FilterMethod;
import tern.distil.filter.GradientFit;
import tern.distil.filter.HankelFit;
import tern.distil.filter.ModalTruncation;
import tern.distil.filter.OrderChoice;
import tern.distil.filter.PronyFit;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.longconv.ConvolutionLayerConfig;
import tern.mixers.longconv.ImplicitConvConfig;
import tern.mixers.longconv.SgConvConfig;
import tern.mixers.mega.GatedAttentionConfig;
import tern.mixers.mega.MovingAverageConfig;
import tern.mixers.mega.Normalisation;
import tern.mixers.mega.RelativeBias;
import tern.mixers.mega.SumMoverConfig;
import tern.mixers.modal.ModalMover;
import tern.mixers.modal.ModalRecurrence;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.modal.OverMover;
import tern.mixers.parallel.ParallelConfig;
import tern.mixers.parallel.ParallelPart;
import tern.mixers.statespace.LmuConfig;
import tern.mixers.statespace.LmuModal;
import tern.mixers.statespace.LsslConfig;
import tern.mixers.statespace.ModeStart;
import tern.mixers.statespace.S4dConfig;
import tern.mixers.statespace.StateSpaceModal;
import tern.mixers.tcn.DilatedStackConfig;
import tern.mixers.tcn.TcncaSimpleConfig;
import tern.mixers.universal.UniversalConfig;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.ops.FilterNorm;
import tern.ops.Weighing;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** The student of a model with smooth filters says what its teacher says; orders, budgets and refusals are as promised. */
class DistillationTest {
    private static final int TIME = 96;
    private static final long SEED = 31;
    /** A low sine frequency makes smooth filters without training, which compress as trained ones do. */
    private static final ImplicitFilterConfig SMOOTH = new ImplicitFilterConfig(5, 8, 1, 1.5, true, 1.5, 0.3, 0, true,
            false,
            FilterNorm.NONE);

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(1);
    private final EagerOps ops = new EagerOps(KernelSet.reference(), team, workspace);
    private final OrderChoice how = new OrderChoice(new HankelFit(), 40, 2);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    private Stack teacher(MixerConfig... mixers) {
        StackConfig config = StackConfig.of(8, TIME, List.of(mixers));
        return new Stack(config, Parameters.Source.initialised(SEED, DType.F32, memory));
    }

    private double[] hidden(Stack stack) {
        SplittableRandom random = new SplittableRandom(SEED);
        Tensor ids = memory.zeros(DType.I32, 1, TIME);
        for (int i = 0; i < TIME; i++) {
            ids.set(i, random.nextInt(256));
        }
        ModelState empty = ModelState.empty(stack.stateLayouts(), DType.F32, 1, TIME, memory);
        return stack.forward(Form.PARALLEL, ops, ids, empty).hidden().toDoubles();
    }

    @Test
    void theStudentSaysWhatTheTeacherSays() {
        Stack teacher = teacher(HyenaConfig.of(3, SMOOTH), GatedMlpConfig.gated(16, Activation.SILU),
                MultiHyenaConfig.of(2, SMOOTH), AttentionConfig.of(2));
        Distillation distillation = Distillation.of(teacher, ops, how, new Target.Tolerance(1e-4), memory);
        assertThat(distillation.choices()).hasSize(2 * 8 + 4).allMatch(choice -> choice.met());
        double[] expected = hidden(teacher);
        double[] found = hidden(distillation.student());
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("element %d, seed %d", i, SEED).isCloseTo(expected[i], within(2e-3));
        }
        assertThat(distillation.student().mixers()).hasAtLeastOneElementOfType(ModalRecurrence.class);
        assertThat(distillation.student().stateLayouts().get(0).grows()).isFalse();
        assertThat(distillation.student().stateLayouts().get(2).grows()).isFalse();
        long shortFilters = 2 * 4 * 8 + 2 * 3 * 8;
        long attention = 2L * 8 * 50;
        assertThat(distillation.student().stateFloats(50))
                .isEqualTo(distillation.stateFloats() + shortFilters + attention);
    }

    @Test
    void aBudgetIsKeptAndOrdersDiffer() {
        Stack teacher = teacher(HyenaConfig.of(2, SMOOTH), MultiHyenaConfig.of(2, SMOOTH));
        Distillation small = Distillation.of(teacher, ops, how, new Target.Budget(80), memory);
        Distillation large = Distillation.of(teacher, ops, how, new Target.Budget(160), memory);
        assertThat(small.stateFloats()).isBetween(40L, 80L);
        assertThat(large.stateFloats()).isBetween(80L, 160L);
        assertThat(error(large)).isLessThan(error(small));
    }

    /**
     * Each coefficient of a Legendre memory is a filter, which needs modes of its own: the state becomes larger, and nothing in it is
     * dense.
     */
    @Test
    void legendreMemoriesBecomeModes() {
        Stack teacher = teacher(new LmuConfig(2, 4, 40), GatedMlpConfig.gated(16, Activation.SILU));
        Distillation distillation = Distillation.of(teacher, ops, new OrderChoice(new HankelFit(), 15, 2),
                new Target.Tolerance(1e-4), memory);
        assertThat(distillation.choices()).hasSize(8).allMatch(choice -> choice.met());
        double[] expected = hidden(teacher);
        double[] found = hidden(distillation.student());
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("element %d, seed %d", i, SEED).isCloseTo(expected[i], within(2e-3));
        }
        assertThat(distillation.student().mixers().getFirst()).isInstanceOf(LmuModal.class);
        assertThat(teacher.stateFloats(50)).isEqualTo(2 * 4);
        assertThat(distillation.student().stateFloats(50)).isEqualTo(distillation.stateFloats())
                .isBetween(2L * 4, 2L * 4 * 4);
    }

    /** State spaces of single channels are filters: modes take their place, what follows stays. */
    @Test
    void stateSpacesBecomeModes() {
        for (MixerConfig space : List.of(new S4dConfig(3, ModeStart.LEGS), new LsslConfig(6, 2, false))) {
            Stack teacher = teacher(space, GatedMlpConfig.gated(16, Activation.SILU));
            Distillation distillation = Distillation.of(teacher, ops, new OrderChoice(new HankelFit(), 15, 2),
                    new Target.Tolerance(1e-4), memory);
            assertThat(distillation.choices()).hasSize(8).allMatch(choice -> choice.met());
            double[] expected = hidden(teacher);
            double[] found = hidden(distillation.student());
            for (int i = 0; i < expected.length; i++) {
                assertThat(found[i]).as("%s, element %d, seed %d", space, i, SEED).isCloseTo(expected[i], within(2e-3));
            }
            assertThat(distillation.student().mixers().getFirst()).isInstanceOf(StateSpaceModal.class);
            assertThat(distillation.student().stateFloats(50)).isEqualTo(distillation.stateFloats());
        }
    }

    /** Mega's averages and the linear dilated stack are filters too: modes take their place in front of the attention. */
    @Test
    void theMoverOfMegaBecomesModes() {
        theMoverBecomesModes(mover -> GatedAttentionConfig.language(mover, 4, 12, 16), 12);
    }

    @Test
    void theMoverOfSimpleAttentionBecomesModes() {
        theMoverBecomesModes(mover -> TcncaSimpleConfig.of(mover, 4, 16), 8);
    }

    private void theMoverBecomesModes(UnaryOperator<MixerConfig> unit, int valueWidth) {
        for (MixerConfig mover : List.of(MovingAverageConfig.of(3),
                new MovingAverageConfig(2, true, false, Activation.SILU, Optional.empty()),
                DilatedStackConfig.linear(2, 2, 5))) {
            boolean rings = mover instanceof DilatedStackConfig;
            Stack teacher = teacher(unit.apply(mover), GatedMlpConfig.gated(16, Activation.SILU));
            for (int layer = 0; rings && layer < 5; layer++) {
                // The layers together: 0.6^lag, up to the lag 31.
                Tensor weight = teacher.parameters().find("branches.0.mixer.move.layer" + layer + ".weight")
                        .orElseThrow()
                        .tensor();
                weight.slice(0, 1).fill(1);
                weight.slice(1, 2).fill(Math.pow(0.6, 1 << layer));
            }
            Distillation distillation = Distillation.of(teacher, ops, new OrderChoice(new HankelFit(), 15, 2),
                    new Target.Tolerance(1e-4), memory);
            assertThat(distillation.choices()).hasSize(8).allMatch(choice -> choice.met());
            double[] expected = hidden(teacher);
            double[] found = hidden(distillation.student());
            for (int i = 0; i < expected.length; i++) {
                assertThat(found[i]).as("%s, element %d, seed %d", mover, i, SEED).isCloseTo(expected[i], within(2e-3));
            }
            assertThat(((OverMover) distillation.student().mixers().getFirst()).mover())
                    .isInstanceOf(ModalMover.class);
            long chunk = 16L * (4 + valueWidth);
            assertThat(distillation.student().stateFloats(50)).isEqualTo(distillation.stateFloats() + chunk);
            assertThat(teacher.stateFloats(50)).isEqualTo(chunk + 8 * (rings ? 31 : mover.equals(MovingAverageConfig
                    .of(3)) ? 3 : 4));
            assertThat(distillation.stateFloats()).isLessThanOrEqualTo(teacher.stateFloats(50) - chunk);
        }
    }

    /** Behind the reach of dilated layers there is nothing: an error counts what modes would add there. */
    @ParameterizedTest
    @MethodSource("methods")
    void modesEndWhereTheLayersDo(FilterMethod method) {
        Stack teacher = teacher(GatedAttentionConfig.language(DilatedStackConfig.linear(2, 2, 4), 4, 12, 16));
        Distillation distillation = Distillation.of(teacher, ops, new OrderChoice(method, 15, 2), new Target.Order(5),
                memory);
        for (OrderChoice.Choice choice : distillation.choices()) {
            double[] taps = Arrays.copyOf(choice.filter().taps(), 10 * TIME);
            double[] modes = choice.fit().filter().taps(taps.length);
            double squares = 0;
            for (int lag = 0; lag < taps.length; lag++) {
                squares += (modes[lag] - taps[lag]) * (modes[lag] - taps[lag]);
            }
            assertThat(Math.sqrt(squares)).as("%s, seed %d", choice.filter().name(), SEED)
                    .isLessThan(1.01 * choice.fit().l2());
        }
    }

    /** Long convolutions without gates become modes within the same layer; the smoother the filter, the fewer. */
    @Test
    void convolutionLayersBecomeModes() {
        Stack teacher = teacher(new ConvolutionLayerConfig(new ImplicitConvConfig(SMOOTH, Activation.GELU), false),
                GatedMlpConfig.gated(16, Activation.SILU),
                new ConvolutionLayerConfig(new SgConvConfig(16, 2, Activation.GELU), true));
        // Ramps down to 0 over the lags of two scales, straight in each.
        for (int scale = 0; scale < 4; scale++) {
            Tensor numbers = teacher.parameters().find("branches.2.mixer.mover.scale" + scale + ".weight")
                    .orElseThrow().tensor();
            for (long i = 0; i < numbers.elements(); i++) {
                double lag = i % 16 + 0.5;
                numbers.set(i, scale == 0 ? 1 - lag / 32 : scale == 1 ? 1 - lag / 16 : 0);
            }
        }
        Distillation distillation = Distillation.of(teacher, ops, how, new Target.Tolerance(3e-2), memory);
        assertThat(distillation.choices()).hasSize(16).allMatch(choice -> choice.met());
        double[] expected = hidden(teacher);
        double[] found = hidden(distillation.student());
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("element %d, seed %d", i, SEED).isCloseTo(expected[i], within(0.1));
        }
        assertThat(distillation.student().stateFloats(5000)).isEqualTo(distillation.stateFloats())
                .isLessThan(16 * 20);
        assertThat(teacher.stateFloats(5000)).isGreaterThan(2 * 8 * 5000);
    }

    /** Convolutions beside attention, in a block that is used twice, in a sum: modes take their place wherever they stand. */
    @Test
    void convolutionsThatArePartsOfOthersBecomeModes() {
        MixerConfig attention = AttentionConfig.of(2);
        // As it is, a modal part of the teacher stays what it is.
        MixerConfig modal = new ModalRecurrenceConfig(2, 1, 3, List.of(1), List.of(1), 0.5, 0.9);
        MixerConfig average = new MovingAverageConfig(3, false, false, Activation.IDENTITY, Optional.empty());
        Stack teacher = teacher(
                new ParallelConfig(List.of(ParallelPart.of(modal), new ParallelPart(HyenaConfig.of(2, SMOOTH), 0.5, 2),
                        ParallelPart.of(attention), ParallelPart.of(MultiHyenaConfig.of(2, SMOOTH)))),
                new UniversalConfig(HyenaConfig.of(3, SMOOTH), GatedMlpConfig.gated(16, Activation.SILU), 2, 0.01),
                GatedAttentionConfig.language(new SumMoverConfig(List.of(average, DilatedStackConfig.of(2, 2, 2)
                        .asPartOfASum()), Activation.SILU), 4, 12, 16));
        Distillation distillation = Distillation.of(teacher, ops, how, new Target.Tolerance(1e-4), memory);
        assertThat(distillation.choices()).hasSize(8 + 4 + 2 * 8 + 8).allMatch(choice -> choice.met());
        double[] expected = hidden(teacher);
        double[] found = hidden(distillation.student());
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("element %d, seed %d", i, SEED).isCloseTo(expected[i], within(2e-3));
        }
        List<MixerConfig> parts = ((ParallelConfig) distillation.config().branches().getFirst()).parts().stream()
                .map(ParallelPart::mixer).toList();
        assertThat(parts.get(0)).isEqualTo(modal);
        assertThat(parts.get(2)).isEqualTo(attention);
        assertThat(distillation.student().stateLayouts().get(1).grows()).isFalse();
        long shortFilters = 2 * (3 * 8) * 3 + 2 * (2 * 4 * 8);
        long others = 3 * 8 + 2L * 8 * 50 + 3 * 8 + 16L * (4 + 12);
        assertThat(distillation.student().stateFloats(50))
                .isEqualTo(distillation.stateFloats() + shortFilters + others);
    }

    /** A trained number for every distance reads no further than the context, and so does the teacher when it writes. */
    @Test
    void aTeacherThatReadsNoFurtherThanItsContextWritesNoMore() {
        Stack teacher = teacher(new GatedAttentionConfig(MovingAverageConfig.of(2), 4, 12, Weighing.SOFTMAX, 0,
                RelativeBias.SIMPLE, true, Normalisation.LAYER, true));
        assertThat(teacher.limit()).isEqualTo(TIME);
        Distillation distillation = Distillation.of(teacher, ops, how, new Target.Automatic(), memory);
        assertThat(((OverMover) distillation.student().mixers().getFirst()).mover()).isInstanceOf(ModalMover.class);
    }

    /** An average of the future cannot be stepped, so nothing takes its place. */
    @Test
    void averagesInBothDirectionsStay() {
        Stack teacher = teacher(new GatedAttentionConfig(MovingAverageConfig.bidirectional(2), 4, 12, Weighing.LAPLACE,
                16, RelativeBias.SIMPLE, false, Normalisation.LAYER, true));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Distillation.of(teacher, ops, how, new Target.Order(2), memory))
                .withMessageContaining("no long convolution").withMessageContaining("[mega]");
    }

    static Stream<FilterMethod> methods() {
        return Stream.of(new HankelFit(), new HankelFit(false), new GradientFit(), new ModalTruncation(),
                new BalancedTruncation(), new PronyFit());
    }

    /** Orders come from quick fits; what the method makes of them is what has to predict as the teacher does. */
    @ParameterizedTest
    @MethodSource("methods")
    void automaticOrdersKeepTheirPromiseWithEveryMethod(FilterMethod method) {
        Stack teacher = loud(teacher(HyenaConfig.of(2, SMOOTH), GatedMlpConfig.gated(16, Activation.SILU),
                HyenaConfig.of(2, SMOOTH)));
        Distillation distillation = Distillation.of(teacher, ops, new OrderChoice(method, 40, 2),
                new Target.Automatic(), memory);
        assertThat(distillation.stateFloats()).as("state of %s", method).isPositive();
        assertThat(distillation.bitsOnOwnText().orElseThrow()).as("bits of %s", method)
                .isLessThanOrEqualTo(Target.Automatic.BITS_PER_SYMBOL);
    }

    /** The cost is that of the student that comes out, also where no order allowed is large enough. */
    @Test
    void whatAutomaticOrdersCostIsTold() {
        Stack teacher = loud(teacher(HyenaConfig.of(2, SMOOTH)));
        Distillation small = Distillation.of(teacher, ops, new OrderChoice(new HankelFit(), 1, 2),
                new Target.Automatic(), memory);
        Distillation spread = Distillation.of(teacher, ops, how, new Target.Budget(8), memory);
        int[][] text = OwnText.of(teacher, ops, 43, TIME, 1);
        for (Distillation one : List.of(small, spread)) {
            double bits = Quality.of(teacher, one.student(), text, ops).meanKl() / Math.log(2);
            assertThat(one.bitsOnOwnText().orElseThrow()).isGreaterThan(Target.Automatic.BITS_PER_SYMBOL)
                    .isCloseTo(bits, within(0.2 * bits));
        }
        assertThat(Distillation.of(teacher, ops, how, new Target.Order(2), memory).bitsOnOwnText()).isEmpty();
    }

    /** Where what stands behind the filters is zero, as at the start of training, none of them matters more than another. */
    @Test
    void filtersThatNothingListensToAreDistilled() {
        Stack teacher = teacher(HyenaConfig.of(2, SMOOTH), HyenaConfig.of(2, SMOOTH));
        for (int branch = 0; branch < 2; branch++) {
            teacher.parameters().find("branches." + branch + ".mixer.output.weight").orElseThrow().tensor().fill(0);
        }
        assertThat(Distillation.of(teacher, ops, how, new Target.Automatic(), memory).bitsOnOwnText()).hasValue(0);
        assertThat(Distillation.of(teacher, ops, how, new Target.Budget(64), memory).stateFloats())
                .isBetween(48L, 64L);
    }

    @Test
    void aModelThatPredictsNoNumbersIsRefused() {
        for (double damage : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            Stack teacher = teacher(HyenaConfig.of(2, SMOOTH), GatedMlpConfig.gated(16, Activation.SILU));
            teacher.parameters().find("branches.1.mixer.gate.weight").orElseThrow().tensor().set(3, damage);
            for (Target target : List.of(new Target.Automatic(), new Target.Budget(64))) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> Distillation.of(teacher, ops, how, target, memory))
                        .withMessageContaining("predictions are not numbers");
            }
        }
    }

    /** Predictions that depend on what the filters remember, as those of a trained model do. */
    private static Stack loud(Stack teacher) {
        for (Parameters.Parameter parameter : teacher.parameters().all()) {
            double louder = parameter.name().equals("embedding.table") ? 30
                    : parameter.name().endsWith("mixer.output.weight") ? 1000 : 1;
            Tensor tensor = parameter.tensor();
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.set(i, tensor.get(i) * louder);
            }
        }
        return teacher;
    }

    private static double error(Distillation distillation) {
        return distillation.choices().stream().mapToDouble(choice -> choice.fit().l2() * choice.fit().l2()).sum();
    }

    @Test
    void oneOrderForAll() {
        Distillation distillation = Distillation.of(teacher(HyenaConfig.of(2, SMOOTH)), ops, how, new Target.Order(4),
                memory);
        assertThat(distillation.choices()).allMatch(choice -> choice.fit().order() <= 4);
        assertThat(distillation.stateFloats()).isBetween(8L, 32L);
    }

    @Test
    void whatCannotBeDoneIsRefusedWithTheFilterAndWhatWouldDo() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> Distillation.of(teacher(AttentionConfig.of(2)), ops, how, new Target.Order(4), memory))
                .withMessageContaining("no long convolution").withMessageContaining("[attention]");
        Stack rough = teacher(HyenaConfig.of(2, ImplicitFilterConfig.published()));
        assertThatIllegalArgumentException().isThrownBy(
                () -> Distillation.of(rough, ops, new OrderChoice(new HankelFit(), 4, 2), new Target.Tolerance(1e-6),
                        memory))
                .withMessageContaining("8 of 8 filters").withMessageContaining("branch 0 bank 0 filter");
        assertThatIllegalArgumentException().isThrownBy(() -> new Target.Tolerance(2)).withMessageContaining("2.0");
        assertThatIllegalArgumentException().isThrownBy(() -> new Target.Order(0));
        assertThatIllegalArgumentException().isThrownBy(() -> new Target.Budget(0));
    }
}
