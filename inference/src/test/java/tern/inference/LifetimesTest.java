package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.checkpoint.StateFile;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.rwkv.Rwkv7Config;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/**
 * What is native has an end, and whoever misses it is told in words: nothing is read that was given back, nobody waits for ever,
 * and what is refused has changed nothing.
 */
class LifetimesTest {
    private static final long SEED = 91;
    private static final int[] PROMPT = {82, 79, 77, 69, 79, 58};

    private final Memory memory = new Memory();
    private final Engine engine = new Engine(2);

    @AfterEach
    void release() {
        engine.close();
        memory.close();
    }

    private LanguageModel model(String kind) {
        return model(kind, engine);
    }

    private LanguageModel model(String kind, Engine where) {
        MixerConfig mixer = switch (kind) {
            case "attention" -> AttentionConfig.of(2);
            case "modal" -> ModalRecurrenceConfig.of(2, 2, 3, List.of(3), List.of(1));
            case "rwkv7" -> Rwkv7Config.of(8, 16, true);
            default -> throw new IllegalArgumentException(kind);
        };
        StackConfig config = StackConfig.of(16, 64, List.of(mixer, GatedMlpConfig.gated(32, Activation.SILU)));
        Stack stack = new Stack(config, Parameters.Source.initialised(SEED, DType.F32, memory));
        return new LanguageModel(stack, ByteTokenizer.ALL, "test-" + kind, where);
    }

    private static void assertClosed(String what, ThrowingCallable... calls) {
        for (ThrowingCallable call : calls) {
            assertThatIllegalStateException().isThrownBy(call).withMessageContaining("the " + what + " is closed");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "modal", "rwkv7"})
    void closingTwiceDoesNothingAndAfterwardsEveryCallSaysSo(String kind) {
        Engine own = new Engine(2);
        LanguageModel model = model(kind, own);
        LiveSequence sequence = model.sequence();
        sequence.prefill(PROMPT);
        LiveBatch batch = model.batch(2);
        LiveBatch.Seat seat = batch.join();
        try (Snapshot kept = sequence.snapshot()) {
            Snapshot snapshot = sequence.snapshot();
            snapshot.close();
            snapshot.close();
            assertClosed("snapshot", () -> sequence.restore(snapshot), () -> batch.join(snapshot),
                    () -> snapshot.save(Path.of("never.state")));
            assertThat(batch.size()).isEqualTo(1);
            sequence.close();
            sequence.close();
            assertClosed("sequence", () -> sequence.step(1), () -> sequence.prefill(PROMPT), sequence::snapshot,
                    sequence::fork, () -> sequence.restore(kept), () -> sequence.reserve(1000),
                    () -> sequence.hidden(true, 4, PROMPT),
                    () -> sequence.prefill(Form.STEP, PROMPT, logits -> {
                    }));
            batch.close();
            batch.close();
            assertClosed("batch", batch::join, () -> batch.join(kept), () -> batch.prefill(seat, PROMPT),
                    () -> batch.step(new int[] {1}, new float[256]),
                    () -> batch.read(new int[][] {{1}}, new float[256]),
                    () -> batch.reserve(1000), seat::snapshot, seat::leave);
            LiveSequence left = model.sequence();
            LiveBatch leftBatch = model.batch(2);
            leftBatch.join();
            left.prefill(PROMPT);
            model.close();
            model.close();
            assertClosed("model", () -> left.step(1), () -> left.prefill(PROMPT), model::sequence,
                    () -> model.batch(2), () -> leftBatch.step(new int[] {1}, new float[256]), left::fork);
            assertThat(left.position()).as("nothing was read").isEqualTo(PROMPT.length);
            try (LanguageModel again = model(kind, own);
                    Snapshot saved = left.snapshot();
                    LiveSequence other = again.sequence()) {
                other.restore(saved);
                assertThat(other.step(1)).as("a state outlives its model").hasSize(256);
                own.close();
                own.close();
                assertClosed("engine", () -> other.step(1));
            }
            left.close();
            leftBatch.close();
        }
    }

    @Test
    void aStateThatWasReadBeforeItsModelWasOpenedAgainSaysBothFingerprints(@TempDir Path folder) throws IOException {
        try (LanguageModel one = model("modal");
                LanguageModel other = model("rwkv7");
                LiveSequence sequence = one.sequence();
                LiveSequence foreign = other.sequence()) {
            sequence.prefill(PROMPT);
            float[] before = foreign.prefill(PROMPT);
            try (Snapshot snapshot = sequence.snapshot()) {
                assertThatIllegalArgumentException().isThrownBy(() -> foreign.restore(snapshot))
                        .withMessageContaining("test-modal").withMessageContaining("test-rwkv7");
                Path file = folder.resolve("one.state");
                snapshot.save(file);
                assertThatThrownBy(() -> Snapshot.load(file, other)).isInstanceOf(IOException.class)
                        .hasMessageContaining("test-modal").hasMessageContaining("test-rwkv7");
            }
            assertThat(foreign.logits()).isEqualTo(before);
        }
    }

