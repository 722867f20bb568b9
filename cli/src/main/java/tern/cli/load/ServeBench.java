package tern.cli.load;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import tern.model.StackConfig;

/**
 * What a server does under load, asked over loopback by this process while the server is another: many streams at once, a long prompt
 * beside running streams, idle sessions, and prompts that share beginnings.
 */
public final class ServeBench {
    private static final Pattern ID = Pattern.compile("\"id\":\"([^\"]+)\"");
    private static final Pattern PROMPT_TOKENS = Pattern.compile("\"prompt_tokens\":([0-9]+)");
    private static final Pattern CACHED_TOKENS = Pattern.compile("\"cached_tokens\":([0-9]+)");
    private static final Pattern STATE_BYTES = Pattern.compile("\"state_bytes\":([0-9]+)");
    private static final int CREATORS = 8;
    private static final int RESUMED = 200;
    private static final int WARM_STREAMS = 64;
    private static final int WARM_PROMPT = 1024;
    private static final double SERVER_WARM_SECONDS = 3;
    private static final int PATIENCE = 4;

    private final Setting setting;
    private final SplittableRandom random = new SplittableRandom(17);

    /**
     * What to measure.
     *
     * @param presets architectures; the others are brought to the first one's number of parameters
     * @param streams numbers of streams at once
     * @param warmSeconds that the server is busy before anything is measured, about
     * @param seconds each is measured, once all streams have their first token, or {@value #PATIENCE} times as long has gone by
     * @param promptTokens of each stream
     * @param streamTokens of each answer; when it ends the next begins
     * @param longPrompt tokens of a prompt that is read beside running streams; 0 for none
     * @param beside how many streams run meanwhile
     * @param sessions idle sessions; 0 for none
     * @param sessionPreset the architecture that holds them
     * @param document tokens of the texts of the patterns of prompts; 0 for none
     * @param threads of the server
     * @param memory bytes for the server's states
     */
    public record Setting(List<String> presets, List<Integer> streams, double warmSeconds, double seconds,
            int promptTokens,
            int streamTokens, int longPrompt, int beside, int sessions, String sessionPreset, int document, int threads,
            long memory) {
    }

    /** A result. */
    public sealed interface Row {
    }

    /**
     * Streams at once, as their clients see them.
     *
     * @param times the tokens a second of one stream
     * @param startP50 milliseconds to the first token of streams that all ask at the same moment; those that had none when the measuring
     *            began are counted by how long they had waited then
     * @param firstP50 milliseconds from the request to the first token of those that ask while the others run
     * @param gapP50 milliseconds between tokens of a stream
     * @param residentBytes of the server's process; 0 where the system does not tell
     */
    public record Streams(String what, String model, long parameters, int streams, double tokensPerSecond, double times,
            double startP50, double startP99, double firstP50, double firstP99, double gapP50, double gapP99,
            long residentBytes, int errors) implements Row {
    }

    /** Milliseconds between tokens of running streams before and while a long prompt is read, which takes {@code readSeconds}. */
    public record LongPrompt(String what, String model, int streams, int promptTokens, double readSeconds,
            double beforeP50, double beforeP99, double duringP50, double duringP99, int errors) implements Row {
    }

    /** Sessions that stand idle, and milliseconds until one that is continued has given its first token. */
    public record Idle(String what, String model, int sessions, long stateBytes, double createdPerSecond,
            long residentBytes, long diskBytes, int resumed, double resumeP50, double resumeP99, double resumeMost,
            int errors) implements Row {
    }

    /** Prompts that share beginnings: tokens that were read of those that were sent. */
    public record Shared(String what, String model, String pattern, int requests, long promptTokens, long readTokens,
            double seconds) implements Row {
    }

    /** A measurement with these settings. */
    public ServeBench(Setting setting) {
        this.setting = setting;
    }

