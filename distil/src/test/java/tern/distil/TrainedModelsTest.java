package tern.distil;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.checkpoint.Checkpoint;
import tern.distil.Distillation.Place;
import tern.distil.filter.FilterFit;
import tern.distil.filter.GradientFit;
import tern.distil.filter.HankelFit;
import tern.distil.filter.OrderChoice;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.OrderChoice.Filter;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Workspace;
import tern.text.EvaluationWindows;
import tern.text.SampleText;
import tern.text.Split;
import tern.text.TextData;
import tern.text.Tokenizer;

/**
 * What is promised of distillation, on filters that training made (see the README beside the fixtures). With the Maven profile
 * {@code proofs} every filter is looked at; without it some of each layer.
 */
class TrainedModelsTest {
    private static final boolean PROOFS = Boolean.getBoolean("tern.proofs");
    private static final int THREADS = Math.min(4, Runtime.getRuntime().availableProcessors());
    /** Bits per byte may change by so much at automatic orders. */
    private static final double BITS = 0.005;
    /** Root mean square change of a logit at automatic orders. */
    private static final double LOGIT = 0.25;

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(THREADS);
    private final EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);
    private final OrderChoice how = new OrderChoice(THREADS);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    private static Path fixture(String name) throws URISyntaxException {
        return Path.of(Objects.requireNonNull(
                TrainedModelsTest.class.getResource("trained/" + name + ".safetensors"), name).toURI());
    }

    private Stack teacher(String name) throws IOException, URISyntaxException {
        try (Checkpoint checkpoint = Checkpoint.open(fixture(name))) {
            return checkpoint.load(DType.F32, memory);
        }
    }

    private List<Filter> filters(Stack teacher) {
        List<Filter> filters = new ArrayList<>();
        Distillation.readFilters(teacher, ops, new ArrayList<Place>(), filters);
        return filters;
    }

    private Quality quality(String name, Stack teacher, Stack student, int windows)
            throws IOException, URISyntaxException {
        try (Checkpoint checkpoint = Checkpoint.open(fixture(name)); TextData text = SampleText.open()) {
            Tokenizer tokenizer = Tokenizer.from(checkpoint.tokenizer());
            int time = teacher.config().context();
            return Quality.of(teacher, student, tokenizer,
                    new EvaluationWindows(text.split().tokens(Split.VALIDATION, tokenizer), time), time, windows,
                    KernelSet.fastest(), team);
        }
    }

    /** One filter fitted by us and by the paper's recipe; seconds of the processor, which other programs take nothing of. */
    private record Duel(String name, int order, FilterFit own, double ownSeconds, double published, double raised,
            double recipeSeconds) {
        static Duel of(Filter filter, int order) {
            long begun = cpuNanos();
            FilterFit own = new HankelFit().fit(filter.taps(), order);
            long fitted = cpuNanos();
            double published = new GradientFit(3000, 6e-4, 1).fit(filter.taps(), order).relativeL2();
            long once = cpuNanos();
            double raised = new GradientFit(3000, 5e-3, 1).fit(filter.taps(), order).relativeL2();
            return new Duel(filter.name(), order, own, (fitted - begun) * 1e-9, published, raised,
                    (once - fitted) * 1e-9);
        }

        private static long cpuNanos() {
            return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"hyena", "multihyena"})
    void neverWorseThanThreeThousandStepsOfTheRecipeAndFaster(String name) throws Exception {
        List<Filter> filters = filters(teacher(name));
        int every = PROOFS ? 1 : filters.size() / 12;
        int[] orders = PROOFS ? new int[] {2, 4, 8, 16} : new int[] {4, 12};
        List<Duel> duels = IntStream.range(0, filters.size()).filter(f -> f % every == 0).boxed()
                .flatMap(f -> IntStream.of(orders).mapToObj(order -> Map.entry(f, order))).parallel()
                .map(pair -> Duel.of(filters.get(pair.getKey()), pair.getValue())).toList();
        assertThat(duels).hasSizeGreaterThanOrEqualTo(24).allSatisfy(duel -> {
            assertThat(duel.own.relativeL2()).isLessThanOrEqualTo(
                    Math.min(duel.published, duel.raised) * (1 + 1e-9));
            assertThat(duel.own.hankel()).isGreaterThanOrEqualTo(duel.own.hankelBound() * (1 - 1e-6));
            assertThat(duel.own.filter().direct()).isEqualTo(duel.own.filter().taps(1)[0]);
        });
        double own = duels.stream().mapToDouble(Duel::ownSeconds).sum();
        double recipe = duels.stream().mapToDouble(Duel::recipeSeconds).sum();
        System.out.printf("%s: %d fits in %.1f s, the recipe %.1f s; mean relative error %.3f, recipe %.3f%n", name,
                duels.size(), own, recipe, duels.stream().mapToDouble(duel -> duel.own.relativeL2()).average()
                        .orElseThrow(),
                duels.stream().mapToDouble(duel -> Math.min(duel.published, duel.raised)).average().orElseThrow());
        assertThat(own).isLessThan(recipe);
    }

    /** The largest state that automatic orders may take stands beside each model: one order for all would take twice that. */
    @ParameterizedTest
    @CsvSource({"hyena, 1500", "multihyena, 3000"})
    void automaticOrdersKeepPredictionsAndErrorsStandBesideTheirBound(String name, int most) throws Exception {
        Stack teacher = teacher(name);
        Distillation distillation = Distillation.of(teacher, ops, how, new Target.Automatic(), memory);
        assertThat(distillation.stateFloats()).isBetween(300L, (long) most);
        assertThat(distillation.choices()).allSatisfy(choice -> {
            FilterFit fit = choice.fit();
            assertThat(fit.filter().direct()).isEqualTo(choice.filter().taps()[0], within(1e-6));
            assertThat(fit.maxRadius()).isLessThan(1);
            assertThat(fit.hankel()).isGreaterThanOrEqualTo(fit.hankelBound() * (1 - 1e-6));
            assertThat(fit.ratioToBound()).isLessThan(3);
        });
        Quality quality = quality(name, teacher, distillation.student(), PROOFS ? 1000 : 40);
        System.out.printf("%s: %,d floats, bits per byte %.4f %+.4f, logits %.3f (largest %.2f), KL %.5f%n", name,
                distillation.stateFloats(), quality.bitsBefore(), quality.bitsChange(), quality.meanLogitChange(),
                quality.maxLogitChange(), quality.meanKl());
        assertThat(quality.bitsBefore()).isBetween(2.0, 2.5);
        assertThat(quality.bitsChange()).isBetween(-BITS, BITS);
        assertThat(quality.meanKl()).isLessThan(BITS * Math.log(2) * 1.25);
        assertThat(quality.meanLogitChange()).isLessThan(LOGIT);
        assertThat(quality.sameFirst()).isGreaterThan(0.95);
    }

    @Test
    void aBudgetBeatsOneOrderForAllOfTheSameSize() throws Exception {
        Stack teacher = teacher("multihyena");
        Distillation uniform = Distillation.of(teacher, ops, how, new Target.Order(4), memory);
        Distillation spread = Distillation.of(teacher, ops, how, new Target.Budget(uniform.stateFloats()), memory);
        assertThat(spread.stateFloats()).isLessThanOrEqualTo(uniform.stateFloats());
        double even = 0;
        double own = 0;
        for (int f = 0; f < spread.choices().size(); f++) {
            Choice choice = spread.choices().get(f);
            even += choice.filter().weight() * Math.pow(uniform.choices().get(f).fit().l2(), 2);
            own += choice.filter().weight() * Math.pow(choice.fit().l2(), 2);
        }
        assertThat(own).as("weighted squared error").isLessThan(0.8 * even);
        double before = quality("multihyena", teacher, uniform.student(), 40).meanKl();
        double after = quality("multihyena", teacher, spread.student(), 40).meanKl();
        assertThat(after).as("KL divergence").isLessThan(before);
    }

    @Test
    void moreStateIsNearerToTheTeacher() throws Exception {
        Stack teacher = teacher("multihyena");
        OrderChoice quick = new OrderChoice(new HankelFit(false), 64, THREADS);
        List<Quality> qualities = new ArrayList<>();
        for (int order : new int[] {2, 8, 24, 64}) {
            Stack student = Distillation.of(teacher, ops, quick, new Target.Order(order), memory).student();
            qualities.add(quality("multihyena", teacher, student, 8));
        }
        assertThat(qualities).isSortedAccordingTo(Comparator.comparingDouble(Quality::meanLogitChange).reversed());
        assertThat(qualities.getLast().maxLogitChange()).isLessThan(1);
        assertThat(qualities.getLast().meanKl()).isLessThan(5e-4);
    }

    @Test
    void theNumberOfThreadsChangesNothing() throws Exception {
        Stack teacher = teacher(PROOFS ? "multihyena" : "hyena");
        Target target = PROOFS ? new Target.Automatic() : new Target.Order(4);
        Distillation four = Distillation.of(teacher, ops, how, target, memory);
        try (ThreadTeam alone = new ThreadTeam(1);
                Workspace scratch = new Workspace();
                EagerOps single = new EagerOps(KernelSet.fastest(), alone, scratch)) {
            Distillation one = Distillation.of(teacher, single, new OrderChoice(1), target, memory);
            assertThat(one.config()).isEqualTo(four.config());
            one.student().parameters().tensors().forEach((parameter, tensor) -> assertThat(tensor.toDoubles())
                    .as(parameter)
                    .isEqualTo(four.student().parameters().find(parameter).orElseThrow().tensor().toDoubles()));
        }
    }
}
