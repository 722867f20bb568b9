package tern.distil;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.model.ModelState;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.text.ByteTokenizer;
import tern.text.EvaluationWindows;
import tern.text.Split;
import tern.text.TextData;

/** What is said of two models' predictions is what their logits say; a model's own text follows its predictions. */
class QualityTest {
    private static final int TIME = 32;
    private static final int WIDTH = 8;

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(2);
    private final EagerOps ops = new EagerOps(KernelSet.reference(), team, workspace);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    private Stack model(int vocabulary, long seed, MixerConfig... mixers) {
        return new Stack(new StackConfig(vocabulary, WIDTH, TIME, NormKind.RMS, 1e-5, false, List.of(mixers)),
                Parameters.Source.initialised(seed, DType.F32, memory));
    }

    private static final MixerConfig MIXER = HyenaConfig.of(2, ImplicitFilterConfig.small());

    private Quality compared(Stack one, Stack other, String text) {
        try (TextData data = TextData.of("text", text.getBytes(java.nio.charset.StandardCharsets.UTF_8))) {
            return Quality.of(one, other, ByteTokenizer.ALL,
                    new EvaluationWindows(data.split().tokens(Split.ALL, ByteTokenizer.ALL), TIME), TIME, 1000,
                    KernelSet.reference(), team);
        }
    }

    @Test
    void aModelIsItsOwnEqual() {
        Stack model = model(256, 1, MIXER);
        Quality same = compared(model, model, "to be or not to be, that is the question: whether 'tis nobler");
        assertThat(same.tokens()).isEqualTo(60);
        assertThat(same.bytes()).isEqualTo(60);
        assertThat(same.bitsChange()).isZero();
        assertThat(same.maxLogitChange()).isZero();
        assertThat(same.meanKl()).isZero();
        assertThat(same.sameFirst()).isEqualTo(1);
        assertThat(same.bitsBefore()).isCloseTo(8, within(0.3));
    }

    @Test
    void logitsThatDifferByAKnownAmountAreFoundToDoSo() {
        Stack model = model(256, 1, GatedMlpConfig.gated(16, Activation.SILU));
        Stack other = model(256, 1, GatedMlpConfig.gated(16, Activation.SILU));
        Tensor head = other.parameters().find("head.weight").orElseThrow().tensor();
        // zero rows make every logit 0: the student predicts every symbol equally
        for (int i = 0; i < head.elements(); i++) {
            head.set(i, 0);
        }
        Quality quality = compared(model, other, "a".repeat(40) + "b".repeat(41));
        assertThat(quality.bitsAfter()).isCloseTo(8, within(1e-6));
        assertThat(quality.meanKl()).isPositive();
        assertThat(quality.maxLogitChange()).isGreaterThanOrEqualTo(quality.meanLogitChange()).isPositive();
        assertThat(quality.bitsBefore()).isNotEqualTo(quality.bitsAfter());
    }

    /** The logits of a large vocabulary are never held all at once, and nothing of them is lost. */
    @Test
    void aLargeVocabularyIsComparedInPieces() {
        int vocabulary = 1 << 16;
        int rows = 9;
        Stack model = model(vocabulary, 1, MIXER);
        Stack other = model(vocabulary, 2, MIXER);
        int[][] text = new SplittableRandom(4).ints(rows, 0, 1 << 30).mapToObj(
                seed -> new SplittableRandom(seed).ints(TIME + 1, 0, vocabulary).toArray()).toArray(int[][]::new);
        try (Workspace small = new Workspace();
                EagerOps own = new EagerOps(KernelSet.fastest(), team, small)) {
            Quality quality = Quality.of(model, other, text, own);
            // Two models' logits of 16 million each, and some room for what leads to them.
            assertThat(small.peak()).isLessThan(2L * 4 * (rows * TIME - 20) * vocabulary);
            double nats = 0;
            double kl = 0;
            double largest = 0;
            for (int[] row : text) {
                Tensor ids = memory.zeros(DType.I32, 1, TIME);
                IntStream.range(0, TIME).forEach(t -> ids.set(t, row[t]));
                double[] before = logits(model, own, ids);
                double[] after = logits(other, own, ids);
                for (int t = 0; t < TIME; t++) {
                    double[] p = logProbabilities(before, t * vocabulary, vocabulary);
                    double[] q = logProbabilities(after, t * vocabulary, vocabulary);
                    nats -= q[row[t + 1]];
                    for (int v = 0; v < vocabulary; v++) {
                        kl += Math.exp(p[v]) * (p[v] - q[v]);
                        largest = Math.max(largest,
                                Math.abs(before[t * vocabulary + v] - after[t * vocabulary + v]));
                    }
                }
            }
            assertThat(quality.tokens()).isEqualTo(rows * TIME);
            assertThat(quality.bitsAfter()).isCloseTo(nats / Math.log(2) / rows / TIME, within(1e-5));
            assertThat(quality.meanKl()).isCloseTo(kl / rows / TIME, within(1e-5));
            assertThat(quality.maxLogitChange()).isCloseTo(largest, within(1e-4));
        }
    }

    private double[] logits(Stack model, EagerOps own, Tensor ids) {
        Workspace.Mark mark = own.results().mark();
        Tensor hidden = model.forward(Form.PARALLEL, own, ids,
                ModelState.empty(model.stateLayouts(), DType.F32, 1, 0, memory)).hidden();
        double[] logits = model.outputs(own, hidden.reshape(TIME, WIDTH)).toDoubles();
        own.results().release(mark);
        return logits;
    }

    private static double[] logProbabilities(double[] logits, int from, int count) {
        double sum = 0;
        for (int v = 0; v < count; v++) {
            sum += Math.exp(logits[from + v]);
        }
        double log = Math.log(sum);
        return IntStream.range(0, count).mapToDouble(v -> logits[from + v] - log).toArray();
    }

    @Test
    void differentVocabulariesAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> compared(model(256, 1, MIXER), model(300, 1, MIXER), "abcde"))
                .withMessageContaining("256").withMessageContaining("300");
    }

    @Test
    void aModelsOwnTextFollowsItsPredictionsAndItsSeed() {
        Stack model = model(4, 5, MIXER);
        Tensor head = model.parameters().find("head.weight").orElseThrow().tensor();
        for (int i = 0; i < head.elements(); i++) {
            head.set(i, 0);
        }
        int[][] text = OwnText.of(model, ops, 64, TIME, 9);
        assertThat(text).hasDimensions(64, TIME + 1);
        long[] counts = new long[4];
        Arrays.stream(text).flatMapToInt(Arrays::stream).forEach(symbol -> counts[symbol]++);
        double expected = 64 * (TIME + 1) / 4.0;
        for (long count : counts) {
            assertThat((double) count).isCloseTo(expected, within(0.2 * expected));
        }
        assertThat(OwnText.of(model, ops, 64, TIME, 9)).isDeepEqualTo(text);
        assertThat(Arrays.deepEquals(OwnText.of(model, ops, 64, TIME, 10), text)).isFalse();
        Quality same = Quality.of(model, model, text, ops);
        assertThat(same.tokens()).isEqualTo(64L * TIME);
        assertThat(same.bitsBefore()).isCloseTo(2, within(1e-6));
    }
}
