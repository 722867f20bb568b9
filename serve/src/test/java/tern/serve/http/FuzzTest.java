package tern.serve.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;

import tern.host.engine.Batcher;
import tern.serve.TernServer;
import tern.serve.TinyModels;

/** Whatever is sent is answered, soon, and never by a fault of the server. */
class FuzzTest {
    private static final long SEED = 20_251;
    private static final int REQUESTS = 600;
    private static final int PATIENCE_MILLIS = 30_000;
    private static final List<String> METHODS = List.of("GET", "POST", "POST", "POST", "POST", "PUT", "DELETE", "HEAD",
            "OPTIONS", "PATCH", "TRACE", "get", "BREW");
    private static final List<String> PATHS = List.of("/", "/v1/completions", "/v1/completions",
            "/v1/chat/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/sessions", "/v1/sessions/restore",
            "/v1/sessions/x/continue", "/v1/sessions/%00/snapshot", "/v1/sessions/../fork", "/v1/models",
            "/v1/models/rwkv", "/v1/models/%ff", "/metrics", "/healthz", "/openapi.yaml", "/..%2f..%2fetc/passwd", "/%",
            "/v1//completions", "/index.html?x=%zz", "/v1/sessions?model=%e2%82", "/v1/sessions/restore?model=%zz",
            "//", "/;a=b/v1");
    private static final List<String> NAMES = List.of("model", "prompt", "messages", "input", "max_tokens", "stream",
            "temperature", "top_p", "n", "best_of", "stop", "logprobs", "top_logprobs", "logit_bias", "seed", "echo",
            "presence_penalty", "frequency_penalty", "stream_options", "response_format", "tools", "suffix", "user",
            "encoding_format", "pooling", "max_completion_tokens", "ignore_eos", "dimensions");
    private static final List<String> HEADERS = List.of("Accept: */*", "Content-Type: application/json",
            "Content-Type: application/json", "Content-Type: application/json; charset=utf-8",
            "Content-Type: text/plain", "Expect: nonsense", "Connection: close", "Authorization: Bearer x",
            "Cookie: a=b; c", "X-Odd: \u0001\u0002", "Range: bytes=0-", "Accept-Encoding: gzip", "If-None-Match: *");

    @Test
    void everythingIsAnsweredAndNothingFails() throws Exception {
        SplittableRandom random = new SplittableRandom(SEED);
        Limits limits = new Limits(1 << 16, 1 << 16, 8192, java.time.Duration.ofSeconds(20),
                java.time.Duration.ofSeconds(20), 8, 20, 16);
        TernServer.Options options = TernServer.Options.local(0).withLimits(limits)
                .withBatch(new Batcher.Settings(64, 64, 8, 4096, 0, 0.03));
        int[] answered = new int[6];
        try (TinyModels tiny = new TinyModels();
                TernServer server = TernServer.start(options, Map.of("rwkv", tiny.preset("rwkv7-nano")))) {
            for (int i = 0; i < REQUESTS; i++) {
                byte[] request = request(random);
                String what = "seed " + SEED + ", request " + i + ": "
                        + new String(request, StandardCharsets.ISO_8859_1);
                String answer = send(server.port(), request, what);
                if (answer.isEmpty()) {
                    // What is not HTTP may be met with the end of the connection.
                    continue;
                }
                assertThat(answer).as(what).startsWith("HTTP/1.1 ");
                int status = Integer.parseInt(answer.substring(9, 12));
                assertThat(status).as(what + "\n→ " + answer).isBetween(200, 599).isNotEqualTo(500);
                assertThat(answer).as(what).doesNotContain("Exception").doesNotContain("at tern.");
                if (status > 500) {
                    assertThat(answer).as("a cause: " + what).containsAnyOf("\"code\"", "Not Implemented",
                            "Version Not Supported", "\"error\"");
                }
                answered[status / 100]++;
            }
            assertThat(answered[2]).as("requests that were right").isGreaterThan(20);
            assertThat(answered[4]).as("requests that were wrong").isGreaterThan(200);
            Batcher batcher = server.models().all().iterator().next().batcher();
            assertThat(batcher.drain(java.time.Duration.ofSeconds(30))).as("nothing hangs").isTrue();
            assertThat(batcher.report().streams()).isZero();
        }
    }

