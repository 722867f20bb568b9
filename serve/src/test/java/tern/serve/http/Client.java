package tern.serve.http;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Requests over real HTTP. */
final class Client implements AutoCloseable {
    static final JsonMapper MAPPER = JsonMapper.builder().build();
    private final HttpClient http = HttpClient.newHttpClient();
    private final String base;

    Client(int port) {
        this.base = "http://127.0.0.1:" + port;
    }

    /** An answer with its body read. */
    record Answer(int status, String body, Map<String, List<String>> headers) {
        JsonNode json() {
            return MAPPER.readTree(body);
        }

        /** The events of a stream, without the last, which must be [DONE]. */
        List<JsonNode> events() {
            List<JsonNode> events = new ArrayList<>();
            for (String part : body.split("\n\n")) {
                if (part.startsWith("data: ") && !part.equals("data: [DONE]")) {
                    events.add(MAPPER.readTree(part.substring(6)));
                }
            }
            return events;
        }
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(base + path));
    }

    Answer send(HttpRequest request) throws IOException, InterruptedException {
        HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
        return new Answer(response.statusCode(), response.body(), response.headers().map());
    }

    Answer get(String path) throws IOException, InterruptedException {
        return send(request(path).build());
    }

    Answer delete(String path) throws IOException, InterruptedException {
        return send(request(path).DELETE().build());
    }

    Answer post(String path, String json) throws IOException, InterruptedException {
        return send(request(path).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json)).build());
    }

    HttpClient http() {
        return http;
    }

    @Override
    public void close() {
        http.close();
    }
}
