package tern.serve.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

import tern.inference.LanguageModel;
import tern.serve.TernServer;
import tern.serve.TinyModels;

/** Sessions, chats and embeddings over real HTTP. */
class SessionsTest {
    private final TinyModels tiny = new TinyModels();

    @TempDir
    private Path folder;

    @AfterEach
    void release() {
        tiny.close();
    }

    private TernServer server(Map<String, LanguageModel> models) throws Exception {
        return TernServer.start(TernServer.Options.local(0).withStateFolder(folder), models);
    }

    private static String text(Client.Answer answer) {
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        return answer.json().get("choices").get(0).get("text").stringValue();
    }

    @Test
    void aSessionGoesOnForksTravelsAndSurvivesARestart() throws Exception {
        Map<String, LanguageModel> models = Map.of("rwkv", tiny.preset("rwkv7-nano"), "modal",
                tiny.preset("modal-nano"));
        String id;
        String fork;
        String expected;
        String turn = "{\"prompt\":\" more\",\"max_tokens\":20,\"seed\":4}";
        byte[] saved;
        try (TernServer server = server(models); Client client = new Client(server.port())) {
            JsonNode made = client.post("/v1/sessions", "{\"model\":\"rwkv\",\"prompt\":\"Once upon a time\"}").json();
            id = made.get("id").stringValue();
            assertThat(made.get("tokens").intValue()).isEqualTo(16);
            JsonNode first = client
                    .post("/v1/sessions/" + id + "/continue", "{\"prompt\":\", there\",\"max_tokens\":10,\"seed\":9}")
                    .json();
            assertThat(first.get("usage").get("prompt_tokens_details").get("cached_tokens").intValue()).isEqualTo(16);
            assertThat(first.get("session").get("tokens").intValue()).isEqualTo(16 + 7 + 10);
            fork = client.post("/v1/sessions/" + id + "/fork", "{}").json().get("id").stringValue();
            saved = client.http().send(client.request("/v1/sessions/" + id + "/snapshot").build(),
                    HttpResponse.BodyHandlers.ofByteArray()).body();
            expected = text(client.post("/v1/sessions/" + id + "/continue", turn));
            assertThat(text(client.post("/v1/sessions/" + fork + "/continue", turn))).as("the fork")
                    .isEqualTo(expected);
            // The same as one completion of all its tokens at once.
            String whole = "Once upon a time, there" + first.get("choices").get(0).get("text").stringValue();
            if (whole.chars().allMatch(c -> c < 128)) {
                assertThat(text(client.post("/v1/completions", Client.MAPPER.writeValueAsString(
                        Map.of("model", "rwkv", "prompt", whole + " more", "max_tokens", 20, "seed", 4)))))
                        .isEqualTo(expected);
            }
            Client.Answer streamed = client.post("/v1/sessions/" + fork + "/continue",
                    "{\"prompt\":\"x\",\"max_tokens\":4,\"stream\":true}");
            assertThat(streamed.events().getLast().get("session").get("id").stringValue()).isEqualTo(fork);
            assertThat(client.get("/v1/sessions").json().get("data")).hasSize(2);
        }
        try (TernServer server = server(models); Client client = new Client(server.port())) {
            assertThat(client.get("/v1/sessions").json().get("data")).hasSize(2);
            JsonNode found = client.get("/v1/sessions/" + id).json();
            assertThat(found.get("in_memory").booleanValue()).isFalse();
            assertThat(found.get("tokens").intValue()).isEqualTo(16 + 7 + 10 + 5 + 20);
            assertThat(text(client.post("/v1/sessions/" + id + "/continue", turn))).isNotEmpty();
            // Upload of the state from before the last turn.
            JsonNode restored = restore(client, "rwkv", saved).json();
            assertThat(text(client.post("/v1/sessions/" + restored.get("id").stringValue() + "/continue", turn)))
                    .as("restored").isEqualTo(expected);
            Client.Answer foreign = restore(client, "modal", saved);
            assertThat(foreign.status()).isEqualTo(400);
            assertThat(foreign.body()).contains("belongs to the model with fingerprint").doesNotContain("/tmp");
            byte[] damaged = saved.clone();
            damaged[damaged.length - 9] ^= 4;
            Client.Answer refused = restore(client, "rwkv", damaged);
            assertThat(refused.status()).isEqualTo(400);
            assertThat(refused.body()).contains("damaged").doesNotContain("tern-upload");
            assertThat(restore(client, "rwkv", new byte[] {1, 2, 3}).status()).isEqualTo(400);
            assertThat(client.delete("/v1/sessions/" + id).status()).isEqualTo(200);
            assertThat(client.get("/v1/sessions/" + id).status()).isEqualTo(404);
            assertThat(client.post("/v1/sessions/none/continue", turn).status()).isEqualTo(404);
        }
        assertThat(Files.walk(folder).filter(path -> path.toString().contains(id))).isEmpty();
    }

