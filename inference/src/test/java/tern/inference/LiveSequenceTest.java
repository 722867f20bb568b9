package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;

import com.sun.management.ThreadMXBean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.mega.GatedAttentionConfig;
import tern.mixers.mega.MovingAverageConfig;
import tern.mixers.mega.Normalisation;
import tern.mixers.mega.RelativeBias;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.model.HeadConfig;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.ops.Weighing;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;
import tern.text.EvaluationWindows;
import tern.text.Split;
import tern.text.TextData;
import tern.text.TokenStore;

/**
 * The laws of a live sequence: reading a prompt equals stepping through it, a fork is independent, a snapshot brings back
 * the very same numbers, and a sequence in a batch gets what it would get alone.
 */
class LiveSequenceTest {
    private static final double TOLERANCE = 1e-4;
    private static final long SEED = 77;

    private final Memory memory = new Memory();
    private final Engine engine = new Engine(1);
    private final SplittableRandom random = new SplittableRandom(SEED);

    @AfterEach
    void release() {
        engine.close();
        memory.close();
    }

    private LanguageModel model(String kind) {
        MixerConfig mixer = switch (kind) {
            case "attention" -> AttentionConfig.of(2);
            case "hyena" -> HyenaConfig.of(3, ImplicitFilterConfig.small());
            case "multihyena" -> MultiHyenaConfig.of(4, ImplicitFilterConfig.small());
            case "modal" -> ModalRecurrenceConfig.of(2, 2, 3, List.of(3), List.of(1));
            case "rwkv6" -> Rwkv6Config.of(8);
            case "rwkv7" -> Rwkv7Config.of(8, 16, true);
            case "mega" -> GatedAttentionConfig.language(MovingAverageConfig.of(4), 8, 24, 24);
            default -> throw new IllegalArgumentException(kind);
        };
        StackConfig config = StackConfig.of(16, 64, List.of(mixer, GatedMlpConfig.gated(32, Activation.SILU), mixer));
        Stack stack = new Stack(config, Parameters.Source.initialised(SEED, DType.F32, memory));
        return new LanguageModel(stack, ByteTokenizer.ALL, "test-" + kind, engine);
    }

    private int[] tokens(int count) {
        return random.ints(count, 0, 256).toArray();
    }

