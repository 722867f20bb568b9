package tern.cli.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.serve.sessions.SessionStore;

/** The load and the torments themselves, short: what they count is plausible, and the server stands it. */
class LoadTest {
    private static final boolean PROOFS = Boolean.getBoolean("tern.proofs");
    private static final Pattern TOKENS = Pattern.compile("\"tokens\":([0-9]+)");

    @TempDir
    private Path folder;

    @Test
    void aShortSoakLosesNothing() throws Exception {
        assumeTrue(PROOFS, "a soak of 18 s with two servers: -Dtern.proofs=true, or ./tern soak");
        Soak.Report report = new Soak(new Soak.Setting(18, 8, "rwkv7-nano", 4000, 5)).run(_ -> {
        });
        assertThat(report.faults()).as("seed 5").isEmpty();
        assertThat(report.sessions()).as("sessions acknowledged before the kill").isPositive();
        assertThat(report.lost()).as("of them lost").isZero();
        assertThat(report.requests()).isGreaterThan(30);
        // Code is still being compiled and caches fill: the long run holds memory to 5 %.
        assertThat(report.growth()).isLessThan(0.5);
    }

    /** SIGTERM under load: what was taken is answered to its end, nothing new is, and sessions are there afterwards. */
    @Test
    void aServerThatIsToldToEndFinishesWhatItHasTaken() throws Exception {
        Path model = folder.resolve("model.safetensors");
        RandomModels.write(RandomModels.config("rwkv7-nano"), model);
        List<String> arguments = List.of("--model", "m=" + model, "--state-dir", folder.resolve("states").toString(),
                "--max-memory", "128m", "--threads", "1", "--warm-seconds", "0", "--drain-seconds", "120");
        int streams = 6;
        int tokens = 200;
        AtomicInteger begun = new AtomicInteger();
        AtomicInteger whole = new AtomicInteger();
        List<String> faults = new CopyOnWriteArrayList<>();
        String id;
        long before;
        try (ServerProcess server = ServerProcess.start(List.of("-Xmx512m"), arguments)) {
            try (HttpConnection connection = server.connect()) {
                HttpConnection.Reply made = connection.send("POST", "/v1/sessions",
                        "{\"model\":\"m\",\"prompt\":\"to be or not\"}");
                id = ServeBench.found(Pattern.compile("\"id\":\"([^\"]+)\""), made.body());
                before = Long.parseLong(ServeBench.found(TOKENS, made.body()));
            }
            List<Thread> clients = new ArrayList<>();
            for (int i = 0; i < streams; i++) {
                // The first goes on with the session, which must then hold all of it.
                String path = i == 0 ? "/v1/sessions/" + id + "/continue" : "/v1/completions";
                String body = "{\"model\":\"m\",\"prompt\":\" and\",\"max_tokens\":" + tokens
                        + ",\"ignore_eos\":true,\"stream\":true,\"seed\":" + i + "}";
                clients.add(Thread.ofVirtual().start(() -> {
                    AtomicInteger events = new AtomicInteger();
                    try (HttpConnection connection = server.connect()) {
                        connection.stream(path, body, event -> {
                            if (events.incrementAndGet() == 2) {
                                begun.incrementAndGet();
                            }
                            if (event.equals("[DONE]")) {
                                whole.incrementAndGet();
                            }
                        });
                    } catch (IOException broken) {
                        faults.add(String.valueOf(broken.getMessage()));
                    }
                }));
            }
            long until = System.nanoTime() + 120_000_000_000L;
            while (begun.get() < streams && System.nanoTime() - until < 0) {
                Thread.sleep(2);
            }
            assertThat(begun.get()).as("streams that run").isEqualTo(streams);
            server.terminate();
            for (Thread client : clients) {
                client.join();
            }
            assertThat(server.awaitEnd(60)).as("the process has ended").isTrue();
        }
        assertThat(faults).isEmpty();
        assertThat(whole.get()).as("streams that came to their end").isEqualTo(streams);
        // Where another server finds it, as ServerProcess would take seconds to show.
        try (Engine engine = Engine.steady(1); LanguageModel opened = LanguageModel.open(model, engine)) {
            Path sessions = folder.resolve("states").resolve(opened.fingerprint()).resolve("sessions");
            try (SessionStore store = new SessionStore("m", opened, Optional.of(sessions), 1 << 20, 10);
                    SessionStore.Turn turn = store.take(id)) {
                assertThat(turn.tokens()).as("tokens of the session").hasSize(Math.toIntExact(before + 4 + tokens));
            }
        }
    }

    @Test
    void aShortBenchCountsWhatWasSent() throws Exception {
        List<ServeBench.Row> rows = new ArrayList<>();
        int sessions = PROOFS ? 20 : 0;
        new ServeBench(new ServeBench.Setting(List.of("rwkv7-nano"), List.of(1, 4), PROOFS ? 0.5 : 0,
                PROOFS ? 1.5 : 0.4, 8, 16, PROOFS ? 300 : 0, 2, sessions, "rwkv7-nano", PROOFS ? 200 : 0, 1, 256 << 20))
                .run(rows::add);
        int streams = 0;
        int shared = 0;
        for (ServeBench.Row row : rows) {
            switch (row) {
                case ServeBench.Streams of -> {
                    streams++;
                    assertThat(of.errors()).isZero();
                    assertThat(of.parameters()).isPositive();
                }
                case ServeBench.LongPrompt of -> assertThat(of.errors()).isZero();
                case ServeBench.Shared of -> {
                    shared++;
                    assertThat(of.readTokens()).as(of.pattern()).isPositive().isLessThan(of.promptTokens());
                    if (of.pattern().equals("regenerate")) {
                        assertThat(of.readTokens()).as("a prompt asked eight times is read once").isEqualTo(200);
                    }
                }
                case ServeBench.Idle of -> {
                    assertThat(of.errors()).isZero();
                    assertThat(of.sessions()).isEqualTo(sessions);
                    assertThat(of.diskBytes()).isGreaterThan(sessions * of.stateBytes());
                }
            }
        }
        assertThat(streams).isEqualTo(2);
        assertThat(shared).isEqualTo(PROOFS ? 8 : 0);
    }
}