    private static Client.Answer restore(Client client, String model, byte[] state) throws Exception {
        return client.send(client.request("/v1/sessions/restore?model=" + model)
                .header("Content-Type", "application/octet-stream")
                .POST(HttpRequest.BodyPublishers.ofByteArray(state)).build());
    }

    @Test
    void aForkOfAnEmptySessionSurvivesARestart() throws Exception {
        Map<String, LanguageModel> models = Map.of("rwkv", tiny.preset("rwkv7-nano"));
        String fork;
        try (TernServer server = server(models); Client client = new Client(server.port())) {
            String empty = client.post("/v1/sessions", "{}").json().get("id").stringValue();
            fork = client.post("/v1/sessions/" + empty + "/fork", "{}").json().get("id").stringValue();
            assertThat(fork).isNotEqualTo(empty);
        }
        try (TernServer server = server(models); Client client = new Client(server.port())) {
            assertThat(client.get("/v1/sessions/" + fork).status()).isEqualTo(200);
            assertThat(text(client.post("/v1/sessions/" + fork + "/continue", "{\"prompt\":\"a\",\"max_tokens\":2}")))
                    .isNotEmpty();
        }
    }

    /** It would be back after a restart. */
    @Test
    void whatCannotBeDeletedIsSaidSoAndStays() throws Exception {
        LanguageModel model = tiny.preset("rwkv7-nano");
        try (TernServer server = server(Map.of("rwkv", model)); Client client = new Client(server.port())) {
            String id = client.post("/v1/sessions", "{\"prompt\":\"abc\"}").json().get("id").stringValue();
            Path state = folder.resolve(model.fingerprint()).resolve("sessions").resolve(id + ".state");
            Path aside = state.resolveSibling("aside");
            Files.move(state, aside);
            // A folder that is not empty is deleted by nobody.
            Files.createDirectories(state.resolve("inside"));
            Client.Answer refused = client.delete("/v1/sessions/" + id);
            assertThat(refused.status()).as(refused.body()).isEqualTo(507);
            assertThat(refused.body()).contains("could not be deleted").doesNotContain(folder.toString());
            Files.delete(state.resolve("inside"));
            Files.delete(state);
            Files.move(aside, state);
            assertThat(text(client.post("/v1/sessions/" + id + "/continue", "{\"max_tokens\":2}"))).isNotEmpty();
            assertThat(client.delete("/v1/sessions/" + id).status()).isEqualTo(200);
            assertThat(state).doesNotExist();
        }
    }

    @Test
    void aRelativeFolderIsNotToldEither() throws Exception {
        Path near = Files.createTempDirectory(Path.of("target"), "states");
        Path relative = Path.of("").toAbsolutePath().relativize(near.toAbsolutePath());
        assertThat(relative).isRelative();
        LanguageModel model = tiny.preset("rwkv7-nano");
        try (TernServer server = TernServer.start(TernServer.Options.local(0).withStateFolder(relative),
                Map.of("rwkv", model)); Client client = new Client(server.port())) {
            String id = client.post("/v1/sessions", "{\"prompt\":\"abc\"}").json().get("id").stringValue();
            Path sessions = relative.resolve(model.fingerprint()).resolve("sessions");
            Files.move(sessions, sessions.resolveSibling("aside"));
            Client.Answer refused = client.post("/v1/sessions/" + id + "/continue", "{\"max_tokens\":2}");
            assertThat(refused.status()).isEqualTo(507);
            assertThat(refused.body()).contains("could not be written").doesNotContain(relative.toString())
                    .doesNotContain(near.getFileName().toString()).doesNotContain(model.fingerprint());
        }
    }

