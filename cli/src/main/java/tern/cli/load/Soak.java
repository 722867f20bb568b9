package tern.cli.load;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Torments a server: clients that leave, malformed requests, huge prompts, slow readers, and a {@code kill -9} in the middle.
 * Afterwards every session that was acknowledged must be there, memory must be what it was, and nothing may still run.
 */
public final class Soak {
    private static final Pattern ID = Pattern.compile("\"id\":\"(sess[^\"]*|[^\"]+)\",\"object\":\"session\"");
    private static final Pattern TOKENS = Pattern.compile("\"tokens\":([0-9]+),\"state_bytes\"");
    private static final Pattern HEAP = Pattern.compile("(?m)^Total\\s+[0-9]+\\s+([0-9]+)");
    private static final Pattern NATIVE = Pattern.compile("Other \\(reserved=[0-9]+KB, committed=([0-9]+)KB\\)");
    private static final Pattern OPEN = Pattern.compile("(?m)^tern_requests_open (.*)$");
    private static final String MODEL = "soak";
    private static final long SETTLE_SECONDS = 30;
    /** Requests of each client, on average, that make a part of the soak. */
    private static final long LEAST_REQUESTS = 25;

    private final Setting setting;
    private final AtomicLong requests = new AtomicLong();
    private final AtomicLong left = new AtomicLong();
    private final AtomicLong malformed = new AtomicLong();
    private final AtomicLong slow = new AtomicLong();
    private final AtomicLong huge = new AtomicLong();
    private final List<String> faults = new ArrayList<>();
    // What the server has said it keeps: tokens by session.
    private final Map<String, Long> acknowledged = new ConcurrentHashMap<>();

    /**
     * How to torment.
     *
     * @param seconds in all, about: a third before the kill, a third to warm up after it, a third between the two measurements
     * @param clients at once
     * @param preset of the model, with random weights
     * @param hugePrompt tokens of a huge prompt
     * @param seed of everything that is random
     */
    public record Setting(double seconds, int clients, String preset, int hugePrompt, long seed) {
    }

    /**
     * What came of it; bytes are those in use after collecting garbage.
     *
     * @param lost sessions acknowledged before the kill that were gone, or shorter, after it
     * @param faults answers of 5xx without a cause, broken answers, threads that did not end; empty if all is well
     */
    public record Report(double seconds, long requests, long left, long malformed, long slow, long huge, int sessions,
            int lost, long heapBefore, long heapAfter, long nativeBefore, long nativeAfter, List<String> faults) {
        /** Growth of heap and native memory together, as a part of what was before. */
        public double growth() {
            return (double) (heapAfter + nativeAfter) / (heapBefore + nativeBefore) - 1;
        }
    }

    /** A soak with these settings. */
    public Soak(Setting setting) {
        this.setting = setting;
    }

    /** Torments; says on the way what it is at. */
    public Report run(Consumer<String> progress) throws IOException, InterruptedException {
        long begun = System.nanoTime();
        Path folder = Files.createTempDirectory("tern-soak");
        try {
            Path model = folder.resolve("model.safetensors");
            RandomModels.write(RandomModels.config(setting.preset), model);
            List<String> arguments = List.of("--model", MODEL + "=" + model, "--state-dir",
                    folder.resolve("states").toString(), "--max-memory", "128m", "--max-disk", "64m", "--max-tokens",
                    Integer.toString(2 * setting.hugePrompt), "--threads", "2", "--warm-seconds", "0");
            List<String> jvm = List.of("-Xmx512m", "-XX:NativeMemoryTracking=summary");
            double part = setting.seconds / 3;
            try (ServerProcess server = ServerProcess.start(jvm, arguments)) {
                progress.accept("tormenting a server until it is killed");
                Thread killer = Thread.ofVirtual().start(() -> {
                    try {
                        TimeUnit.MILLISECONDS.sleep(Math.round(part * 1000));
                        // However slow the machine is: a kill is of use when there is something to lose.
                        while (acknowledged.isEmpty() && server.isAlive()) {
                            TimeUnit.MILLISECONDS.sleep(20);
                        }
                        server.kill();
                    } catch (InterruptedException interrupted) {
                        Thread.currentThread().interrupt();
                    }
                });
                torment(server, part, 1, true);
                killer.join();
            }
            try (ServerProcess server = ServerProcess.start(jvm, arguments)) {
                int sessions = acknowledged.size();
                int lost = lost(server);
                progress.accept("killed; " + sessions + " sessions acknowledged, " + lost + " lost; tormenting on");
                torment(server, part, 2, false);
                settle(server);
                long heapBefore = heap(server);
                long nativeBefore = nativeBytes(server);
                torment(server, part, 3, false);
                settle(server);
                long heapAfter = heap(server);
                long nativeAfter = nativeBytes(server);
                server.log().stream().filter(line -> line.contains("failed")).forEach(this::fault);
                return new Report((System.nanoTime() - begun) * 1e-9, requests.get(), left.get(), malformed.get(),
                        slow.get(), huge.get(), sessions, lost, heapBefore, heapAfter, nativeBefore, nativeAfter,
                        List.copyOf(faults));
            }
        } finally {
            ServeBench.delete(folder);
        }
    }