    /** Measures; each row is given to the sink as soon as it is known. Everything written is removed at the end. */
    public void run(Consumer<Row> sink) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("tern-bench-serve");
        try {
            List<StackConfig> configs = new ArrayList<>();
            for (String preset : setting.presets) {
                StackConfig config = RandomModels.config(preset);
                configs.add(configs.isEmpty() ? config
                        : RandomModels.fitted(config, RandomModels.parameters(configs.getFirst())));
            }
            for (int i = 0; i < configs.size(); i++) {
                Path file = folder.resolve("model-" + i + ".safetensors");
                RandomModels.write(configs.get(i), file);
                String name = setting.presets.get(i);
                try (ServerProcess server = server(name, file, List.of())) {
                    warm(server, name);
                    double one = 0;
                    for (int streams : setting.streams) {
                        Streams row = streams(server, name, RandomModels.parameters(configs.get(i)), streams, one,
                                setting.seconds);
                        one = one == 0 ? row.tokensPerSecond / streams : one;
                        sink.accept(row);
                    }
                    if (setting.longPrompt > 0) {
                        sink.accept(longPrompt(server, name));
                    }
                }
            }
            if (setting.document > 0) {
                patterns(setting.presets.getFirst(), folder.resolve("model-0.safetensors"), folder, sink);
            }
            if (setting.sessions > 0) {
                sink.accept(idle(folder));
            }
        } finally {
            delete(folder);
        }
    }

    private ServerProcess server(String name, Path file, List<String> more) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("--model", name + "=" + file, "--threads",
                Integer.toString(setting.threads), "--max-memory", Long.toString(setting.memory), "--warm-seconds",
                Double.toString(Math.min(SERVER_WARM_SECONDS, setting.warmSeconds))));
        arguments.addAll(more);
        return ServerProcess.start(List.of("-Xmx2g"), arguments);
    }

    // ── many streams ────────────────────────────────────────────────────────────────────────────────────────────────

    /** Where the measured time begins and ends. */
    private static final class Window {
        private volatile long from = Long.MAX_VALUE;
        private volatile long to = Long.MAX_VALUE;
        private final AtomicLong tokens = new AtomicLong();
        private final CountDownLatch missing;
        private final Latencies start = new Latencies();
        private final Latencies first = new Latencies();
        private final Latencies gaps = new Latencies();
        private final AtomicInteger errors = new AtomicInteger();

        /** Waits for so many streams to begin. */
        private Window(int streams) {
            missing = new CountDownLatch(streams);
        }

        /** A stream has its first token, after so many nanoseconds. */
        private synchronized void began(long nanos) {
            if (from == Long.MAX_VALUE) {
                start.add(nanos);
            }
            missing.countDown();
        }

        /** Opens for so long when all streams have begun, which they may take so long for. */
        private void open(long patience, long length) {
            long asked = System.nanoTime();
            await(missing, patience);
            synchronized (this) {
                long now = System.nanoTime();
                for (long i = missing.getCount(); i > 0; i--) {
                    start.add(now - asked);
                }
                set(now, now + length);
            }
        }

        private boolean holds(long now) {
            return now - from >= 0 && now - to < 0 && from != Long.MAX_VALUE;
        }

        private boolean isOver(long now) {
            return to != Long.MAX_VALUE && now - to >= 0;
        }

        private void set(long begin, long end) {
            to = end;
            from = begin;
        }
    }

    /** Lets the server's compiler see single streams, many of them, and prompts. */
    private void warm(ServerProcess server, String name) throws IOException, InterruptedException {
        if (setting.warmSeconds == 0) {
            return;
        }
        double part = setting.warmSeconds * 0.4;
        streams(server, name, 0, WARM_STREAMS, 0, part);
        streams(server, name, 0, 1, 0, part / 2);
        try (HttpConnection connection = server.connect()) {
            connection.send("POST", "/v1/completions",
                    completion(name, RandomModels.text(random, WARM_PROMPT), 1, 1, false));
        }
    }

    private Streams streams(ServerProcess server, String name, long parameters, int streams, double one,
            double seconds) throws InterruptedException {
        Window window = new Window(streams);
        AtomicLong resident = new AtomicLong();
        List<Runnable> work = new ArrayList<>();
        for (int i = 0; i < streams; i++) {
            SplittableRandom own = random.split();
            work.add(() -> converse(server, name, own, window));
        }
        work.add(() -> {
            window.open(Math.round(PATIENCE * seconds * 1e9), Math.round(seconds * 1e9));
            sleep(Math.round(seconds * 0.9e9));
            resident.set(server.residentBytes().orElse(0L));
        });
        together(work);
        double rate = window.tokens.get() / seconds;
        return new Streams("streams", name, parameters, streams, rate, one == 0 ? 1 : rate / one,
                window.start.millis(0.5), window.start.millis(0.99),
                window.first.millis(0.5), window.first.millis(0.99), window.gaps.millis(0.5), window.gaps.millis(0.99),
                resident.get(), window.errors.get());
    }

    /** Asks again and again until the window is over. */
    private void converse(ServerProcess server, String name, SplittableRandom own, Window window) {
        boolean first = true;
        while (!window.isOver(System.nanoTime())) {
            // Streams that began together would also end together; the first answers are of any length.
            int tokens = first ? 1 + own.nextInt(setting.streamTokens) : setting.streamTokens;
            boolean begins = first;
            first = false;
            try (HttpConnection connection = server.connect()) {
                stream(connection, completion(name, RandomModels.text(own, setting.promptTokens), tokens,
                        own.nextInt(1 << 30), true), window, begins);
            } catch (Over over) {
                return;
            } catch (IOException | RuntimeException failed) {
                window.errors.incrementAndGet();
                sleep(10_000_000);
            }
        }
    }

    /** The window is over, the rest of an answer is not wanted. */
    private static final class Over extends RuntimeException {
        private static final long serialVersionUID = 1;

        private Over() {
            super("over", null, false, false);
        }
    }

    private static void stream(HttpConnection connection, String body, Window window, boolean begins)
            throws IOException {
        long begun = System.nanoTime();
        long[] last = {0};
        int status = connection.stream("/v1/completions", body, event -> {
            long now = System.nanoTime();
            if (window.isOver(now)) {
                if (last[0] == 0 && !begins && window.holds(begun)) {
                    window.first.add(now - begun);
                }
                throw new Over();
            }
            if (event.equals("[DONE]") || event.contains("\"finish_reason\":\"")) {
                return;
            }
            if (window.holds(now)) {
                window.tokens.incrementAndGet();
                if (last[0] != 0) {
                    window.gaps.add(now - last[0]);
                }
            }
            if (last[0] == 0 && begins) {
                window.began(now - begun);
            } else if (last[0] == 0 && window.holds(begun)) {
                window.first.add(now - begun);
            }
            last[0] = now;
        });
        if (status != 200) {
            window.errors.incrementAndGet();
        }
    }

    private static String completion(String model, String prompt, int tokens, int seed, boolean stream) {
        return "{\"model\":\"" + model + "\",\"prompt\":\"" + prompt + "\",\"max_tokens\":" + tokens + ",\"seed\":"
                + seed + ",\"stream\":" + stream + "}";
    }

    private static void together(List<Runnable> work) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (Runnable each : work) {
            threads.add(Thread.ofVirtual().start(each));
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private static void await(CountDownLatch latch, long nanos) {
        try {
            if (!latch.await(nanos, TimeUnit.NANOSECONDS)) {
                return;
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void sleep(long nanos) {
        try {
            TimeUnit.NANOSECONDS.sleep(Math.max(0, nanos));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    // ── a long prompt ───────────────────────────────────────────────────────────────────────────────────────────────

    private LongPrompt longPrompt(ServerProcess server, String name) throws InterruptedException {
        Window before = new Window(0);
        Window during = new Window(0);
        AtomicLong took = new AtomicLong();
        AtomicInteger errors = new AtomicInteger();
        String prompt = RandomModels.text(random, setting.longPrompt);
        List<Runnable> work = new ArrayList<>();
        for (int i = 0; i < setting.beside; i++) {
            SplittableRandom own = random.split();
            work.add(() -> beside(server, name, own, before, during));
        }
        work.add(() -> {
            long begun = System.nanoTime();
            sleep(1_000_000_000L);
            before.set(begun + 500_000_000L, System.nanoTime() + 1_000_000_000L);
            sleep(1_000_000_000L);
            long asked = System.nanoTime();
            during.set(asked, Long.MAX_VALUE);
            try (HttpConnection connection = server.connect()) {
                if (connection.send("POST", "/v1/completions", completion(name, prompt, 1, 1, false)).status() != 200) {
                    errors.incrementAndGet();
                }
            } catch (IOException failed) {
                errors.incrementAndGet();
            }
            took.set(System.nanoTime() - asked);
            during.to = System.nanoTime();
        });
        together(work);
        return new LongPrompt("long_prompt", name, setting.beside, setting.longPrompt, took.get() * 1e-9,
                before.gaps.millis(0.5), before.gaps.millis(0.99), during.gaps.millis(0.5), during.gaps.millis(0.99),
                errors.get() + during.errors.get());
    }

    private static void beside(ServerProcess server, String name, SplittableRandom own, Window before, Window during) {
        while (!during.isOver(System.nanoTime())) {
            long[] last = {0};
            try (HttpConnection connection = server.connect()) {
                int status = connection.stream("/v1/completions",
                        completion(name, RandomModels.text(own, 16), 1000, own.nextInt(1 << 30), true), event -> {
                            long now = System.nanoTime();
                            if (during.isOver(now)) {
                                throw new Over();
                            }
                            if (last[0] != 0 && before.holds(now)) {
                                before.gaps.add(now - last[0]);
                            }
                            if (last[0] != 0 && during.holds(now)) {
                                during.gaps.add(now - last[0]);
                            }
                            last[0] = now;
                        });
                if (status != 200) {
                    during.errors.incrementAndGet();
                }
            } catch (Over over) {
                return;
            } catch (IOException failed) {
                during.errors.incrementAndGet();
                sleep(10_000_000);
            }
        }
    }

    // ── idle sessions ───────────────────────────────────────────────────────────────────────────────────────────────

    private Idle idle(Path folder) throws IOException, InterruptedException {
        Path file = folder.resolve("sessions.safetensors");
        RandomModels.write(RandomModels.config(setting.sessionPreset), file);
        Path states = folder.resolve("states");
        String name = setting.sessionPreset;
        try (ServerProcess server = server(name, file, List.of("--state-dir", states.toString()))) {
            warm(server, name);
            String[] ids = new String[setting.sessions];
            AtomicInteger next = new AtomicInteger();
            AtomicInteger errors = new AtomicInteger();
            AtomicLong stateBytes = new AtomicLong();
            long begun = System.nanoTime();
            List<Runnable> work = new ArrayList<>();
            for (int i = 0; i < CREATORS; i++) {
                SplittableRandom own = random.split();
                work.add(() -> create(server, name, own, ids, next, errors, stateBytes));
            }
            together(work);
            double seconds = (System.nanoTime() - begun) * 1e-9;
            Latencies resumed = new Latencies();
            try (HttpConnection connection = server.connect()) {
                for (int i = 0; i < Math.min(RESUMED, ids.length); i++) {
                    String id = ids[random.nextInt(ids.length)];
                    long asked = System.nanoTime();
                    if (id == null || connection.send("POST", "/v1/sessions/" + id + "/continue",
                            "{\"prompt\":\" and\",\"max_tokens\":1,\"seed\":1}").status() != 200) {
                        errors.incrementAndGet();
                    }
                    resumed.add(System.nanoTime() - asked);
                }
            }
            return new Idle("sessions", name, ids.length, stateBytes.get(), ids.length / seconds,
                    server.residentBytes().orElse(0L), bytesUnder(states), resumed.count(), resumed.millis(0.5),
                    resumed.millis(0.99), resumed.millis(1), errors.get());
        }
    }

    private static void create(ServerProcess server, String name, SplittableRandom own, String[] ids,
            AtomicInteger next, AtomicInteger errors, AtomicLong stateBytes) {
        try (HttpConnection connection = server.connect()) {
            for (int i = next.getAndIncrement(); i < ids.length; i = next.getAndIncrement()) {
                HttpConnection.Reply reply = connection.send("POST", "/v1/sessions",
                        "{\"model\":\"" + name + "\",\"prompt\":\"" + RandomModels.text(own, 8) + "\"}");
                if (reply.status() == 200) {
                    ids[i] = found(ID, reply.body());
                    stateBytes.set(Long.parseLong(found(STATE_BYTES, reply.body())));
                } else {
                    errors.incrementAndGet();
                }
            }
        } catch (IOException failed) {
            errors.incrementAndGet();
        }
    }

    // ── prompts that share beginnings ───────────────────────────────────────────────────────────────────────────────

    /** Counts what was sent and what was read of it. */
    private static final class Asked {
        private final String model;
        private int requests;
        private long promptTokens;
        private long readTokens;

        private Asked(String model) {
            this.model = model;
        }

        private void ask(HttpConnection connection, String prompt) throws IOException {
            HttpConnection.Reply reply = connection.send("POST", "/v1/completions",
                    completion(model, prompt, 8, requests, false));
            if (reply.status() != 200) {
                throw new IOException("status " + reply.status() + ": " + reply.body());
            }
            long prompts = Long.parseLong(found(PROMPT_TOKENS, reply.body()));
            requests++;
            promptTokens += prompts;
            readTokens += prompts - Long.parseLong(found(CACHED_TOKENS, reply.body()));
        }
    }

    private void patterns(String name, Path file, Path folder, Consumer<Row> sink) throws IOException {
        List<String> more = List.of("--state-dir", folder.resolve("prefixes").toString());
        int length = setting.document;
        String document = RandomModels.text(random, length);
        try (ServerProcess server = server(name, file, more); HttpConnection connection = server.connect()) {
            String[] growing = {RandomModels.text(random, length / 2)};
            sink.accept(pattern(name, "multi-turn growth", asked -> {
                for (int turn = 0; turn < 8; turn++) {
                    asked.ask(connection, growing[0]);
                    growing[0] += RandomModels.text(random, length / 16);
                }
            }));
            String talk = RandomModels.text(random, length);
            sink.accept(pattern(name, "edited last message", asked -> {
                for (int turn = 0; turn < 8; turn++) {
                    asked.ask(connection, talk + RandomModels.text(random, 100));
                }
            }));
            String before = RandomModels.text(random, length / 2);
            String after = RandomModels.text(random, length / 2);
            sink.accept(pattern(name, "changed word in the middle", asked -> {
                for (int turn = 0; turn < 8; turn++) {
                    asked.ask(connection, before + RandomModels.text(random, 6) + after);
                }
            }));
            String head = RandomModels.text(random, 100);
            String tail = RandomModels.text(random, length);
            sink.accept(pattern(name, "toggled flag near the start", asked -> {
                for (int turn = 0; turn < 8; turn++) {
                    asked.ask(connection, head + (turn % 2 == 0 ? "true " : "false") + tail);
                }
            }));
            sink.accept(pattern(name, "one document, many questions", asked -> {
                for (int turn = 0; turn < 16; turn++) {
                    asked.ask(connection, document + RandomModels.text(random, 40));
                }
            }));
            String again = RandomModels.text(random, length);
            sink.accept(pattern(name, "regenerate", asked -> {
                for (int turn = 0; turn < 8; turn++) {
                    asked.ask(connection, again);
                }
            }));
            String system = RandomModels.text(random, length);
            sink.accept(pattern(name, "shared system prompt", asked -> {
                for (int agent = 0; agent < 16; agent++) {
                    asked.ask(connection, system + RandomModels.text(random, 200));
                }
            }));
        }
        try (ServerProcess server = server(name, file, more); HttpConnection connection = server.connect()) {
            sink.accept(pattern(name, "the document after a restart", asked -> {
                for (int turn = 0; turn < 8; turn++) {
                    asked.ask(connection, document + RandomModels.text(random, 40));
                }
            }));
        }
    }

    @FunctionalInterface
    private interface Requests {
        void send(Asked asked) throws IOException;
    }

    private static Shared pattern(String model, String name, Requests requests) throws IOException {
        Asked asked = new Asked(model);
        long begun = System.nanoTime();
        requests.send(asked);
        return new Shared("prefix", model, name, asked.requests, asked.promptTokens, asked.readTokens,
                (System.nanoTime() - begun) * 1e-9);
    }

    // ── files and texts ─────────────────────────────────────────────────────────────────────────────────────────────

    static String found(Pattern pattern, String text) throws IOException {
        Matcher matcher = pattern.matcher(text);
        if (!matcher.find()) {
            throw new IOException("expected " + pattern + " in the answer, found " + text);
        }
        return matcher.group(1);
    }

    static long bytesUnder(Path folder) throws IOException {
        long[] total = {0};
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                total[0] += attributes.size();
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException gone) {
                return FileVisitResult.CONTINUE;
            }
        });
        return total[0];
    }

    static void delete(Path folder) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, java.io.IOException failure) throws IOException {
                Files.deleteIfExists(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
