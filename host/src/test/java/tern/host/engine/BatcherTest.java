package tern.host.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.checkpoint.RecordJson;
import tern.host.TinyModels;
import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.model.Presets;
import tern.model.SequenceModel;

/** Jobs come and go: each gets what it would get alone, nobody starves, too much is refused, what is cancelled leaves. */
class BatcherTest {
    private static final long SEED = 8;
    private final TinyModels tiny = new TinyModels();
    private final SplittableRandom random = new SplittableRandom(SEED);

    @AfterEach
    void release() {
        tiny.close();
    }

    private Batcher batcher(LanguageModel model, Batcher.Settings settings) {
        return new Batcher(model, new StateTree(model, 1L << 28, Optional.empty()), settings);
    }

    private static void close(Batcher batcher) {
        batcher.close();
        batcher.tree().close();
    }

    private int[] text(int count) {
        return random.ints(count, 0, 256).toArray();
    }

    @Test
    void manyTogetherGetWhatEachGetsAlone() {
        LanguageModel model = tiny.preset("goldfinch-nano");
        Batcher batcher = batcher(model, new Batcher.Settings(20, 1000, 3, 1 << 20, 1L << 30, 0.001));
        List<int[]> prompts = new ArrayList<>();
        List<List<Token>> alone = new ArrayList<>();
        Batcher single = new Batcher(model, new StateTree(model, 0, Optional.empty()),
                Batcher.Settings.usual(1L << 30));
        for (int i = 0; i < 60; i++) {
            prompts.add(text(1 + random.nextInt(120)));
            alone.add(Collected.run(single, prompts.get(i), 1 + i % 40).tokens);
        }
        close(single);
        List<Collected> together = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            Collected collected = new Collected();
            batcher.submit(Collected.job("client " + i % 5, prompts.get(i), 1 + i % 40, List.of()), collected);
            together.add(collected);
        }
        for (int i = 0; i < 60; i++) {
            assertThat(together.get(i).await().tokens).as("job %d, seed %d", i, SEED).isEqualTo(alone.get(i));
        }
        assertThat(batcher.report().steps()).as("steps of several streams at once")
                .isLessThan(batcher.report().tokensMade());
        close(batcher);
    }

    @Test
    void aLongPromptDoesNotHoldUpOthers() {
        LanguageModel model = tiny.preset("rwkv7-nano");
        Batcher batcher = batcher(model, new Batcher.Settings(20, 1000, 3, 1 << 20, 1L << 30, 0.002));
        Collected stream = new Collected();
        batcher.submit(Collected.job("stream", text(10), 100_000, List.of()), stream);
        Collected reader = new Collected();
        long begun = batcher.report().tokensMade();
        batcher.submit(Collected.job("reader", text(6000), 1, List.of()), reader);
        Collected quick = new Collected();
        batcher.submit(Collected.job("quick", text(12), 3, List.of()), quick);
        quick.await();
        assertThat(reader.tokens).as("the long prompt is still being read when the short job is done").isEmpty();
        reader.await();
        long during = batcher.report().tokensMade() - begun;
        assertThat(during).as("tokens that the stream got while 6,000 tokens were read in pieces of at most 512")
                .isGreaterThan(6000 / 512);
        close(batcher);
        assertThat(batcher.report().streams()).isLessThanOrEqualTo(1);
    }

    /** A model that throws what the system makes of memory that is gone, whenever it is told to. */
    private static LanguageModel failing(LanguageModel sound, Engine engine, AtomicBoolean fails) {
        SequenceModel network = (SequenceModel) Proxy.newProxyInstance(BatcherTest.class.getClassLoader(),
                new Class<?>[] {SequenceModel.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("forward") && fails.get()) {
                        throw new InternalError("a fault occurred in an unsafe memory access operation");
                    }
                    try {
                        return method.invoke(sound.network(), arguments);
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                });
        return new LanguageModel(network, sound.tokenizer(), sound.fingerprint(), engine);
    }

    private static void assertFault(Collected collected) {
        assertThatThrownBy(collected::await).cause().isInstanceOfSatisfying(Refusal.class,
                refusal -> assertThat(refusal.kind()).isEqualTo(Refusal.Kind.FAULT));
    }

    /** Weights whose file was cut short, or no memory left: the jobs hear of it, and later ones are tried again. */
    @Test
    void anErrorEndsItsJobsAndNothingElse() {
        AtomicBoolean fails = new AtomicBoolean();
        try (Engine engine = Engine.steady(2);
                LanguageModel model = failing(tiny.preset("rwkv7-nano"), engine, fails)) {
            Batcher batcher = batcher(model, Batcher.Settings.usual(1L << 28));
            List<Token> expected = Collected.run(batcher, new int[] {1, 2, 3}, 5).tokens;
            Collected stream = new Collected();
            batcher.submit(Collected.job("stream", text(10), 1_000_000, List.of()), stream);
            while (batcher.report().streams() == 0) {
                Thread.onSpinWait();
            }
            fails.set(true);
            assertFault(stream);
            Collected reader = new Collected();
            batcher.submit(Collected.job("reader", text(600), 2, List.of()), reader);
            assertFault(reader);
            Collected shorter = new Collected();
            batcher.submit(Collected.job("short", text(9), 2, List.of()), shorter);
            assertFault(shorter);
            fails.set(false);
            assertThat(Collected.run(batcher, new int[] {1, 2, 3}, 5).tokens).isEqualTo(expected);
            assertThat(batcher.works()).isTrue();
            assertThat(batcher.report().streams()).isLessThanOrEqualTo(1);
            close(batcher);
        }
    }

    /** A listener that fails ends its own job; one that cannot even be told so ends all, and nobody waits for ever. */
    @Test
    void nobodyWaitsForAThreadThatHasEnded() {
        LanguageModel model = tiny.preset("rwkv7-nano");
        Batcher batcher = batcher(model, Batcher.Settings.usual(1L << 28));
        Collected other = new Collected();
        batcher.submit(Collected.job("other", text(10), 900_000, List.of()), other);
        Collected clumsy = new Collected() {
            @Override
            public void token(int stream, Token token) {
                throw new IllegalStateException("a listener's own fault");
            }
        };
        batcher.submit(Collected.job("clumsy", text(10), 5, List.of()), clumsy);
        assertFault(clumsy);
        assertThat(batcher.works()).isTrue();
        batcher.submit(Collected.job("hopeless", text(10), 5, List.of()), new Collected() {
            @Override
            public void token(int stream, Token token) {
                throw new IllegalStateException("a listener's own fault");
            }

            @Override
            public void failed(Refusal why) {
                throw new IllegalStateException("and another");
            }
        });
        assertFault(other);
        assertThat(batcher.works()).isFalse();
        assertThatThrownBy(() -> batcher.submit(Collected.job("late", text(3), 1, List.of()), new Collected()))
                .isInstanceOfSatisfying(Refusal.class,
                        refusal -> assertThat(refusal.kind()).isEqualTo(Refusal.Kind.FAULT));
        assertThat(batcher.drain(Duration.ofMinutes(1))).isTrue();
        close(batcher);
    }

    /** What a model cannot read is refused before it can stop those that it would be computed with. */
    @Test
    void nobodyGoesBeyondWhatTheModelReads() {
        LanguageModel model = tiny.of("limited", RecordJson.with(Presets.named("mega-micro"),
                List.of("branches.*.chunk=0", "branches.*.bias=simple", "context=40")));
        WarmUp.run(model, 0.2, () -> false);
        Batcher batcher = batcher(model, new Batcher.Settings(20, 1000, 3, 1 << 20, 1L << 30, 0.01));
        assertThat(batcher.longest()).isEqualTo(40);
        Collected whole = new Collected();
        batcher.submit(Collected.job("a", text(30), 10, List.of()), whole);
        for (int prompt : new int[] {30, 41}) {
            assertThatThrownBy(() -> batcher.submit(Collected.job("b", text(prompt), 11, List.of()), new Collected()))
                    .isInstanceOfSatisfying(Refusal.class, refusal -> {
                        assertThat(refusal.kind()).isEqualTo(Refusal.Kind.IMPOSSIBLE);
                        assertThat(refusal).hasMessageContaining("this model reads at most 40; shorten the prompt");
                    });
        }
        assertThat(whole.await().tokens).hasSize(10);
        close(batcher);
    }

    @Test
    void warmingUpEndsWhenToldTo() {
        AtomicInteger asked = new AtomicInteger();
        long begun = System.nanoTime();
        WarmUp.run(tiny.preset("rwkv7-nano"), 600, () -> asked.incrementAndGet() > 3);
        assertThat(System.nanoTime() - begun).isLessThan(Duration.ofMinutes(1).toNanos());
        assertThat(asked.get()).isGreaterThan(3);
    }

    @Test
    void clientsTakeTurns() {
        LanguageModel model = tiny.preset("rwkv7-nano");
        Batcher batcher = batcher(model, new Batcher.Settings(1, 1000, 1, 1 << 20, 1L << 30, 0.01));
        List<Collected> greedy = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            greedy.add(new Collected());
            batcher.submit(Collected.job("greedy", text(20), 60, List.of()), greedy.get(i));
        }
        Collected modest = new Collected();
        batcher.submit(Collected.job("modest", text(20), 5, List.of()), modest);
        modest.await();
        assertThat(greedy.getLast().tokens).as("the last job of the client with many").isEmpty();
        greedy.forEach(Collected::await);
        close(batcher);
    }

    @Test
    void whatIsCancelledLeavesAndTooMuchIsRefused() throws InterruptedException {
        LanguageModel model = tiny.preset("rwkv7-nano");
        Batcher batcher = batcher(model, new Batcher.Settings(2, 3, 2, 200_000, 1L << 30, 0.01));
        List<Ticket> tickets = new ArrayList<>();
        tickets.add(batcher.submit(Collected.job("a", text(5), 150_000, List.of()), new Collected()));
        tickets.add(batcher.submit(Collected.job("b", text(5), 150_000, List.of()), new Collected()));
        while (batcher.report().streams() < 2) {
            Thread.sleep(1);
        }
        for (int i = 0; i < 3; i++) {
            tickets.add(batcher.submit(Collected.job("c", text(5), 10, List.of()), new Collected()));
        }
        assertThatThrownBy(() -> batcher.submit(Collected.job("d", text(5), 10, List.of()), new Collected()))
                .isInstanceOfSatisfying(Refusal.class, refusal -> {
                    assertThat(refusal.kind()).isEqualTo(Refusal.Kind.BUSY);
                    assertThat(refusal.retryAfterSeconds()).isBetween(1, 60);
                });
        assertThatThrownBy(() -> batcher.submit(Collected.job("d", text(5), 250_000, List.of()), new Collected()))
                .isInstanceOfSatisfying(Refusal.class,
                        refusal -> assertThat(refusal.kind()).isEqualTo(Refusal.Kind.IMPOSSIBLE));
        tickets.forEach(Ticket::cancel);
        // Read behind the last cancel: what was done before does not count, however long this thread had to wait.
        long steps = batcher.report().steps();
        assertThat(batcher.drain(Duration.ofSeconds(60))).isTrue();
        assertThat(batcher.report().steps() - steps).as("steps after all was cancelled").isLessThan(1000);
        assertThat(batcher.report().cancelled()).isEqualTo(5);
        assertThatThrownBy(() -> batcher.submit(Collected.job("d", text(5), 10, List.of()), new Collected()))
                .isInstanceOfSatisfying(Refusal.class,
                        refusal -> assertThat(refusal.kind()).isEqualTo(Refusal.Kind.CLOSING));
        close(batcher);
    }

    /** Keys and values of three sequences fit: the others wait for a place, too many are refused, and those that run go on. */
    @Test
    void whereMemoryHoldsAFewTheOthersWait() throws InterruptedException {
        LanguageModel model = tiny.preset("transformer-nano");
        long one = model.network().stateBytes(16_384);
        List<int[]> prompts = new ArrayList<>();
        List<List<Token>> alone = new ArrayList<>();
        Batcher single = new Batcher(model, new StateTree(model, 0, Optional.empty()),
                Batcher.Settings.usual(1L << 30));
        for (int i = 0; i < 12; i++) {
            prompts.add(text(1 + random.nextInt(60)));
            alone.add(Collected.run(single, prompts.get(i), 20).tokens);
        }
        close(single);
        Batcher batcher = batcher(model, new Batcher.Settings(1000, 12, 3, 1 << 20, 3 * one, 0.01));
        List<Ticket> running = new ArrayList<>();
        for (Collected each : List.of(new Collected(), new Collected(), new Collected())) {
            running.add(batcher.submit(Collected.job("long", text(5), 16_000, List.of()), each));
        }
        while (batcher.report().streams() < 3) {
            Thread.sleep(1);
        }
        List<Collected> waiting = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            waiting.add(new Collected());
            batcher.submit(Collected.job("client " + i % 3, prompts.get(i), 20, List.of()), waiting.get(i));
        }
        assertThat(batcher.report().waiting()).as("jobs that wait for room").isEqualTo(12);
        assertThatThrownBy(() -> batcher.submit(Collected.job("late", text(5), 20, List.of()), new Collected()))
                .isInstanceOfSatisfying(Refusal.class, refusal -> {
                    assertThat(refusal.kind()).isEqualTo(Refusal.Kind.BUSY);
                    assertThat(refusal.retryAfterSeconds()).isBetween(1, 60);
                });
        long made = batcher.report().tokensMade();
        while (batcher.report().tokensMade() < made + 30) {
            Thread.sleep(1);
        }
        assertThat(batcher.report().streams()).as("those that run go on meanwhile").isEqualTo(3);
        running.subList(1, 3).forEach(Ticket::cancel);
        for (int i = 0; i < 12; i++) {
            assertThat(waiting.get(i).await().tokens).as("job %d, seed %d", i, SEED).isEqualTo(alone.get(i));
        }
        running.getFirst().cancel();
        assertThat(batcher.drain(Duration.ofSeconds(60))).isTrue();
        assertThat(batcher.report().cancelled()).isEqualTo(3);
        close(batcher);
    }
    @Test
    void aJobThatNeedsAllTheRoomGetsItsTurn() {
        LanguageModel model = tiny.preset("transformer-nano");
        long one = model.network().stateBytes(256);
        Batcher batcher = batcher(model, new Batcher.Settings(1000, 1000, 3, 1 << 20, 2 * one, 0.01));
        List<Collected> small = new ArrayList<>();
        Collected large = new Collected();
        for (int i = 0; i < 400; i++) {
            small.add(new Collected());
            batcher.submit(Collected.job("small " + i % 7, text(5), 20, List.of()), small.get(i));
            if (i == 10) {
                // Its history takes twice the room.
                batcher.submit(Collected.job("large", text(300), 20, List.of()), large);
            }
        }
        large.await();
        small.forEach(Collected::await);
        assertThat(small.getLast().endedNanos - large.endedNanos)
                .as("nanoseconds by which the last of 400 small jobs, of which two always fit, ended after it")
                .isPositive();
        close(batcher);
    }
}