    /** A store of values by key keeps bytes, and has its state back after a restart. */
    @ParameterizedTest
    @ValueSource(strings = {"attention", "modal", "rwkv7"})
    void aStateTravelsAsBytesAndThoseOfAnotherModelOrDamagedOnesAreRefused(String kind, @TempDir Path folder)
            throws IOException {
        SplittableRandom random = new SplittableRandom(SEED);
        try (LanguageModel model = model(kind);
                LiveSequence sequence = model.sequence();
                LiveSequence later = model.sequence();
                LanguageModel other = model(kind.equals("modal") ? "rwkv7" : "modal")) {
            sequence.prefill(PROMPT);
            Snapshot snapshot = sequence.snapshot();
            byte[] bytes = snapshot.toBytes();
            Path file = folder.resolve("one.state");
            snapshot.save(file);
            assertThat(bytes).isEqualTo(Files.readAllBytes(file));
            snapshot.close();
            assertClosed("snapshot", snapshot::toBytes);
            try (Snapshot back = Snapshot.of(bytes, model)) {
                later.restore(back);
                assertThat(later.logits()).isEqualTo(sequence.logits());
                assertThat(later.step(7)).isEqualTo(sequence.step(7));
            }
            assertThatThrownBy(() -> Snapshot.of(bytes, other)).isInstanceOf(IOException.class)
                    .hasMessageContaining("test-" + kind).hasMessageContaining(other.fingerprint());
            for (int i = 0; i < 200; i++) {
                byte[] damaged = bytes.clone();
                int at = random.nextInt(bytes.length);
                damaged[at] ^= (byte) (1 << random.nextInt(8));
                assertThatThrownBy(() -> Snapshot.of(damaged, model).close()).as("seed %d, byte %d", SEED, at)
                        .isInstanceOf(IOException.class).hasMessageContaining("state in memory");
                byte[] cut = Arrays.copyOf(bytes, random.nextInt(bytes.length));
                assertThatThrownBy(() -> Snapshot.of(cut, model).close()).isInstanceOf(IOException.class);
            }
        }
    }

    /** Two days at 12,800 tokens a second. */
    @ParameterizedTest
    @ValueSource(strings = {"modal", "rwkv7"})
    void aSequenceThatReadMoreThanAnIntCountsIsSavedLikeAnyOther(String kind) throws IOException {
        long far = 5_000_000_001L;
        try (LanguageModel model = model(kind);
                LiveSequence sequence = model.sequence();
                LiveSequence later = model.sequence()) {
            sequence.prefill(PROMPT);
            try (Snapshot near = sequence.snapshot(); Memory own = new Memory()) {
                StateFile file = StateFile.of(near.toBytes(), model.fingerprint(), own);
                byte[] moved = new StateFile(model.fingerprint(), far, file.slots(),
                        Map.of("crc32c", Snapshot.checksum(far, file.slots(), Map.of()))).toBytes();
                try (Snapshot there = Snapshot.of(moved, model)) {
                    sequence.restore(there);
                }
            }
            sequence.step(65);
            try (Snapshot on = sequence.snapshot(); Snapshot read = Snapshot.of(on.toBytes(), model)) {
                assertThat(read.position()).isEqualTo(far + 1);
                later.restore(read);
                assertThat(later.step(66)).isEqualTo(sequence.step(66));
            }
        }
    }

