package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.checkpoint.MalformedFileException;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;
import tern.model.GoldCaches;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.text.Tokenizer;

/** A model with GOLD layers gives the same numbers whatever it keeps, and is only ever given states that it can read. */
class GoldCacheTest {
    private static final double CLOSE = 1e-4;

    private final Memory memory = new Memory();
    private Engine engine;
    private LanguageModel model;

    @BeforeEach
    void open() {
        engine = new Engine(2);
        SplittableRandom random = new SplittableRandom(3);
        Parameters.Source fresh = Parameters.Source.initialised(3, DType.F32, memory);
        Stack stack = new Stack(Presets.named("goldfinch-nano"), (name, shape, role, initialiser) -> {
            Tensor tensor = fresh.provide(name, shape, role, initialiser);
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.set(i, tensor.get(i) + 0.05 * random.nextGaussian());
            }
            return tensor;
        });
        model = new LanguageModel(stack, Tokenizer.unknown(256), "test", engine);
    }

    @AfterEach
    void close() {
        engine.close();
        memory.close();
    }

    private static int[] text(int length, long seed) {
        return new SplittableRandom(seed).ints(length, 0, 256).toArray();
    }

    private static void assertClose(String what, float[] found, float[] expected, double tolerance) {
        assertThat(found).as(what).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) found[i]).as(what + " at " + i).isCloseTo(expected[i], within(tolerance));
        }
    }

    private LanguageModel with(CacheTier tier, CacheType type) {
        return model.remembering(new GoldCache(tier, type));
    }

    /** A prompt in pieces and whole, and what follows, against every logit of the full run. */
    @Test
    void everyTierGivesTheSameLogits(@TempDir Path folder) throws IOException {
        int[] text = text(LiveSequence.LONGEST_PIECE + 3, 1);
        int[] next = text(3, 2);
        List<float[]> expected = new ArrayList<>();
        try (LiveSequence sequence = model.sequence()) {
            sequence.prefill(Form.PARALLEL, text, logits -> {
            });
            expected.add(sequence.logits());
            for (int id : next) {
                expected.add(sequence.step(id));
            }
        }
        for (CacheTier tier : CacheTier.values()) {
            LanguageModel keeping = with(tier, CacheType.F32);
            try (LiveSequence sequence = keeping.sequence(); LiveBatch batch = keeping.batch(2)) {
                assertClose(tier + " prompt", sequence.prefill(text), expected.getFirst(), CLOSE);
                Path file = folder.resolve(tier + ".state");
                try (Snapshot snapshot = sequence.snapshot()) {
                    snapshot.save(file);
                }
                LiveBatch.Seat young = batch.join();
                batch.prefill(young, text(5, 3));
                try (Snapshot loaded = Snapshot.load(file, keeping)) {
                    batch.join(loaded);
                }
                float[] logits = new float[2 * 256];
                for (int i = 0; i < next.length; i++) {
                    assertClose(tier + " step " + i, sequence.step(next[i]), expected.get(1 + i), CLOSE);
                    batch.step(new int[] {7, next[i]}, logits);
                    assertClose(tier + " step " + i + " in a batch", Arrays.copyOfRange(logits, 256, 512),
                            expected.get(1 + i), CLOSE);
                }
            }
        }
    }

    /** Rounding a cache costs something, but little: less with more bits. */
    @Test
    void narrowerTypesStayNear() {
        int[] text = text(200, 4);
        float[] exact = logits(model, text);
        for (CacheTier tier : CacheTier.values()) {
            double brain = largestDifference(logits(with(tier, CacheType.BF16), text), exact);
            double eight = largestDifference(logits(with(tier, CacheType.INT8), text), exact);
            assertThat(brain).as(tier + " in bf16").isBetween(1e-6, 0.1);
            assertThat(eight).as(tier + " in int8").isBetween(1e-6, 0.2);
        }
    }

    private static float[] logits(LanguageModel model, int[] text) {
        try (LiveSequence sequence = model.sequence()) {
            sequence.prefill(Arrays.copyOf(text, text.length - 1));
            return sequence.step(text[text.length - 1]);
        }
    }

    private static double largestDifference(float[] a, float[] b) {
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        return largest;
    }

    @Test
    void aStateOfAnotherTierIsRefused(@TempDir Path folder) throws IOException {
        LanguageModel compressed = with(CacheTier.COMPRESSED, CacheType.F32);
        LanguageModel keys = with(CacheTier.KEYS, CacheType.F32);
        Path file = folder.resolve("state");
        try (LiveSequence sequence = compressed.sequence(); LiveSequence other = keys.sequence()) {
            sequence.prefill(1, 2, 3);
            try (Snapshot snapshot = sequence.snapshot()) {
                snapshot.save(file);
                assertThatIllegalArgumentException().isThrownBy(() -> other.restore(snapshot))
                        .withMessageContaining("branch 8")
                        .withMessageContaining("the cache that the state was made with");
            }
        }
        assertThatThrownBy(() -> Snapshot.load(file, keys)).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("the cache it was saved with");
    }

    /** A saved conversation in the compressed tier takes ids and D/16 numbers of two bytes a position, and a header. */
    @Test
    void aSavedConversationIsAsSmallAsPromised(@TempDir Path folder) throws IOException {
        LanguageModel compressed = with(CacheTier.COMPRESSED, CacheType.BF16);
        long[] bytes = new long[2];
        for (int i = 0; i < 2; i++) {
            Path file = folder.resolve("state" + i);
            try (LiveSequence sequence = compressed.sequence()) {
                sequence.prefill(text(1_000 * (i + 1), 5));
                try (Snapshot snapshot = sequence.snapshot()) {
                    snapshot.save(file);
                }
            }
            bytes[i] = Files.size(file);
        }
        int width = model.network().config().width();
        assertThat((bytes[1] - bytes[0]) / 1_000.0).isCloseTo(2 * (1 + width / 16), within(0.1));
    }

    @Test
    void theFastestTierThatFitsIsChosen() {
        StackConfig config = model.network().config();
        for (CacheTier tier : CacheTier.values()) {
            GoldCache cache = new GoldCache(tier, CacheType.F32);
            assertThat(GoldCaches.fitting(config, CacheType.F32, GoldCaches.bytes(config, cache, 500), 500))
                    .isEqualTo(cache);
        }
        long tooLittle = GoldCaches.bytes(config, new GoldCache(CacheTier.COMPRESSED, CacheType.F32), 500) - 1;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GoldCaches.fitting(config, CacheType.F32, tooLittle, 500))
                .withMessageContaining("even compressed").withMessageContaining("bf16");
    }

    /** An engine outlives models. */
    @Test
    void whatWasKeptForAModelGoesWithIt() {
        LanguageModel compressed = with(CacheTier.COMPRESSED, CacheType.F32);
        try (Engine own = new Engine(1)) {
            for (int round = 0; round < 3; round++) {
                try (LanguageModel passing = new LanguageModel(compressed.network(), Tokenizer.unknown(256), "test",
                        own)) {
                    logits(passing, text(300, 6));
                    assertThat(own.keptRowsBytes()).isPositive();
                }
                assertThat(own.keptRowsBytes()).isZero();
            }
        }
    }

    /** Rows by token and by bigram are kept up to a limit; beyond it they are computed each time, with the same result. */
    @Test
    void keptRowsDoNotChangeResults() {
        int[] text = text(300, 6);
        LanguageModel compressed = with(CacheTier.COMPRESSED, CacheType.F32);
        float[] kept = logits(compressed, text);
        assertThat(engine.keptRowsBytes()).isPositive();
        for (long limit : new long[] {0, 50_000}) {
            try (Engine small = new Engine(1)) {
                small.limitKeptRows(limit);
                LanguageModel other = new LanguageModel(compressed.network(), Tokenizer.unknown(256), "test", small);
                assertClose("with at most " + limit + " bytes", logits(other, text), kept, 1e-5);
                assertThat(small.keptRowsBytes()).isLessThanOrEqualTo(limit);
            }
        }
    }

    @Test
    void aModelWithoutGoldLayersHasNoChoice() {
        Stack stack = new Stack(Presets.named("transformer-nano"),
                Parameters.Source.initialised(1, DType.F32, memory));
        LanguageModel other = new LanguageModel(stack, Tokenizer.unknown(256), "other", engine);
        assertThatIllegalArgumentException().isThrownBy(() -> other.remembering(GoldCache.FULL))
                .withMessageContaining("no GOLD layers");
    }
}