    private static void assertClose(float[] found, float[] expected, String what) {
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("%s, logit %d, seed %d", what, i, SEED)
                    .isCloseTo(expected[i], within((float) TOLERANCE * Math.max(1, Math.abs(expected[i]))));
        }
    }

    /** What reads in both directions has no state to go on from: one clear line. */
    @Test
    void whatReadsInBothDirectionsCannotStream() {
        MixerConfig both = new GatedAttentionConfig(MovingAverageConfig.bidirectional(2), 4, 8, Weighing.LAPLACE, 8,
                RelativeBias.SIMPLE, false, Normalisation.SCALE, false);
        Stack stack = new Stack(StackConfig.of(16, 64, List.of(both)),
                Parameters.Source.initialised(SEED, DType.F32, memory));
        assertThat(stack.causal()).isFalse();
        try (LanguageModel model = new LanguageModel(stack, ByteTokenizer.ALL, "both", engine)) {
            assertThatIllegalArgumentException().isThrownBy(model::sequence)
                    .withMessageContaining("both directions").withMessageContaining("cannot stream");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "hyena", "multihyena", "modal", "mega"})
    void readingAPromptEqualsSteppingThroughIt(String kind) {
        int[] ids = tokens(90);
        try (LanguageModel model = model(kind);
                LiveSequence whole = model.sequence();
                LiveSequence chunked = model.sequence();
                LiveSequence stepped = model.sequence()) {
            whole.prefill(Arrays.copyOf(ids, 70));
            chunked.prefill(Form.CHUNK, Arrays.copyOf(ids, 33));
            chunked.prefill(Arrays.copyOfRange(ids, 33, 70));
            for (int i = 0; i < 70; i++) {
                stepped.step(ids[i]);
            }
            for (int i = 70; i < 90; i++) {
                float[] expected = stepped.step(ids[i]);
                assertClose(whole.step(ids[i]), expected, kind + " whole at " + i);
                assertClose(chunked.step(ids[i]), expected, kind + " chunked at " + i);
            }
            assertThat(whole.position()).isEqualTo(90);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "hyena", "multihyena", "modal", "mega"})
    void aSnapshotBringsBackTheSameNumbersAndAForkIsIndependent(String kind) {
        int[] ids = tokens(40);
        try (LanguageModel model = model(kind); LiveSequence sequence = model.sequence()) {
            sequence.prefill(ids);
            try (Snapshot snapshot = sequence.snapshot(); LiveSequence fork = sequence.fork()) {
                float[] first = sequence.step(1);
                sequence.prefill(tokens(100));
                assertThat(fork.step(1)).isEqualTo(first);
                sequence.restore(snapshot);
                assertThat(sequence.position()).isEqualTo(40);
                assertThat(sequence.step(1)).isEqualTo(first);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "hyena", "multihyena", "modal", "mega"})
    void aSequenceInABatchGetsWhatItWouldGetAlone(String kind) {
        try (LanguageModel model = model(kind); LiveBatch batch = model.batch(3)) {
            List<LiveSequence> alone = new ArrayList<>();
            List<LiveBatch.Seat> seats = new ArrayList<>();
            for (int step = 0; step < 60; step++) {
                if (seats.size() < 3 && random.nextInt(4) == 0) {
                    int[] prompt = tokens(1 + random.nextInt(30));
                    LiveSequence sequence = model.sequence();
                    float[] expected = sequence.prefill(prompt);
                    if (random.nextBoolean()) {
                        try (Snapshot snapshot = sequence.snapshot()) {
                            seats.add(batch.join(snapshot));
                        }
                    } else {
                        seats.add(batch.join());
                        assertClose(batch.prefill(seats.getLast(), prompt), expected, kind + " prompt");
                    }
                    alone.add(sequence);
                } else if (seats.size() > 1 && random.nextInt(6) == 0) {
                    int leaving = random.nextInt(seats.size());
                    seats.remove(leaving).leave();
                    alone.remove(leaving).close();
                }
                if (seats.isEmpty()) {
                    continue;
                }
                int[] ids = new int[seats.size()];
                float[] logits = new float[256 * ids.length];
                int[] chosen = tokens(ids.length);
                for (int i = 0; i < ids.length; i++) {
                    ids[seats.get(i).row()] = chosen[i];
                }
                batch.step(ids, logits);
                for (int i = 0; i < ids.length; i++) {
                    int row = seats.get(i).row();
                    assertClose(Arrays.copyOfRange(logits, 256 * row, 256 * row + 256), alone.get(i).step(chosen[i]),
                            kind + " step " + step);
                    assertThat(seats.get(i).position()).isEqualTo(alone.get(i).position());
                }
            }
            alone.forEach(LiveSequence::close);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "hyena", "multihyena", "modal", "mega"})
    void allFormsMeasureTheSameBitsPerByte(String kind) {
        byte[] bytes = new byte[1000];
        random.nextBytes(bytes);
        try (LanguageModel model = model(kind); TextData data = TextData.of("random bytes", bytes)) {
            TokenStore tokens = data.split().tokens(Split.ALL, model.tokenizer());
            EvaluationWindows windows = new EvaluationWindows(tokens, 64);
            Evaluation parallel = Evaluation.of(model, windows, 64, Form.PARALLEL);
            assertThat(parallel.tokens()).isEqualTo(999);
            // A byte nobody can know is 8 bits; logits of deviation 1, as a tied head starts, cost 1/(2 ln 2) more.
            assertThat(parallel.bitsPerByte()).isCloseTo(8 + 0.5 / Math.log(2), within(0.3));
            assertThat(parallel.perplexity()).isCloseTo(Math.pow(2, parallel.bitsPerByte()), within(1e-9 * 256));
            for (Form form : List.of(Form.CHUNK, Form.STEP)) {
                assertThat(Evaluation.of(model, windows, 64, form).nats()).as("%s %s", kind, form)
                        .isCloseTo(parallel.nats(), within(0.01));
            }
            EvaluationWindows one = new EvaluationWindows(tokens, Integer.MAX_VALUE);
            assertThat(Evaluation.of(model, one, Integer.MAX_VALUE, Form.PARALLEL, 1, 300).nats())
                    .as("a window longer than the text and than what is read at once")
                    .isCloseTo(Evaluation.of(model, one, Integer.MAX_VALUE, Form.CHUNK, 1).nats(), within(0.01));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "hyena", "multihyena", "modal", "mega"})
    void aSavedStateGoesOnWithTheSameNumbers(String kind, @TempDir Path folder) throws IOException {
        try (LanguageModel model = model(kind);
                LanguageModel other = model(kind.equals("modal") ? "hyena" : "modal");
                LiveSequence sequence = model.sequence();
                LiveSequence later = model.sequence()) {
            float[] logits = sequence.prefill(tokens(50));
            try (Snapshot snapshot = sequence.snapshot()) {
                snapshot.save(folder.resolve("state"));
            }
            float[] next = sequence.step(9);
            try (Snapshot loaded = Snapshot.load(folder.resolve("state"), model)) {
                later.restore(loaded);
            }
            assertThat(later.logits()).isEqualTo(logits);
            assertThat(later.step(9)).isEqualTo(next);
            assertThatIOException().isThrownBy(() -> Snapshot.load(folder.resolve("state"), other))
                    .withMessageContaining("test-" + kind).withMessageContaining(other.fingerprint());
        }
    }

    @Test
    void snapshotsOfOneSequenceShareTheirHistory() {
        int[] ids = tokens(100);
        try (LanguageModel model = model("attention"); LiveSequence sequence = model.sequence()) {
            sequence.prefill(ids);
            Snapshot first = sequence.snapshot();
            sequence.prefill(tokens(50));
            Snapshot second = sequence.snapshot();
            sequence.restore(first);
            float[] expected = sequence.step(7);
            Snapshot third = sequence.snapshot();
            assertThat(first.parts()).hasSize(1);
            assertThat(second.parts()).hasSize(2).contains(first.parts().getFirst());
            assertThat(third.parts()).hasSize(2).contains(first.parts().getFirst());
            long row = first.parts().getFirst().bytes() / 100;
            assertThat(row).isPositive();
            assertThat(second.parts().getFirst().bytes()).as("fifty rows more").isEqualTo(50 * row);
            assertThat(third.parts().getFirst().bytes()).as("one row more").isEqualTo(row);
            assertThat(second.bytes()).isEqualTo(150 * row + second.ownBytes());
            float[] later;
            sequence.restore(second);
            later = sequence.step(9);
            first.close();
            third.close();
            try (LiveSequence other = model.sequence()) {
                other.prefill(ids);
                assertThat(other.step(7)).as("after the first").isEqualTo(expected);
            }
            sequence.restore(second);
            assertThat(sequence.step(9)).as("after the second, others being gone").isEqualTo(later);
            second.close();
            second.close();
        }
    }

    @Test
    void aHeadThatNamesNoTokenDoesNotGenerate() {
        StackConfig classifier = new StackConfig(256, 8, 16, NormKind.RMS, 1e-5, Optional.empty(), Optional.empty(),
                false,
                List.of(AttentionConfig.of(2)), Optional.empty(), Optional.of(HeadConfig.classification(10, 0)));
        try (Memory own = new Memory(); Engine one = new Engine(1)) {
            Stack stack = new Stack(classifier, Parameters.Source.initialised(1, DType.F32, own));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new LanguageModel(stack, ByteTokenizer.ALL, "classifier", one))
                    .withMessageContaining("ends in a head with 10 outputs (mean pooling)")
                    .withMessageContaining("it cannot generate text");
        }
    }

    @Test
    void logitsOfEveryPositionAreThoseOfSteps() {
        int[] ids = tokens(70);
        try (LanguageModel model = model("hyena");
                LiveSequence all = model.sequence();
                LiveSequence stepped = model.sequence()) {
            List<float[]> rows = new ArrayList<>();
            all.prefill(Form.PARALLEL, ids, logits -> {
                for (int row = 0; row < logits.dim(0); row++) {
                    rows.add(logits.slice(row, row + 1).toFloats());
                }
            });
            assertThat(rows).hasSize(70);
            for (int i = 0; i < 70; i++) {
                assertClose(rows.get(i), stepped.step(ids[i]), "position " + i);
            }
            assertThat(all.logits()).isEqualTo(rows.getLast());
        }
    }

    @Test
    void generatingIsReproducibleAndStopsWhereAsked() {
        try (LanguageModel model = model("modal")) {
            List<String> texts = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                try (LiveSequence sequence = model.sequence()) {
                    StringBuilder streamed = new StringBuilder();
                    Generator.Generated made = new Generator(model, sequence).generate(new int[] {65},
                            new Generator.Request(60, new Sampling(1, 0, 1, 0, 1), 4, List.of()), streamed::append);
                    assertThat(made.ids()).hasSize(60);
                    assertThat(streamed).hasToString(made.text());
                    texts.add(made.text());
                }
            }
            assertThat(texts.get(0)).isEqualTo(texts.get(1));
            String stop = texts.get(0).substring(20, 23);
            try (LiveSequence sequence = model.sequence()) {
                StringBuilder streamed = new StringBuilder();
                Generator.Generated made = new Generator(model, sequence).generate(new int[] {65},
                        new Generator.Request(60, new Sampling(1, 0, 1, 0, 1), 4, List.of(stop)), streamed::append);
                assertThat(made.stopped()).isTrue();
                assertThat(made.text()).isEqualTo(texts.get(0).substring(0, texts.get(0).indexOf(stop)));
                assertThat(streamed).hasToString(made.text());
            }
            try (LiveSequence sequence = model.sequence()) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> new Generator(model, sequence).generate(new int[0],
                                new Generator.Request(1, Sampling.GREEDY, 4, List.of()), text -> {
                                }))
                        .withMessageContaining("prompt is empty");
            }
        }
    }

    @Test
    void aStateOfAnotherModelIsRefusedNamingBoth() {
        try (LanguageModel one = model("modal");
                LanguageModel two = model("hyena");
                LiveSequence from = one.sequence();
                LiveSequence to = two.sequence();
                Snapshot snapshot = from.snapshot()) {
            assertThatIllegalArgumentException().isThrownBy(() -> to.restore(snapshot))
                    .withMessageContaining("test-modal")
                    .withMessageContaining("test-hyena");
        }
    }

    @Test
    void badTokensAreRefusedAndChangeNothing() {
        try (LanguageModel model = model("modal");
                LiveSequence sequence = model.sequence();
                LiveBatch batch = model.batch(1)) {
            assertThatIllegalArgumentException().isThrownBy(() -> sequence.prefill(1, 256)).withMessageContaining("256")
                    .withMessageContaining("position 1");
            assertThatIllegalArgumentException().isThrownBy(sequence::prefill).withMessageContaining("no tokens");
            assertThat(sequence.position()).isZero();
            LiveBatch.Seat seat = batch.join();
            assertThatIllegalStateException().isThrownBy(batch::join).withMessageContaining("seats");
            assertThatIllegalArgumentException().isThrownBy(() -> batch.step(new int[2], new float[512]))
                    .withMessageContaining("1 sequences");
            seat.leave();
            assertThatIllegalStateException().isThrownBy(seat::row).withMessageContaining("left");
        }
    }

    static Stream<String> recurrences() {
        return Boolean.getBoolean("tern.proofs") ? Stream.of("modal", "rwkv7", "rwkv6") : Stream.of("modal", "rwkv7");
    }

    /** Decoding takes the same memory at token 100 and at token 200,000, on the heap and off it. */
    @ParameterizedTest
    @MethodSource("recurrences")
    void decodingARecurrenceGrowsNothing(String kind) {
        try (LanguageModel model = model(kind); LiveSequence sequence = model.sequence()) {
            float[] logits = new float[256];
            long early = 0;
            long earlyHeap = 0;
            long late = 0;
            long bytesBefore = 0;
            ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            for (int i = 0; i < 200_000; i++) {
                if (i == 50_000 || i == 150_000) {
                    bytesBefore = thread.getCurrentThreadAllocatedBytes();
                }
                sequence.step(i & 255, logits);
                if (i == 50_000 + 9_999) {
                    early = engine.bytes() + sequence.stateBytes();
                    earlyHeap = thread.getCurrentThreadAllocatedBytes() - bytesBefore;
                }
                if (i == 150_000 + 9_999) {
                    late = engine.bytes() + sequence.stateBytes();
                    assertThat(thread.getCurrentThreadAllocatedBytes() - bytesBefore).as("heap bytes of 10,000 steps")
                            .isCloseTo(earlyHeap, within(earlyHeap / 5 + 1024));
                }
            }
            assertThat(late).as("native bytes").isEqualTo(early);
            assertThat(sequence.position()).isEqualTo(200_000);
            for (float logit : logits) {
                assertThat(logit).isFinite();
            }
        }
    }

    @Test
    void stateBytesOfARecurrenceDoNotDependOnThePosition() {
        try (LanguageModel model = model("modal"); LiveSequence sequence = model.sequence()) {
            long before = sequence.stateBytes();
            sequence.prefill(tokens(500));
            assertThat(sequence.stateBytes()).isEqualTo(before);
            assertThat(before).isEqualTo(4 * model.network().stateFloats(500));
        }
    }
}