    private synchronized void fault(String what) {
        if (faults.size() < 100) {
            faults.add(what);
        }
    }

    // ── clients ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** Torments for so long, and until each client has asked some times; a mortal server until it is dead. */
    private void torment(ServerProcess server, double seconds, int round, boolean mortal) throws InterruptedException {
        long until = System.nanoTime() + Math.round(seconds * 1e9);
        long enough = requests.get() + LEAST_REQUESTS * setting.clients;
        SplittableRandom seeds = new SplittableRandom(setting.seed + round);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < setting.clients; i++) {
            SplittableRandom random = seeds.split();
            threads.add(Thread.ofVirtual().start(() -> {
                while (server.isAlive()
                        && (mortal || System.nanoTime() - until < 0 || requests.get() < enough)) {
                    try {
                        one(server, random);
                    } catch (IOException broken) {
                        if (!mortal) {
                            fault("a connection broke: " + broken.getMessage());
                        }
                    }
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private void one(ServerProcess server, SplittableRandom random) throws IOException {
        requests.incrementAndGet();
        try (HttpConnection connection = server.connect()) {
            switch (random.nextInt(12)) {
                case 0, 1 -> leave(connection, random);
                case 2, 3 -> malformed(connection, random);
                case 4 -> readSlowly(connection, random);
                case 5 -> {
                    if (random.nextInt(6) == 0) {
                        huge.incrementAndGet();
                        check(connection.send("POST", "/v1/completions",
                                body(RandomModels.text(random, setting.hugePrompt), 2, false)));
                    }
                }
                case 6, 7, 8 -> converse(connection, random);
                default -> check(connection.send("POST", "/v1/completions",
                        body(RandomModels.text(random, 1 + random.nextInt(200)), 1 + random.nextInt(40), false)));
            }
        }
    }

    private static String body(String prompt, int tokens, boolean stream) {
        return "{\"model\":\"" + MODEL + "\",\"prompt\":\"" + prompt + "\",\"max_tokens\":" + tokens + ",\"stream\":"
                + stream + "}";
    }

    private HttpConnection.Reply check(HttpConnection.Reply reply) {
        boolean named = reply.status() == 503 || reply.status() == 507 || reply.status() == 504;
        if (reply.status() >= 500 && !(named && reply.body().contains("\"message\""))) {
            fault("status " + reply.status() + ": " + reply.body());
        }
        return reply;
    }

    private void leave(HttpConnection connection, SplittableRandom random) throws IOException {
        left.incrementAndGet();
        boolean stream = random.nextBoolean();
        connection.write("POST", "/v1/completions", body(RandomModels.text(random, 50), 2000, stream));
        if (stream) {
            connection.read(new byte[1 + random.nextInt(2000)]);
        } else {
            pause(random.nextInt(30));
        }
    }

    private void malformed(HttpConnection connection, SplittableRandom random) throws IOException {
        malformed.incrementAndGet();
        switch (random.nextInt(4)) {
            case 0 -> refuse(connection.send("POST", "/v1/completions", "{\"prompt\":"));
            case 1 -> refuse(connection.send("POST", "/v1/completions", "{\"prompt\":\"a\",\"temperature\":\"hot\"}"));
            case 2 -> refuse(connection.send("POST", "/v1/sessions/none/continue", "{}"));
            default -> {
                byte[] noise = new byte[1 + random.nextInt(300)];
                random.nextBytes(noise);
                connection.raw(noise);
            }
        }
    }

    private void refuse(HttpConnection.Reply reply) {
        if (check(reply).status() / 100 != 4) {
            fault("a malformed request was answered by " + reply.status() + ": " + reply.body());
        }
    }

    private void readSlowly(HttpConnection connection, SplittableRandom random) throws IOException {
        slow.incrementAndGet();
        connection.write("POST", "/v1/completions", body(RandomModels.text(random, 20), 60, true));
        byte[] few = new byte[200];
        for (int i = 0; i < 10; i++) {
            if (connection.read(few) < 0) {
                return;
            }
            pause(20);
        }
    }

    /** A session is made and goes on; it is remembered once the server has said so. Most are deleted. */
    private void converse(HttpConnection connection, SplittableRandom random) throws IOException {
        HttpConnection.Reply made = check(connection.send("POST", "/v1/sessions",
                "{\"model\":\"" + MODEL + "\",\"prompt\":\"" + RandomModels.text(random, 30) + "\"}"));
        if (made.status() != 200) {
            return;
        }
        String id = ServeBench.found(ID, made.body());
        acknowledged.put(id, Long.parseLong(ServeBench.found(TOKENS, made.body())));
        HttpConnection.Reply more = check(connection.send("POST", "/v1/sessions/" + id + "/continue",
                "{\"prompt\":\" and\",\"max_tokens\":" + (1 + random.nextInt(20)) + "}"));
        if (more.status() == 200) {
            acknowledged.put(id, Long.parseLong(ServeBench.found(TOKENS, more.body())));
        }
        if (random.nextInt(4) > 0) {
            // From here on it may be gone or not.
            acknowledged.remove(id);
            check(connection.send("DELETE", "/v1/sessions/" + id, ""));
        }
    }

    private static void pause(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    // ── what is left ────────────────────────────────────────────────────────────────────────────────────────────────

    /** Looks for each acknowledged session, goes on with it, and deletes it. */
    private int lost(ServerProcess server) throws IOException {
        int lost = 0;
        try (HttpConnection connection = server.connect()) {
            for (Map.Entry<String, Long> entry : acknowledged.entrySet()) {
                HttpConnection.Reply found = connection.send("GET", "/v1/sessions/" + entry.getKey(), "");
                boolean whole = found.status() == 200
                        && Long.parseLong(ServeBench.found(TOKENS, found.body())) >= entry.getValue()
                        && connection.send("POST", "/v1/sessions/" + entry.getKey() + "/continue",
                                "{\"prompt\":\" so\",\"max_tokens\":2}").status() == 200;
                lost += whole ? 0 : 1;
            }
        }
        deleteAll(server);
        return lost;
    }

    private void deleteAll(ServerProcess server) throws IOException {
        try (HttpConnection connection = server.connect()) {
            Matcher ids = ID.matcher(connection.send("GET", "/v1/sessions", "").body());
            while (ids.find()) {
                check(connection.send("DELETE", "/v1/sessions/" + ids.group(1), ""));
            }
        }
        acknowledged.clear();
    }

    /** Deletes sessions and waits until nothing but this question is under way. */
    private void settle(ServerProcess server) throws IOException, InterruptedException {
        deleteAll(server);
        long until = System.nanoTime() + SETTLE_SECONDS * 1_000_000_000L;
        String open = "";
        try (HttpConnection connection = server.connect()) {
            while (System.nanoTime() - until < 0) {
                open = ServeBench.found(OPEN, connection.send("GET", "/metrics", "").body());
                if (Double.parseDouble(open) <= 1) {
                    return;
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
        fault(open + " requests were still under way " + SETTLE_SECONDS + " s after the last client had left");
        Path dump = Files.createTempFile("tern-soak", ".threads");
        Files.delete(dump);
        server.ask("Thread.dump_to_file", dump.toString());
        for (String line : Files.readAllLines(dump, StandardCharsets.UTF_8)) {
            if (line.contains("at tern.serve.http")) {
                fault(line.strip());
            }
        }
        Files.deleteIfExists(dump);
    }

    private static long heap(ServerProcess server) throws IOException, InterruptedException {
        server.ask("GC.run");
        return Long.parseLong(ServeBench.found(HEAP, server.ask("GC.class_histogram")));
    }

    /** What was taken for tensors and buffers. */
    private static long nativeBytes(ServerProcess server) throws IOException, InterruptedException {
        return 1024 * Long.parseLong(ServeBench.found(NATIVE, server.ask("VM.native_memory", "summary")));
    }
}
