package tern.host.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.host.TinyModels;
import tern.inference.LanguageModel;

/**
 * The patterns that users of other servers report, by the tokens that are read again; and the law that what is generated is the
 * same, to the last bit of every probability, as if nothing had been kept.
 */
class StateTreeTest {
    private static final long SEED = 31;
    private final TinyModels tiny = new TinyModels();
    private final SplittableRandom random = new SplittableRandom(SEED);

    @AfterEach
    void release() {
        tiny.close();
    }

    private static Batcher batcher(LanguageModel model, long budget, Optional<StateFolder> folder) {
        return new Batcher(model, new StateTree(model, budget, folder), Batcher.Settings.usual(1L << 30));
    }

    private static void close(Batcher batcher) {
        batcher.close();
        batcher.tree().close();
    }

    private int[] text(int count) {
        return random.ints(count, 0, 256).toArray();
    }

    private static int[] join(int[]... parts) {
        int[] all = new int[Arrays.stream(parts).mapToInt(part -> part.length).sum()];
        int at = 0;
        for (int[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    /** A warm and a cold server side by side: answers must be equal; tells how many tokens the warm one read. */
    private record Pair(Batcher warm, Batcher cold) {
        long read(int[] prompt, Integer... boundaries) {
            long before = warm.report().tokensRead();
            Collected kept = Collected.run(warm, prompt, 6, boundaries);
            Collected fresh = Collected.run(cold, prompt, 6, boundaries);
            assertThat(kept.tokens).as("prompt of %d tokens, seed %d", prompt.length, SEED).isEqualTo(fresh.tokens);
            assertThat(fresh.cachedTokens).isZero();
            long read = warm.report().tokensRead() - before;
            assertThat(kept.cachedTokens).as("cached tokens are told as they are")
                    .isEqualTo((int) (prompt.length - read));
            return read;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwkv7-nano", "goldfinch-nano", "transformer-nano", "modal-nano"})
    void thePatternsThatPeopleReport(String preset) {
        LanguageModel model = tiny.preset(preset);
        Pair pair = new Pair(batcher(model, 1L << 30, Optional.empty()), batcher(model, 0, Optional.empty()));
        try {
            // Growing conversation: each turn reads what is new, and the last token generated.
            int[] prompt = text(200);
            assertThat(pair.read(prompt, 40)).isEqualTo(200);
            for (int turn = 0; turn < 4; turn++) {
                int[] answer = Collected.run(pair.warm, prompt, 6).ids();
                int end = prompt.length;
                prompt = join(prompt, answer, text(30));
                assertThat(pair.read(prompt, end)).as("turn %d", turn).isEqualTo(31);
            }
            // Regenerate: nothing is read.
            assertThat(pair.read(prompt)).isZero();
            // The last message edited: what follows the boundary before it.
            int boundary = prompt.length - 30;
            int[] edited = join(Arrays.copyOf(prompt, boundary), text(25));
            assertThat(pair.read(edited, boundary)).isLessThanOrEqualTo(25 + 1);
            // A changed word in the middle of a long text: at most a quarter of what lies before it, and what follows.
            int half = preset.startsWith("transformer") ? 300 : 1500;
            int[] document = text(2 * half);
            pair.read(document);
            int[] changed = document.clone();
            changed[half] ^= 1;
            assertThat(pair.read(changed)).isLessThanOrEqualTo(half + half / 5 + 1);
            // Once more there: the branch was found.
            int[] again = document.clone();
            again[half] ^= 2;
            assertThat(pair.read(again)).isEqualTo(half);
            // A flag near the start toggled: almost all is read, and then both ways are known.
            int[] toggled = document.clone();
            toggled[70] ^= 1;
            assertThat(pair.read(toggled)).isBetween(2L * half - 70, 2L * half);
            assertThat(pair.read(join(toggled, text(5)))).isEqualTo(5);
            assertThat(pair.read(join(document, text(5)))).isEqualTo(5);
            // One document, many short questions.
            for (int question = 0; question < 5; question++) {
                assertThat(pair.read(join(document, text(12)), document.length)).isEqualTo(12);
            }
            // Agents that share a system prompt.
            int[] system = text(400);
            assertThat(pair.read(join(system, text(50)), 400)).isEqualTo(450);
            for (int agent = 0; agent < 5; agent++) {
                assertThat(pair.read(join(system, text(50)), 400)).isEqualTo(50);
            }
        } finally {
            close(pair.warm);
            close(pair.cold);
        }
    }

    /** One of the hybrids, and all of them where proofs are asked for. */
    static Stream<String> cutPresets() {
        return Stream.concat(Stream.of("rwkv6-nano", "gated-delta-experts-nano"),
                Boolean.getBoolean("tern.proofs") ? Stream.of("lfm2-nano", "falcon-h1-nano") : Stream.of());
    }

    @ParameterizedTest
    @MethodSource("cutPresets")
    void anyCutGoesOnAsIfNothingHadBeenKept(String preset) {
        LanguageModel model = tiny.preset(preset);
        Pair pair = new Pair(batcher(model, 1L << 30, Optional.empty()), batcher(model, 0, Optional.empty()));
        try {
            int[] prompt = text(300);
            pair.read(prompt);
            for (int round = 0; round < (Boolean.getBoolean("tern.proofs") ? 12 : 6); round++) {
                int cut = 1 + random.nextInt(299);
                pair.read(join(Arrays.copyOf(prompt, cut), text(1 + random.nextInt(20))), cut);
                assertThat(pair.read(join(Arrays.copyOf(prompt, cut), text(9)), cut)).as("cut at %d", cut)
                        .isLessThanOrEqualTo(9);
            }
        } finally {
            close(pair.warm);
            close(pair.cold);
        }
    }

    @Test
    void statesSurviveARestartAndDamagedOnesAreLeftOut(@TempDir Path folder) throws IOException {
        LanguageModel model = tiny.preset("rwkv7-nano");
        int[] prompt = text(500);
        Batcher first = batcher(model, 1L << 30, Optional.of(new StateFolder(folder, 1L << 30)));
        List<Token> expected = Collected.run(first, prompt, 6).tokens;
        close(first);
        Batcher second = batcher(model, 1L << 30, Optional.of(new StateFolder(folder, 1L << 30)));
        Collected kept = Collected.run(second, prompt, 6);
        assertThat(kept.tokens).isEqualTo(expected);
        assertThat(second.report().tokensRead()).as("tokens read after the restart").isZero();
        close(second);
        for (Path file : Files.list(folder).filter(path -> path.toString().endsWith(".state")).toList()) {
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length - 5] ^= 1;
            Files.write(file, bytes);
        }
        Batcher third = batcher(model, 1L << 30, Optional.of(new StateFolder(folder, 1L << 30)));
        assertThat(Collected.run(third, prompt, 6).tokens).isEqualTo(expected);
        assertThat(third.report().tokensRead()).as("tokens read over damaged states").isEqualTo(500);
        close(third);
    }

    @Test
    void memoryIsBoundedAndWhatSavesMostStays(@TempDir Path folder) throws IOException {
        LanguageModel model = tiny.preset("rwkv7-nano");
        long state = model.network().stateBytes(1);
        long budget = 12 * (state + 4096);
        Batcher batcher = batcher(model, budget, Optional.of(new StateFolder(folder, 40 * (state + 8192))));
        int[] document = text(2000);
        Collected.run(batcher, document, 2);
        for (int i = 0; i < 30; i++) {
            Collected.run(batcher, text(20 + random.nextInt(60)), 2);
            // In use again and again, and deep: it must not go.
            assertThat(Collected.run(batcher, join(document, text(3)), 1).cachedTokens).isGreaterThanOrEqualTo(2000);
            assertThat(batcher.tree().report().bytes()).isLessThanOrEqualTo(budget);
        }
        assertThat(batcher.tree().report().evictions()).isPositive();
        batcher.tree().flush();
        assertThat(batcher.tree().report().statesOnDisk()).isPositive();
        assertThat(batcher.tree().report().bytesOnDisk()).isLessThanOrEqualTo(40 * (state + 8192));
        close(batcher);
        assertThat(Files.list(folder).filter(path -> path.toString().endsWith(".state")).count()).isPositive();
    }

    @Test
    void marksAreFewAndNear() {
        List<Integer> marks = StateTree.marks(0, 1_000_000);
        assertThat(marks).hasSizeLessThanOrEqualTo((int) (Math.log(1_000_000 / 64.0) / Math.log(1.25)) + 2);
        for (int i = 1; i < marks.size(); i++) {
            assertThat(marks.get(i)).isLessThanOrEqualTo((int) Math.ceil(1.25 * marks.get(i - 1)));
        }
    }
}
