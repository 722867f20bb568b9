package tern.serve.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpRequest;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

import tern.serve.TernServer;
import tern.serve.TinyModels;

/** Completions over real HTTP: whole and streamed alike, deterministic whatever else goes on, errors in their shape. */
class CompletionsTest {
    private static TinyModels tiny;
    private static TernServer server;
    private static Client client;

    @BeforeAll
    static void start() throws Exception {
        tiny = new TinyModels();
        server = TernServer.start(TernServer.Options.local(0),
                Map.of("rwkv", tiny.preset("rwkv7-nano"), "attention", tiny.preset("transformer-nano")));
        client = new Client(server.port());
    }

    @AfterAll
    static void stop() {
        client.close();
        server.close();
        tiny.close();
    }

    private static String streamed(List<JsonNode> events) {
        return events.stream().filter(event -> !event.get("choices").isEmpty())
                .map(event -> event.get("choices").get(0).get("text").stringValue()).collect(Collectors.joining());
    }

    @Test
    void aStreamSaysTheSameAsAWholeAnswer() throws Exception {
        String body = "{\"model\":\"rwkv\",\"prompt\":\"Hello there\",\"max_tokens\":40,\"seed\":3,\"temperature\":0.9%s}";
        Client.Answer whole = client.post("/v1/completions", body.formatted(""));
        assertThat(whole.status()).as(whole.body()).isEqualTo(200);
        JsonNode choice = whole.json().get("choices").get(0);
        assertThat(choice.get("finish_reason").stringValue()).isEqualTo("length");
        assertThat(whole.json().get("usage").get("prompt_tokens").intValue()).isEqualTo(11);
        assertThat(whole.json().get("usage").get("completion_tokens").intValue()).isEqualTo(40);
        Client.Answer stream = client.post("/v1/completions",
                body.formatted(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
        assertThat(stream.headers().get("content-type")).containsExactly("text/event-stream; charset=utf-8");
        assertThat(stream.body()).endsWith("data: [DONE]\n\n");
        List<JsonNode> events = stream.events();
        assertThat(streamed(events)).isEqualTo(choice.get("text").stringValue());
        assertThat(events.getLast().get("usage").get("completion_tokens").intValue()).isEqualTo(40);
        assertThat(events.getLast().get("usage").get("prompt_tokens_details").get("cached_tokens").intValue())
                .isEqualTo(11);
        assertThat(events.get(events.size() - 2).get("choices").get(0).get("finish_reason").stringValue())
                .isEqualTo("length");
    }

    @Test
    void whatElseGoesOnDoesNotMatter() throws Exception {
        for (String model : List.of("rwkv", "attention")) {
            List<String> bodies = IntStream.range(0, 40)
                    .mapToObj(i -> "{\"model\":\"%s\",\"prompt\":\"%s\",\"max_tokens\":%d,\"seed\":%d}".formatted(model,
                            "word ".repeat(1 + i * 7 % 30) + i, 5 + i * 13 % 50, i))
                    .toList();
            List<String> alone = new java.util.ArrayList<>();
            for (String body : bodies) {
                alone.add(client.post("/v1/completions", body).json().get("choices").get(0).get("text").stringValue());
            }
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
                List<Callable<String>> calls = bodies.stream().map(body -> (Callable<String>) () -> client
                        .post("/v1/completions", body).json().get("choices").get(0).get("text").stringValue()).toList();
                List<String> together = new java.util.ArrayList<>();
                for (Future<String> each : threads.invokeAll(calls)) {
                    together.add(each.get());
                }
                assertThat(together).as(model).isEqualTo(alone);
            }
        }
    }

    @Test
    void severalPromptsAndChoices() throws Exception {
        JsonNode answer = client.post("/v1/completions",
                "{\"prompt\":[\"one\",\"two\"],\"n\":3,\"max_tokens\":8,\"seed\":1,\"echo\":true,\"model\":\"rwkv\"}")
                .json();
        assertThat(answer.get("choices")).hasSize(6);
        for (int i = 0; i < 6; i++) {
            assertThat(answer.get("choices").get(i).get("index").intValue()).isEqualTo(i);
            assertThat(answer.get("choices").get(i).get("text").stringValue()).startsWith(i < 3 ? "one" : "two");
        }
        assertThat(answer.get("usage").get("completion_tokens").intValue()).isEqualTo(48);
        assertThat(answer.get("choices").get(0).get("text")).isNotEqualTo(answer.get("choices").get(1).get("text"));
    }

    @Test
    void stopsAndProbabilities() throws Exception {
        String base = "{\"model\":\"rwkv\",\"prompt\":\"abc\",\"seed\":11%s}";
        String text = client.post("/v1/completions", base.formatted(",\"max_tokens\":60")).json().get("choices").get(0)
                .get("text")
                .stringValue();
        // A stop string of plain letters that does occur.
        String stop = IntStream.range(5, text.length() - 2).mapToObj(i -> text.substring(i, i + 2))
                .filter(each -> each.matches("[ -!#-\\[\\]-~]{2}")).findFirst().orElseThrow();
        JsonNode stopped = client
                .post("/v1/completions",
                        base.formatted(",\"max_tokens\":60,\"stop\":[" + Client.MAPPER.writeValueAsString(stop) + "]"))
                .json().get("choices").get(0);
        assertThat(stopped.get("finish_reason").stringValue()).isEqualTo("stop");
        assertThat(stopped.get("text").stringValue()).isEqualTo(text.substring(0, text.indexOf(stop)));
        JsonNode probable = client
                .post("/v1/completions", base.formatted(",\"max_tokens\":60,\"logprobs\":3,\"temperature\":0"))
                .json().get("choices").get(0).get("logprobs");
        assertThat(probable.get("tokens")).hasSize(60);
        assertThat(probable.get("top_logprobs").get(0)).hasSizeLessThanOrEqualTo(3);
        double own = probable.get("token_logprobs").get(0).doubleValue();
        assertThat(own).isNegative();
        assertThat(probable.get("top_logprobs").get(0).get(probable.get("tokens").get(0).stringValue()).doubleValue())
                .as("the likeliest is taken at temperature 0").isEqualTo(own);
        List<JsonNode> pieces = client.post("/v1/completions",
                base.formatted(",\"max_tokens\":60,\"logprobs\":1,\"stream\":true")).events();
        JsonNode chosen = client.post("/v1/completions", base.formatted(",\"max_tokens\":60,\"logprobs\":1")).json()
                .get("choices").get(0).get("logprobs");
        for (int i = 0; i < 60; i++) {
            JsonNode piece = pieces.get(i).get("choices").get(0).get("logprobs");
            assertThat(piece.get("text_offset").get(0)).as("offsets go on from piece to piece")
                    .isEqualTo(chosen.get("text_offset").get(i));
            assertThat(chosen.get("top_logprobs").get(i).has(chosen.get("tokens").get(i).stringValue()))
                    .as("what was chosen is among the likeliest that are told").isTrue();
        }
        JsonNode biased = client
                .post("/v1/completions", base.formatted(",\"logit_bias\":{\"65\":100},\"max_tokens\":5")).json();
        assertThat(biased.get("choices").get(0).get("text").stringValue()).isEqualTo("AAAAA");
    }

    @Test
    void errorsSayWhatIsWrongInTheirShape() throws Exception {
        record Case(String body, int status, String says) {
        }
        List<Case> cases = List.of(new Case("{", 400, "not JSON"), new Case("[]", 400, "no object"),
                new Case("{\"model\":\"no\",\"prompt\":\"a\"}", 404, "no model \"no\""),
                new Case("{\"model\":\"rwkv\"}", 400, "prompt is missing"),
                new Case("{\"model\":\"rwkv\",\"prompt\":\"\"}", 400, "empty"),
                new Case("{\"model\":\"rwkv\",\"prompt\":[99999]}", 400,
                        "prompt has token 99999, outside the vocabulary"),
                new Case("{\"model\":\"rwkv\",\"prompt\":\"a\",\"temperature\":3}", 400, "from 0 to 2"),
                new Case("{\"model\":\"rwkv\",\"prompt\":\"a\",\"max_tokens\":\"x\"}", 400, "whole number"),
                new Case("{\"model\":\"rwkv\",\"prompt\":\"a\",\"max_tokens\":9999999}", 400, "this server takes"),
                new Case("{\"model\":\"rwkv\",\"prompt\":\"a\",\"n\":0}", 400, "from 1"),
                new Case("{\"model\":\"rwkv\",\"prompt\":\"a\",\"stop\":[\"\"]}", 400, "stop"));
        for (Case each : cases) {
            Client.Answer answer = client.post("/v1/completions", each.body);
            assertThat(answer.status()).as(each.body + " → " + answer.body()).isEqualTo(each.status);
            JsonNode error = answer.json().get("error");
            assertThat(error.get("message").stringValue()).contains(each.says);
            assertThat(error.has("type") && error.has("param") && error.has("code")).isTrue();
        }
        String good = "{\"prompt\":\"a\",\"max_tokens\":1}";
        assertThat(raw("\uFEFF" + good).status()).as("a mark of the byte order").isEqualTo(200);
        assertThat(raw("").body()).contains("the body is empty");
        assertThat(raw("{\"prompt\":\"a\",\"prompt\":\"b\"}").body()).contains("names a field twice");
        assertThat(raw("{\"prompt\":\"a\"} {\"prompt\":\"b\"}").body()).contains("goes on after its end");
        assertThat(raw("{\"prompt\":\"a\",\"stream_options\":7}").body()).contains("stream_options is 7");
        assertThat(raw("{\"prompt\":\"a\",\"stream_options\":{\"include_usage\":1}}").body())
                .contains("include_usage is 1");
        assertThat(raw("{\"prompt\":" + "[".repeat(9999)).body()).contains("nested deeper than 500");
        assertThat(raw("{\"prompt\":\"a\\ud800b\"}").body()).contains("half of a surrogate pair");
        assertThat(raw("{\"prompt\":\"a\",\"temperature\":1e999}").body()).contains("temperature is Infinity");
        assertThat(client.send(client.request("/v1/completions").header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[] {'{', '"', (byte) 0xFF, '"'})).build()).body())
                .contains("not valid UTF-8");
        assertThat(client.send(client.request("/v1/completions").header("Content-Type", "application/json")
                .header("Content-Encoding", "gzip").POST(HttpRequest.BodyPublishers.ofString(good)).build()).status())
                .isEqualTo(415);
        assertThat(client.send(client.request("/v1/completions")
                .header("Content-Type", "application/json; charset=\"utf-16\"")
                .POST(HttpRequest.BodyPublishers.ofString(good)).build()).status()).isEqualTo(415);
        assertThat(client.get("/v1/completions").status()).isEqualTo(405);
        assertThat(client.get("/v1/none").status()).isEqualTo(404);
        assertThat(client.send(client.request("/v1/completions")
                .POST(java.net.http.HttpRequest.BodyPublishers.ofString("{}")).build()).status()).isEqualTo(415);
    }

    private static Client.Answer raw(String body) throws Exception {
        return client.post("/v1/completions", body);
    }

    @Test
    void thePlacesAroundIt() throws Exception {
        assertThat(client.get("/v1/models").json().get("data")).hasSize(2);
        assertThat(client.get("/v1/models/rwkv").json().get("id").stringValue()).isEqualTo("rwkv");
        assertThat(client.get("/healthz").body()).isEqualTo("ok\n");
        assertThat(client.get("/readyz").status()).isEqualTo(200);
        assertThat(client.get("/").body()).contains("Tern");
        assertThat(client.get("/openapi.yaml").body()).startsWith("openapi:");
        client.post("/v1/completions", "{\"model\":\"rwkv\",\"prompt\":\"abc\"}");
        assertThat(client.get("/metrics").body()).contains("tern_tokens_generated_total{model=\"rwkv\"}")
                .contains("tern_requests_seconds").doesNotContainPattern("(?m)^# HELP \\S+ *$");
        assertThat(client.get("/..%2fopenapi.yaml").status()).isIn(400, 404);
    }
}
