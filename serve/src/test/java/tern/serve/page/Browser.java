package tern.serve.page;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A headless Chromium with one page, driven over its debugging protocol. Confined to one thread. */
final class Browser implements AutoCloseable {
    private static final JsonMapper JSON = new JsonMapper();
    private static final long PATIENCE_SECONDS = 60;

    private final Process process;
    private final Path profile;
    private final HttpClient http = HttpClient.newHttpClient();
    private final WebSocket socket;
    private final AtomicInteger next = new AtomicInteger();
    private final Map<Integer, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private final List<String> complaints = new ArrayList<>();

    /** Starts the machine's Chromium; the test is skipped where there is none. */
    static Browser start(Path profile) throws Exception {
        Optional<String> program = Stream.of("chromium", "chromium-browser", "google-chrome").flatMap(
                name -> Stream.of(System.getenv("PATH").split(File.pathSeparator)).map(folder -> folder + "/" + name))
                .filter(path -> Files.isExecutable(Path.of(path))).findFirst();
        assumeTrue(program.isPresent(), "skipped: there is no chromium on the PATH to look at the page with");
        Process process = new ProcessBuilder(program.get(), "--headless=new", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--remote-debugging-port=0",
                "--user-data-dir=" + profile, "about:blank")
                .redirectErrorStream(true).redirectOutput(profile.resolveSibling("chromium.log").toFile()).start();
        return new Browser(process, profile);
    }

    private Browser(Process process, Path profile) throws Exception {
        this.process = process;
        this.profile = profile;
        Path said = profile.resolve("DevToolsActivePort");
        waitFor(() -> Files.exists(said) && Files.readAllLines(said).size() > 1, "the browser to start");
        String port = Files.readAllLines(said).getFirst();
        JsonNode pages = JSON.readTree(http.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list")).build(),
                HttpResponse.BodyHandlers.ofString()).body());
        String address = "";
        for (JsonNode page : pages) {
            address = page.get("type").stringValue().equals("page") ? page.get("webSocketDebuggerUrl").stringValue()
                    : address;
        }
        socket = http.newWebSocketBuilder().buildAsync(URI.create(address), new Listening()).get(PATIENCE_SECONDS,
                TimeUnit.SECONDS);
        call("Runtime.enable", "{}");
        call("Log.enable", "{}");
        call("Page.enable", "{}");
    }

    private final class Listening implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                JsonNode message = JSON.readTree(text.toString());
                text.setLength(0);
                if (message.has("id")) {
                    answered(message);
                } else {
                    note(message);
                }
            }
            from.request(1);
            return CompletableFuture.completedStage(null);
        }
    }

    private void answered(JsonNode message) {
        CompletableFuture<JsonNode> asked = waiting.remove(message.get("id").intValue());
        if (asked != null) {
            asked.complete(message);
        }
    }

    private synchronized void note(JsonNode event) {
        switch (event.path("method").asString()) {
            case "Runtime.exceptionThrown" -> complaints.add(event.get("params").toString());
            case "Log.entryAdded" -> {
                if (event.at("/params/entry/level").asString().equals("error")) {
                    complaints.add(event.get("params").toString());
                }
            }
            default -> {
            }
        }
    }

    /** What the page's console complained of. */
    synchronized List<String> complaints() {
        return List.copyOf(complaints);
    }

    private JsonNode call(String method, String parameters)
            throws InterruptedException, ExecutionException, TimeoutException {
        int id = next.incrementAndGet();
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        waiting.put(id, answer);
        socket.sendText("{\"id\":%d,\"method\":\"%s\",\"params\":%s}".formatted(id, method, parameters), true)
                .get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        JsonNode message = answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (message.has("error")) {
            throw new IllegalStateException(method + ": " + message.get("error"));
        }
        return message.get("result");
    }

    void open(String address) throws Exception {
        call("Page.navigate", "{\"url\":" + JSON.writeValueAsString(address) + "}");
        until("document.readyState === 'complete'");
    }

    /** The value of an expression, promises awaited. */
    JsonNode value(String expression) throws Exception {
        JsonNode result = call("Runtime.evaluate", "{\"expression\":" + JSON.writeValueAsString(expression)
                + ",\"awaitPromise\":true,\"returnByValue\":true,\"userGesture\":true}");
        if (result.has("exceptionDetails")) {
            throw new IllegalStateException(expression + ": " + result.get("exceptionDetails"));
        }
        return result.get("result").path("value");
    }

    /** Waits for an expression to be true. */
    void until(String expression) throws Exception {
        waitFor(() -> value("!!(" + expression + ")").booleanValue(), expression);
    }

    void press(String key, String modifiers) throws Exception {
        int bits = modifiers.contains("Alt") ? 1 : modifiers.contains("Control") ? 2 : 0;
        String event = "\"modifiers\":%d,\"key\":\"%s\",\"code\":\"%s\"".formatted(bits, key,
                key.length() == 1 ? "Key" + key.toUpperCase(java.util.Locale.ROOT) : key);
        call("Input.dispatchKeyEvent", "{\"type\":\"rawKeyDown\"," + event + "}");
        call("Input.dispatchKeyEvent", "{\"type\":\"keyUp\"," + event + "}");
    }

    void write(String text) throws Exception {
        call("Input.insertText", "{\"text\":" + JSON.writeValueAsString(text) + "}");
    }

    void hover(String selector) throws Exception {
        JsonNode at = value("(() => { const r = document.querySelector(" + JSON.writeValueAsString(selector)
                + ").getBoundingClientRect(); return {x: r.left + r.width / 2, y: r.top + r.height / 2}; })()");
        call("Input.dispatchMouseEvent", "{\"type\":\"mouseMoved\",\"x\":" + at.get("x").doubleValue() + ",\"y\":"
                + at.get("y").doubleValue() + "}");
    }

    /** A window of this many CSS pixels, in the light or the dark. */
    void look(int width, int height, boolean dark) throws Exception {
        call("Emulation.setDeviceMetricsOverride", "{\"width\":%d,\"height\":%d,\"deviceScaleFactor\":1,\"mobile\":%b}"
                .formatted(width, height, width < 600));
        call("Emulation.setEmulatedMedia", "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\""
                + (dark ? "dark" : "light") + "\"}]}");
    }

    /** A picture of the window. */
    void picture(Path file) throws Exception {
        Files.createDirectories(file.getParent());
        Files.write(file, Base64.getDecoder().decode(
                call("Page.captureScreenshot", "{\"format\":\"png\"}").get("data").stringValue()));
    }

    /** Something that is true sooner or later. */
    @FunctionalInterface
    interface Condition {
        boolean holds() throws Exception;
    }

    private static void waitFor(Condition condition, String what) throws Exception {
        long until = System.nanoTime() + Duration.ofSeconds(PATIENCE_SECONDS).toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > until) {
                throw new TimeoutException("waited " + PATIENCE_SECONDS + " s for " + what);
            }
            Thread.sleep(20);
        }
    }

    @Override
    public void close() throws IOException {
        socket.abort();
        http.close();
        process.descendants().forEach(ProcessHandle::destroy);
        process.destroy();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException stopped) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
        // These are links out of the folder.
        for (String link : List.of("SingletonSocket", "SingletonCookie", "SingletonLock")) {
            Files.deleteIfExists(profile.resolve(link));
        }
    }
}