    private static String send(int port, byte[] request, String what) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(PATIENCE_MILLIS);
            try {
                socket.getOutputStream().write(request);
            } catch (java.net.SocketException closed) {
                // The server has seen enough; its answer may still be there.
                assertThat(closed.getMessage()).as(what).isNotNull();
            }
            java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
            byte[] buffer = new byte[8192];
            try {
                for (int read = socket.getInputStream().read(buffer); read >= 0; read = socket.getInputStream()
                        .read(buffer)) {
                    all.write(buffer, 0, read);
                }
            } catch (java.net.SocketTimeoutException late) {
                throw new AssertionError("no end within " + PATIENCE_MILLIS + " ms: " + what, late);
            } catch (java.net.SocketException reset) {
                assertThat(reset.getMessage()).as(what).isNotNull();
            }
            return all.toString(StandardCharsets.ISO_8859_1);
        }
    }

    private static <T> T any(SplittableRandom random, List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private static byte[] request(SplittableRandom random) {
        if (random.nextInt(20) == 0) {
            byte[] noise = new byte[1 + random.nextInt(200)];
            random.nextBytes(noise);
            noise[noise.length - 1] = '\n';
            byte[] ended = java.util.Arrays.copyOf(noise, noise.length + 3);
            System.arraycopy("\n\r\n".getBytes(StandardCharsets.US_ASCII), 0, ended, noise.length, 3);
            return ended;
        }
        byte[] body = (random.nextInt(8) == 0 ? noise(random, random.nextInt(3000)) : object(random, 0))
                .getBytes(StandardCharsets.UTF_8);
        if (random.nextInt(10) == 0 && body.length > 0) {
            body = java.util.Arrays.copyOf(body, random.nextInt(body.length));
        }
        StringBuilder head = new StringBuilder();
        head.append(any(random, METHODS)).append(' ').append(any(random, PATHS))
                .append(" HTTP/1.1\r\nHost: localhost\r\n");
        for (int i = random.nextInt(4); i > 0; i--) {
            head.append(any(random, HEADERS)).append("\r\n");
        }
        if (random.nextInt(3) > 0) {
            head.append("Content-Type: application/json\r\n");
        }
        head.append("Connection: close\r\nContent-Length: ").append(body.length).append("\r\n\r\n");
        byte[] start = head.toString().getBytes(StandardCharsets.ISO_8859_1);
        byte[] all = java.util.Arrays.copyOf(start, start.length + body.length);
        System.arraycopy(body, 0, all, start.length, body.length);
        return all;
    }

    private static String noise(SplittableRandom random, int length) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++) {
            text.append((char) random.nextInt(random.nextInt(4) == 0 ? 0xD800 : 0x80));
        }
        return text.toString();
    }

    private static String object(SplittableRandom random, int depth) {
        StringBuilder text = new StringBuilder("{");
        if (depth == 0) {
            // Often enough a request is nearly right.
            text.append(switch (random.nextInt(4)) {
                case 0 -> "\"prompt\":\"abc\",\"max_tokens\":3";
                case 1 -> "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":3";
                case 2 -> "\"input\":[\"a\",\"b\"],\"prompt\":[1,2,3],\"max_tokens\":2";
                default -> "\"model\":\"rwkv\"";
            });
        } else {
            text.append("\"role\":\"user\"");
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            text.append(",\"").append(any(random, NAMES)).append("\":").append(value(random, depth + 1));
        }
        return text.append('}').toString();
    }

    private static String value(SplittableRandom random, int depth) {
        return switch (random.nextInt(depth > 3 ? 9 : 11)) {
            case 0 -> "null";
            case 1 -> "true";
            case 2 -> "false";
            case 3 -> Integer.toString(random.nextInt(-5, 40));
            case 4 -> Long.toString(random.nextLong());
            case 5 -> Double.toString(random.nextDouble(-3, 3));
            case 6 -> "1e" + random.nextInt(400);
            case 7 -> "\"" + noise(random, random.nextInt(20)).replaceAll("[\"\\\\\\p{Cntrl}]", " ") + "\"";
            case 8 -> "\"rwkv\"";
            case 9 -> {
                StringBuilder list = new StringBuilder("[");
                for (int i = random.nextInt(4); i > 0; i--) {
                    list.append(value(random, depth + 1)).append(i > 1 ? "," : "");
                }
                yield list.append(']').toString();
            }
            default -> object(random, depth);
        };
    }
}
