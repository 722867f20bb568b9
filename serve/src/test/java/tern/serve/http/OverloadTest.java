package tern.serve.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import tern.host.engine.Batcher;
import tern.serve.TernServer;
import tern.serve.TinyModels;

/** More than a server can do is refused with a time to come back, who leaves is let go, who closes it lets it finish. */
class OverloadTest {
    private TinyModels tiny;

    @BeforeEach
    void make() {
        tiny = new TinyModels();
    }

    @AfterEach
    void release() {
        tiny.close();
    }

    private static CompletableFuture<HttpResponse<String>> ask(Client client, int tokens) {
        HttpRequest request = client.request("/v1/completions").header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers
                        .ofString("{\"prompt\":\"abc\",\"seed\":1,\"ignore_eos\":true,\"max_tokens\":" + tokens + "}"))
                .build();
        return client.http().sendAsync(request, HttpResponse.BodyHandlers.ofString());
    }

    private static Batcher batcher(TernServer server) {
        return server.models().all().iterator().next().batcher();
    }

    private static void await(java.util.function.BooleanSupplier what, String name) throws InterruptedException {
        long until = System.nanoTime() + 60_000_000_000L;
        while (!what.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited for: " + name).isLessThan(until);
            Thread.sleep(2);
        }
    }

    @Test
    void tooManyAreToldWhenToComeBack() throws Exception {
        TernServer.Options options = TernServer.Options.local(0)
                .withBatch(new Batcher.Settings(1, 1, 8, 1 << 20, 0, 0.03));
        try (TernServer server = TernServer.start(options, Map.of("rwkv", tiny.preset("rwkv7-nano")));
                Client client = new Client(server.port())) {
            CompletableFuture<HttpResponse<String>> running = ask(client, 1_000_000);
            await(() -> batcher(server).report().streams() == 1, "the first runs");
            CompletableFuture<HttpResponse<String>> waiting = ask(client, 5);
            await(() -> batcher(server).report().waiting() == 1, "the second waits");
            HttpResponse<String> refused = ask(client, 5).get();
            assertThat(refused.statusCode()).as(refused.body()).isEqualTo(429);
            assertThat(Integer.parseInt(refused.headers().firstValue("Retry-After").orElseThrow())).isBetween(1, 60);
            assertThat(Client.MAPPER.readTree(refused.body()).get("error").get("message").stringValue())
                    .contains("wait already");
            running.cancel(true);
            assertThat(waiting.get().statusCode()).as("the place of one that left is given on").isEqualTo(200);
            assertThat(batcher(server).report().cancelled()).isEqualTo(1);
        }
    }

    @Test
    void aClientThatLeavesBeforeItsWholeAnswerFreesItsPlace() throws Exception {
        try (TernServer server = TernServer.start(TernServer.Options.local(0),
                Map.of("rwkv", tiny.preset("rwkv7-nano")))) {
            Socket socket = new Socket("127.0.0.1", server.port());
            String body = "{\"prompt\":\"abc\",\"max_tokens\":1000000,\"ignore_eos\":true}";
            socket.getOutputStream().write(("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    + "application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                    .getBytes(StandardCharsets.US_ASCII));
            await(() -> batcher(server).report().streams() == 1, "it runs");
            socket.close();
            await(() -> batcher(server).report().streams() == 0, "it is gone");
            assertThat(batcher(server).report().cancelled()).isEqualTo(1);
            long made = batcher(server).report().tokensMade();
            assertThat(made).as("tokens made of a million").isLessThan(500_000);
        }
    }

    @Test
    void aRequestSentAheadDoesNotHarmTheOneBefore() throws Exception {
        try (TernServer server = TernServer.start(TernServer.Options.local(0),
                Map.of("rwkv", tiny.preset("rwkv7-nano")));
                Socket socket = new Socket("127.0.0.1", server.port())) {
            String body = "{\"prompt\":\"abc\",\"max_tokens\":10000,\"ignore_eos\":true}";
            socket.getOutputStream().write(("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    + "application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                    .getBytes(StandardCharsets.US_ASCII));
            await(() -> batcher(server).report().streams() == 1, "it runs");
            socket.getOutputStream().write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    .getBytes(StandardCharsets.US_ASCII));
            socket.setSoTimeout(60_000);
            String all = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(all).startsWith("HTTP/1.1 200").containsIgnoringCase("connection: close")
                    .contains("\"completion_tokens\":10000");
        }
    }

    @Test
    void aBodyThatDoesNotComeIsSaidSo() throws Exception {
        Limits usual = Limits.USUAL;
        TernServer.Options hasty = TernServer.Options.local(0).withLimits(
                new Limits(usual.bodyBytes(), usual.stateBytes(), usual.headerBytes(), usual.time(),
                        java.time.Duration.ofSeconds(2), usual.choices(), usual.defaultTokens(), usual.embeddings()));
        try (TernServer server = TernServer.start(hasty, Map.of("rwkv", tiny.preset("rwkv7-nano")));
                Socket socket = new Socket("127.0.0.1", server.port())) {
            socket.getOutputStream().write(("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    + "application/json\r\nContent-Length: 500\r\n\r\n{").getBytes(StandardCharsets.US_ASCII));
            socket.setSoTimeout(60_000);
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                    .startsWith("HTTP/1.1 408").contains("did not arrive in time");
        }
    }

    @Test
    void closingLetsWhatIsUnderWayFinish() throws Exception {
        TernServer server = TernServer.start(TernServer.Options.local(0), Map.of("rwkv", tiny.preset("rwkv7-nano")));
        try (Client client = new Client(server.port())) {
            List<CompletableFuture<HttpResponse<String>>> asked = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                asked.add(ask(client, 1_000));
            }
            await(() -> batcher(server).report().streams() == 8, "all run");
            server.close();
            for (CompletableFuture<HttpResponse<String>> each : asked) {
                assertThat(each.get().statusCode()).isEqualTo(200);
                assertThat(Client.MAPPER.readTree(each.get().body()).get("usage").get("completion_tokens").intValue())
                        .isEqualTo(1_000);
            }
        } finally {
            server.close();
        }
    }
}