    /** Forms of other origins' pages have such types, and a page can send bytes without any. */
    @Test
    void aStateIsSaidToBeOneAndItsAddressIsReadable() throws Exception {
        try (TernServer server = server(Map.of("rwkv", tiny.preset("rwkv7-nano")));
                Client client = new Client(server.port())) {
            String id = client.post("/v1/sessions", "{\"prompt\":\"abc\"}").json().get("id").stringValue();
            byte[] saved = client.http().send(client.request("/v1/sessions/" + id + "/snapshot").build(),
                    HttpResponse.BodyHandlers.ofByteArray()).body();
            HttpRequest.BodyPublisher body = HttpRequest.BodyPublishers.ofByteArray(saved);
            for (String type : List.of("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "")) {
                HttpRequest.Builder request = client.request("/v1/sessions/restore").POST(body);
                Client.Answer refused = client
                        .send((type.isEmpty() ? request : request.header("Content-Type", type)).build());
                assertThat(refused.status()).as(type).isEqualTo(415);
                assertThat(refused.body()).contains("application/octet-stream");
            }
            assertThat(restore(client, "rwkv", saved).status()).isEqualTo(200);
            // java.net.URI refuses such an address, so it is sent by hand.
            try (Socket socket = new Socket("127.0.0.1", server.port())) {
                socket.getOutputStream().write(("POST /v1/sessions/restore?model=%zz HTTP/1.1\r\nHost: localhost\r\n"
                        + "Content-Type: application/octet-stream\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
                        .getBytes(StandardCharsets.US_ASCII));
                String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                assertThat(answer).startsWith("HTTP/1.1 400 ").contains("is not encoded as it should be");
            }
        }
    }

    /** Each request would be refused. */
    @Test
    void memoryForNotOneStreamIsRefusedAtOnce() throws Exception {
        LanguageModel model = tiny.preset("transformer-nano");
        long least = model.network().stateBytes(256);
        TernServer.Options options = TernServer.Options.local(0);
        assertThatThrownBy(() -> TernServer.start(options.withMemory(2 * least - 1), Map.of("t", model)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the shortest stream needs " + least + " bytes")
                .hasMessageEndingWith("give at least " + 2 * least);
        try (TernServer server = TernServer.start(options.withMemory(2 * least), Map.of("t", model));
                Client client = new Client(server.port())) {
            assertThat(text(client.post("/v1/completions", "{\"prompt\":\"a\",\"max_tokens\":3}"))).isNotEmpty();
        }
    }

    @Test
    void aFolderThatCannotBeWrittenOrIsTakenIsSaidSo() throws Exception {
        LanguageModel model = tiny.preset("rwkv7-nano");
        String empty;
        try (TernServer server = server(Map.of("rwkv", model)); Client client = new Client(server.port())) {
            assertThatThrownBy(() -> server(Map.of("modal", tiny.preset("modal-nano")))).isInstanceOf(IOException.class)
                    .hasMessageContaining("is in use by another server (process " + ProcessHandle.current().pid());
            assertThatThrownBy(() -> TernServer.requireFree(TernServer.Options.local(0).withStateFolder(folder)))
                    .isInstanceOf(IOException.class).hasMessageContaining("is in use by another server (process ");
            assertThatThrownBy(() -> TernServer.requireFree(TernServer.Options.local(server.port())))
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith("cannot listen on 127.0.0.1:" + server.port() + ": ")
                    .hasMessageEndingWith("; choose another --port or --bind");
            String id = client.post("/v1/sessions", "{\"prompt\":\"abc\"}").json().get("id").stringValue();
            String path = "/v1/sessions/" + id;
            // The turn has ended by the time that its client hears of it, however it hears.
            assertThat(client.post(path + "/continue", "{\"max_tokens\":2,\"stream\":true}").body())
                    .endsWith("data: [DONE]\n\n");
            assertThat(client.post(path + "/fork", "{}").status()).isEqualTo(200);
            assertThat(client.post(path + "/continue", "{\"n\":2}").body()).contains("goes on in one way");
            assertThat(client.post(path + "/continue", "{\"model\":\"modal\"}").body()).contains("belongs to rwkv");
            empty = client.post("/v1/sessions", "{}").json().get("id").stringValue();
            Path sessions = folder.resolve(model.fingerprint()).resolve("sessions");
            Path aside = sessions.resolveSibling("aside");
            Files.move(sessions, aside);
            int tokens = client.get(path).json().get("tokens").intValue();
            for (String asked : List.of("{\"max_tokens\":2}", "{\"max_tokens\":2,\"stream\":true}")) {
                Client.Answer refused = client.post(path + "/continue", asked);
                assertThat(refused.status()).isEqualTo(asked.contains("stream") ? 200 : 507);
                assertThat(refused.body()).contains("could not be written to the server's folder for states")
                        .contains("insufficient_storage").doesNotContain(folder.toString()).doesNotContain("[DONE]");
            }
            assertThat(client.post("/v1/sessions", "{\"prompt\":\"abc\"}").status()).isEqualTo(507);
            assertThat(client.post(path + "/fork", "{}").status()).isEqualTo(507);
            assertThat(client.get("/v1/sessions").json().get("data")).as("nothing is left of what was refused")
                    .hasSize(3);
            Files.move(aside, sessions);
            assertThat(client.get(path).json().get("tokens").intValue()).as("where it stood").isEqualTo(tokens);
            assertThat(client.post(path + "/continue", "{\"max_tokens\":2}").status()).isEqualTo(200);
        }
        TernServer.requireFree(TernServer.Options.local(0).withStateFolder(folder));
        try (TernServer server = server(Map.of("rwkv", model)); Client client = new Client(server.port())) {
            assertThat(client.get("/v1/sessions").json().get("data")).hasSize(3);
            assertThat(client.get("/v1/sessions/" + empty).json().get("tokens").intValue()).isZero();
            assertThat(
                    client.post("/v1/sessions/" + empty + "/continue", "{\"prompt\":\"a\",\"max_tokens\":1}").status())
                    .isEqualTo(200);
        }
        Map<String, LanguageModel> twice = Map.of("one", model, "two", model);
        assertThatThrownBy(() -> server(twice)).hasMessageContaining("are the same model");
    }

    @Test
    void chatsAndEmbeddings() throws Exception {
        try (TernServer server = server(Map.of("rwkv", tiny.preset("rwkv7-nano")));
                Client client = new Client(server.port())) {
            String chat = "{\"model\":\"rwkv\",\"messages\":[{\"role\":\"system\",\"content\":\"Be kind.\"},"
                    + "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"}]}%s],\"max_completion_tokens\":12,\"seed\":2%s}";
            JsonNode whole = client.post("/v1/chat/completions",
                    chat.formatted("", ",\"logprobs\":true,\"top_logprobs\":2,\"n\":2")).json();
            assertThat(whole.get("object").stringValue()).isEqualTo("chat.completion");
            assertThat(whole.get("choices")).hasSize(2);
            JsonNode message = whole.get("choices").get(0).get("message");
            assertThat(message.get("role").stringValue()).isEqualTo("assistant");
            assertThat(whole.get("choices").get(0).get("logprobs").get("content")).hasSize(12);
            List<JsonNode> events = client.post("/v1/chat/completions", chat.formatted("", ",\"stream\":true"))
                    .events();
            assertThat(events.getFirst().get("choices").get(0).get("delta").get("role").stringValue())
                    .isEqualTo("assistant");
            StringBuilder text = new StringBuilder();
            events.forEach(
                    event -> text.append(event.get("choices").get(0).path("delta").path("content").asString("")));
            assertThat(text).hasToString(message.get("content").stringValue());
            // The next turn reads from the end of this one's messages on.
            JsonNode next = client.post("/v1/chat/completions", chat.formatted(
                    ",{\"role\":\"assistant\",\"content\":\"Yes.\"},{\"role\":\"user\",\"content\":\"So?\"}", ""))
                    .json();
            int prompt = "System: Be kind.\n\nUser: Hello\n\nAssistant:".length();
            assertThat(next.get("usage").get("prompt_tokens_details").get("cached_tokens").intValue())
                    .isEqualTo(prompt);
            assertThat(client.post("/v1/chat/completions", "{\"messages\":[]}").status()).isEqualTo(400);
            assertThat(client.post("/v1/chat/completions", "{\"messages\":[{\"role\":\"wizard\",\"content\":\"x\"}]}")
                    .body()).contains("messages[0].role is \\\"wizard\\\", expected system");
            assertThat(client.post("/v1/chat/completions", chat.formatted("", ",\"tools\":[{}]")).body())
                    .contains("not offered");
            JsonNode vectors = client.post("/v1/embeddings", "{\"model\":\"rwkv\",\"input\":[\"one\",\"two\",\"one\"]}")
                    .json();
            assertThat(vectors.get("data")).hasSize(3);
            assertThat(vectors.get("data").get(0).get("embedding"))
                    .isEqualTo(vectors.get("data").get(2).get("embedding"))
                    .isNotEqualTo(vectors.get("data").get(1).get("embedding"));
            double squares = 0;
            for (JsonNode each : vectors.get("data").get(0).get("embedding")) {
                squares += each.doubleValue() * each.doubleValue();
            }
            assertThat(squares).isBetween(0.9999, 1.0001);
            assertThat(client
                    .post("/v1/embeddings", "{\"input\":\"one\",\"encoding_format\":\"base64\",\"pooling\":\"last\"}")
                    .json().get("data").get(0).get("embedding").isString()).isTrue();
        }
    }