    @Test
    void aSeatOfAnotherBatchIsRefused() {
        try (LanguageModel model = model("modal"); LiveBatch one = model.batch(2); LiveBatch other = model.batch(2)) {
            LiveBatch.Seat mine = one.join();
            LiveBatch.Seat theirs = other.join();
            assertThatIllegalArgumentException().isThrownBy(() -> one.prefill(theirs, PROMPT))
                    .withMessageContaining("another batch");
            assertThat(mine.position()).isZero();
            assertThat(theirs.position()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "modal"})
    void whatIsRefusedHasChangedNothing(String kind) {
        try (LanguageModel model = model(kind);
                LiveSequence sequence = model.sequence();
                LiveBatch batch = model.batch(2);
                LiveSequence same = model.sequence()) {
            sequence.prefill(PROMPT);
            same.prefill(PROMPT);
            List<ThrowingCallable> wrong = List.of(() -> sequence.step(1, new float[255]), () -> sequence.step(-1),
                    () -> sequence.step(256), sequence::prefill, () -> sequence.prefill(1, 256),
                    () -> sequence.hidden(true, 0, PROMPT), () -> sequence.hidden(true, -1, PROMPT),
                    () -> sequence.reserve(-1), () -> sequence.reserve(1L << 31), () -> batch.reserve(-1));
            for (ThrowingCallable call : wrong) {
                assertThatIllegalArgumentException().isThrownBy(call);
            }
            float[] roomy = new float[1000];
            sequence.step(1, roomy);
            assertThat(roomy).startsWith(same.step(1));
            assertThat(roomy[256]).isZero();
        }
    }

    /** No machine has so much; what was read stays where it was. */
    @Test
    void aHistoryThatCannotGrowIsStillThere() {
        try (LanguageModel model = model("attention");
                LiveSequence sequence = model.sequence();
                LiveSequence same = model.sequence()) {
            sequence.prefill(PROMPT);
            same.prefill(PROMPT);
            long bytes = sequence.stateBytes();
            int beyondMemory = Integer.MAX_VALUE;
            try {
                sequence.reserve(beyondMemory);
            } catch (OutOfMemoryError expected) {
                assertThat(sequence.stateBytes()).isEqualTo(bytes);
            }
            assertThat(sequence.step(1)).isEqualTo(same.step(1));
        }
    }

    @Test
    void aSinkThatComputesIsToldAndOneThatClosesIsWaitedFor() {
        try (LanguageModel model = model("modal"); LiveSequence other = model.sequence()) {
            LiveSequence sequence = model.sequence();
            sequence.prefill(Form.PARALLEL, PROMPT, logits -> {
                double first = logits.get(0);
                assertThatIllegalStateException().isThrownBy(() -> sequence.step(1)).withMessageContaining("led to");
                assertThatIllegalStateException().isThrownBy(() -> other.step(1)).withMessageContaining("led to");
                assertThatIllegalStateException().isThrownBy(model::close).withMessageContaining("within a step");
                assertThatIllegalStateException().isThrownBy(engine::close).withMessageContaining("within a step");
                sequence.close();
                assertThat(logits.get(0)).isEqualTo(first);
            });
            assertThat(sequence.position()).isEqualTo(PROMPT.length);
            assertClosed("sequence", () -> sequence.step(1));
            assertThat(other.step(1)).hasSize(256);
        }
    }

    /** Calls that were not refused have each had their effect, whole. */
    @ParameterizedTest
    @ValueSource(strings = {"attention", "rwkv7"})
    void threadsThatShareASequenceAreToldSo(String kind) throws InterruptedException {
        Map<String, Integer> told = new ConcurrentHashMap<>();
        AtomicLong read = new AtomicLong();
        try (LanguageModel model = model(kind); LiveSequence sequence = model.sequence()) {
            List<Thread> threads = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                SplittableRandom random = new SplittableRandom(SEED + thread);
                threads.add(Thread.ofPlatform().start(() -> {
                    for (int i = 0; i < 300; i++) {
                        try {
                            switch (random.nextInt(5)) {
                                case 0 -> {
                                    sequence.prefill(PROMPT);
                                    read.addAndGet(PROMPT.length);
                                }
                                case 1 -> sequence.snapshot().close();
                                case 2 -> sequence.fork().close();
                                case 3 -> sequence.reserve(sequence.position() + 300);
                                default -> {
                                    sequence.step(65);
                                    read.incrementAndGet();
                                }
                            }
                        } catch (IllegalStateException refused) {
                            told.merge(String.valueOf(refused.getMessage()).replaceAll("\\(.*\\)", "()"), 1,
                                    Integer::sum);
                        } catch (RuntimeException other) {
                            told.merge(other.toString(), 1, Integer::sum);
                        }
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(told.keySet()).as("seed %d", SEED).isSubsetOf(
                    "two threads use one sequence at a time (); give each its own, or take turns");
            assertThat(sequence.position()).isEqualTo(read.get());
        }
    }

    /** Whatever is closed under a thread that decodes, it is told what; memory goes when its call has returned. */
    @ParameterizedTest
    @ValueSource(strings = {"sequence", "model", "engine", "snapshot"})
    void whatIsClosedWhileAnotherThreadDecodesSaysSo(String what) throws InterruptedException {
        Map<String, Integer> told = new ConcurrentHashMap<>();
        for (int round = 0; round < 40; round++) {
            Engine own = new Engine(2);
            LanguageModel model = model("attention", own);
            LiveSequence sequence = model.sequence();
            sequence.prefill(PROMPT);
            Snapshot snapshot = sequence.snapshot();
            CountDownLatch begun = new CountDownLatch(1);
            Thread decoding = Thread.ofPlatform().start(() -> {
                try {
                    for (int i = 0; i < 1_000_000; i++) {
                        sequence.restore(snapshot);
                        sequence.step(65);
                        sequence.snapshot().close();
                        begun.countDown();
                    }
                } catch (IllegalStateException | AssertionError end) {
                    told.merge(String.valueOf(end.getMessage()), 1, Integer::sum);
                }
            });
            begun.await();
            switch (what) {
                case "sequence" -> sequence.close();
                case "model" -> model.close();
                case "engine" -> own.close();
                default -> snapshot.close();
            }
            decoding.join();
            snapshot.close();
            sequence.close();
            model.close();
            own.close();
        }
        assertThat(told).hasSize(1).allSatisfy((message, count) -> {
            assertThat(message).contains("the " + what + " is closed");
            assertThat(count).isEqualTo(40);
        });
    }
}