    @Test
    void keysHostsSizesAndClientsThatGoAway() throws Exception {
        TernServer.Options options = TernServer.Options.local(0).withKeys(new ApiKeys(List.of("secret", "other")))
                .withLimits(new Limits(1000, 1000, 4096, java.time.Duration.ofMinutes(1),
                        java.time.Duration.ofMinutes(1), 8, 100, 10));
        try (TernServer server = TernServer.start(options, Map.of("rwkv", tiny.preset("rwkv7-nano")));
                Client client = new Client(server.port())) {
            assertThat(client.get("/v1/models").status()).isEqualTo(401);
            assertThat(
                    client.send(client.request("/v1/models").header("Authorization", "Bearer secre").build()).status())
                    .isEqualTo(401);
            assertThat(
                    client.send(client.request("/v1/models").header("Authorization", "Bearer other").build()).status())
                    .isEqualTo(200);
            assertThat(client.get("/healthz").status()).isEqualTo(200);
            HttpRequest large = client.request("/v1/completions").header("Authorization", "Bearer secret")
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\":\"" + "x".repeat(2000) + "\"}")).build();
            assertThat(client.send(large).status()).isEqualTo(413);
            assertThat(client.send(client.request("/v1/models").header("Authorization", "Bearer other")
                    .header("X-Long", "y".repeat(8000)).build()).status()).isEqualTo(431);
            // A reader that leaves in the middle of a stream frees its place.
            HttpRequest endless = client.request("/v1/completions").header("Authorization", "Bearer secret")
                    .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers
                            .ofString("{\"prompt\":\"a\",\"max_tokens\":1000000,\"stream\":true}"))
                    .build();
            HttpResponse<java.io.InputStream> response = client.http().send(endless,
                    HttpResponse.BodyHandlers.ofInputStream());
            assertThat(response.body().readNBytes(2000)).hasSize(2000);
            Served served = server.models().all().iterator().next();
            assertThat(served.batcher().report().streams()).isEqualTo(1);
            response.body().close();
            long until = System.nanoTime() + 60_000_000_000L;
            while (served.batcher().report().streams() > 0 && System.nanoTime() < until) {
                Thread.sleep(5);
            }
            assertThat(served.batcher().report().streams()).isZero();
        }
    }

    /** A connection that ends while its client still sends takes the answer with it. */
    @Test
    void whatIsRefusedUnreadIsAnsweredAllTheSame() throws Exception {
        TernServer.Options options = TernServer.Options.local(0).withKeys(new ApiKeys(List.of("secret")));
        try (TernServer server = TernServer.start(options, Map.of("rwkv", tiny.preset("rwkv7-nano")));
                Client client = new Client(server.port())) {
            HttpRequest.BodyPublisher long32 = HttpRequest.BodyPublishers.ofByteArray(new byte[32 << 20]);
            Map<Integer, HttpRequest.Builder> refused = Map.of(401, client.request("/v1/completions").POST(long32),
                    404, client.request("/v1/nothing").POST(long32), 405, client.request("/v1/completions").PUT(long32),
                    413, client.request("/v1/completions").header("Content-Type", "application/json").POST(long32),
                    415, client.request("/v1/sessions/restore").POST(long32));
            for (Map.Entry<Integer, HttpRequest.Builder> each : refused.entrySet()) {
                HttpRequest request = each.getKey() == 401 ? each.getValue().build()
                        : each.getValue().header("Authorization", "Bearer secret").build();
                for (int time = 0; time < 5; time++) {
                    assertThat(client.send(request).status()).isEqualTo(each.getKey());
                }
            }
            // A refusal does not wait for a body that does not come.
            try (Socket socket = new Socket("127.0.0.1", server.port())) {
                socket.setSoTimeout(60_000);
                socket.getOutputStream().write(("POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
                        + "Authorization: Bearer secret\r\n\r\nx").getBytes(StandardCharsets.US_ASCII));
                assertThat(new String(socket.getInputStream().readNBytes(12), StandardCharsets.UTF_8))
                        .isEqualTo("HTTP/1.1 404");
            }
        }
    }
}
