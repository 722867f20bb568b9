package tern.serve.http;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.host.engine.Choosing;
import tern.host.engine.Job;
import tern.host.engine.Lease;
import tern.serve.sessions.Session;
import tern.serve.sessions.SessionException;
import tern.serve.sessions.SessionStore;

/** {@code /v1/sessions}. Safe for use by several threads. */
final class SessionApi {
    private static final System.Logger LOG = System.getLogger("tern.serve");
    private static final int MOST_TOKENS = 1 << 24;
    private static final int USUAL_TOKENS = 256;

    private final Models models;
    private final Limits limits;
    private final Metrics metrics;

    SessionApi(Models models, Limits limits, Metrics metrics) {
        this.models = models;
        this.limits = limits;
        this.metrics = metrics;
    }

    /** {@code path} is what follows {@code /v1/sessions}. */
    void answer(Exchange exchange, String path) throws IOException, InterruptedException {
        String[] parts = path.split("/", -1);
        try {
            if (path.isEmpty()) {
                switch (exchange.method()) {
                    case "GET", "HEAD" -> list(exchange);
                    case "POST" -> create(exchange);
                    default -> throw notAllowed(exchange, "GET, POST");
                }
            } else if (path.equals("/restore")) {
                requirePost(exchange);
                restore(exchange);
            } else if (parts.length == 2) {
                one(exchange, parts[1]);
            } else if (parts.length == 3) {
                part(exchange, parts[1], parts[2]);
            } else {
                throw ApiError.of(404, "not_found", "there is nothing at this address");
            }
        } catch (SessionException refused) {
            throw error(refused);
        }
    }

    private void one(Exchange exchange, String id) throws IOException, SessionException {
        switch (exchange.method()) {
            case "GET", "HEAD" -> exchange.json(200, describe(store(id).sessions().describe(id)));
            case "DELETE" -> {
                store(id).sessions().delete(id);
                exchange.json(200,
                        Json.object().put("id", id).put("object", "session.deleted").put("deleted", true));
            }
            default -> throw notAllowed(exchange, "GET, DELETE");
        }
    }

    private void part(Exchange exchange, String id, String what)
            throws IOException, InterruptedException, SessionException {
        switch (what) {
            case "continue" -> {
                requirePost(exchange);
                proceed(exchange, id);
            }
            case "fork" -> {
                requirePost(exchange);
                exchange.json(200, describe(store(id).sessions().fork(id)));
            }
            case "snapshot" -> {
                if (!exchange.method().equals("GET")) {
                    throw notAllowed(exchange, "GET");
                }
                download(exchange, id);
            }
            default -> throw ApiError.of(404, "not_found", "there is nothing at this address");
        }
    }

    private static void requirePost(Exchange exchange) {
        if (!exchange.method().equals("POST")) {
            throw notAllowed(exchange, "POST");
        }
    }

    private static ApiError notAllowed(Exchange exchange, String methods) {
        exchange.set("Allow", methods);
        return ApiError.of(405, "method_not_allowed", "this address takes " + methods);
    }

    private static ApiError error(SessionException refused) {
        String message = String.valueOf(refused.getMessage());
        return switch (refused.kind()) {
            case UNKNOWN -> ApiError.of(404, "session_not_found", message);
            case BUSY -> ApiError.of(409, "session_busy", message);
            case FULL, UNWRITTEN -> ApiError.of(507, "insufficient_storage", message);
            case UNFIT -> ApiError.of(400, "state_refused", message);
        };
    }

    private Served store(String id) throws SessionException {
        for (Served served : models.all()) {
            if (served.sessions().has(id)) {
                return served;
            }
        }
        throw ApiError.of(404, "session_not_found", "there is no session of this name");
    }

    private static ObjectNode describe(Session.Description session) {
        return Json.object().put("id", session.id()).put("object", "session").put("model", session.model())
                .put("created", session.created()).put("used", session.used()).put("tokens", session.tokens())
                .put("state_bytes", session.stateBytes()).put("in_memory", session.inMemory())
                .put("on_disk", session.onDisk());
    }

    private void list(Exchange exchange) throws IOException {
        ObjectNode answer = Json.object().put("object", "list");
        ArrayNode data = answer.putArray("data");
        for (Served served : models.all()) {
            served.sessions().list().forEach(session -> data.add(describe(session)));
        }
        exchange.json(200, answer);
    }

    /** A new session; a prompt is read at once. */
    private void create(Exchange exchange) throws IOException, InterruptedException, SessionException {
        Fields fields = exchange.fields();
        Served served = models.named(fields);
        int[] prompt = text(fields, served, true);
        Session.Description session = served.sessions().create();
        if (prompt.length == 0) {
            exchange.json(200, describe(session));
            return;
        }
        try (SessionStore.Turn turn = served.sessions().take(session.id())) {
            Job job = job(exchange, prompt, Optional.empty(), 0, Choosing.GREEDY, 0, List.of(),
                    OptionalInt.empty());
            Answer answer = new Answer(exchange, served.batcher(), List.of(job), shape(served, false), metrics,
                    after(turn, prompt));
            ObjectNode made = answer.run().orElseThrow();
            made.set("usage", answer.usage());
            exchange.json(200, made);
        } catch (ApiError | IOException | InterruptedException failed) {
            // Resources are closed before, so the session is free again.
            served.sessions().delete(session.id());
            throw failed;
        }
    }

    private Job job(Exchange exchange, int[] prompt, Optional<Lease> state, int tokens,
            Choosing choosing, long seed, List<String> stops, OptionalInt end) {
        return new Job(exchange.client(), prompt, List.of(), state, 1, tokens, choosing, seed, stops,
                end, true, Generating.deadline(limits));
    }

    private static Shape shape(Served served, boolean logprobs) {
        return new CompletionShape(Generating.id("cmpl"), Generating.now(), served.name(), served.fingerprint(),
                served.texts(), List.of(""), logprobs);
    }

    private static Answer.AfterDone after(SessionStore.Turn turn, int[] prompt) {
        return (state, generated) -> {
            int[] all = Arrays.copyOf(prompt, prompt.length + generated.length);
            System.arraycopy(generated, 0, all, prompt.length, generated.length);
            try (Lease lease = state.orElseThrow()) {
                return Optional.of(describe(turn.advance(all, lease)));
            } catch (SessionException refused) {
                throw error(refused);
            }
        };
    }

    /** One turn: what is new is read, and the answer generated. */
    private void proceed(Exchange exchange, String id) throws IOException, InterruptedException, SessionException {
        Fields fields = exchange.fields();
        Served served = store(id);
        refuseWhatIsNotOffered(fields, served);
        int logprobs = fields.integer("logprobs", 0, Choosing.MOST_LOGPROBS, -1);
        Choosing choosing = Generating.choosing(fields, served.model().network().config().vocabulary(), logprobs);
        List<String> stops = fields.stops();
        int tokens = fields.integer("max_tokens", 0, MOST_TOKENS, USUAL_TOKENS);
        long seed = Generating.seed(fields);
        boolean streamed = fields.flag("stream", false);
        boolean usage = Generating.usageInStream(fields);
        try (SessionStore.Turn turn = served.sessions().take(id)) {
            int[] before = turn.tokens();
            int[] fresh = text(fields, served, before.length == 0);
            int[] prompt = Arrays.copyOf(before, before.length + fresh.length);
            System.arraycopy(fresh, 0, prompt, before.length, fresh.length);
            if (prompt.length == 0) {
                throw ApiError.field("prompt", "the session has read nothing and prompt is empty, expected a text");
            }
            Job job = job(exchange, prompt, turn.state(), tokens, choosing, seed, stops,
                    Generating.end(fields, served));
            Answer answer = new Answer(exchange, served.batcher(), List.of(job), shape(served, logprobs >= 0), metrics,
                    after(turn, prompt));
            if (streamed) {
                answer.streamed(usage);
            } else {
                answer.whole();
            }
        }
    }

    /** A session is one text of one model; what else a completion may be asked for would be lost without a word. */
    private static void refuseWhatIsNotOffered(Fields fields, Served served) {
        fields.optionalText("model").filter(name -> !name.equals(served.name())).ifPresent(name -> {
            throw ApiError.field("model",
                    "the session belongs to " + served.name() + ", and model names another; leave it out");
        });
        for (String count : List.of("n", "best_of")) {
            fields.optionalInt(count, 1, Integer.MAX_VALUE).filter(number -> number > 1).ifPresent(number -> {
                throw ApiError.field(count, count + " is " + number
                        + ", but a session goes on in one way; fork it to go on in several");
            });
        }
        if (fields.flag("echo", false)) {
            throw ApiError.field("echo", "echo is not offered in sessions; leave it out");
        }
        Generating.refuse(fields, "suffix", "is not offered: these models only continue; leave it out");
        Generating.requireText(fields);
    }

    /** The prompt: a text or tokens; none if it is left out. */
    private static int[] text(Fields fields, Served served, boolean first) {
        Optional<JsonNode> prompt = fields.find("prompt");
        if (prompt.isEmpty() || prompt.get().isString() && prompt.get().stringValue().isEmpty()) {
            return new int[0];
        }
        if (prompt.get().isString() && !first) {
            served.requireTokenizer("prompt", "send tokens in place of text: an array of numbers");
            try {
                return served.model().tokenizer()
                        .encode(prompt.get().stringValue().getBytes(StandardCharsets.UTF_8));
            } catch (IllegalArgumentException refused) {
                throw ApiError.field("prompt", "prompt: " + refused.getMessage());
            }
        }
        List<int[]> all = CompletionApi.inputs(served, "prompt", prompt.get());
        if (all.size() != 1) {
            throw ApiError.field("prompt", "prompt has " + all.size() + " parts, but a session goes on from one");
        }
        return all.getFirst();
    }

    private void download(Exchange exchange, String id) throws IOException, SessionException {
        Path file = passing();
        try {
            store(id).sessions().save(id, file);
            exchange.set("Content-Disposition", "attachment; filename=\"" + id + ".state\"");
            exchange.set("Content-Length", Long.toString(Files.size(file)));
            exchange.begin(200, "application/octet-stream");
            try (InputStream in = Files.newInputStream(file)) {
                in.transferTo(exchange.stream());
            }
            exchange.finish();
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private void restore(Exchange exchange) throws IOException, SessionException {
        Served served = exchange.query("model").map(models::named)
                .orElseGet(() -> models.all().iterator().next());
        exchange.requireBytes(limits.stateBytes());
        Path file = passing();
        try {
            try (OutputStream out = new Stored(Files.newOutputStream(file))) {
                exchange.copy(out, limits.stateBytes());
            }
            exchange.json(200, describe(served.sessions().restore(file)));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** A file for a state on its way. */
    private static Path passing() {
        try {
            return Files.createTempFile("tern-session", ".state");
        } catch (IOException full) {
            throw notStored(full);
        }
    }

    private static ApiError notStored(IOException full) {
        LOG.log(Level.WARNING, "a state on its way could not be stored: " + full.getMessage());
        return ApiError.of(507, "insufficient_storage",
                "the state cannot be stored on its way, in the folder for temporary"
                        + " files of the server; make room there and try again");
    }

    /** A file, whose failures are not those of the client from whom its contents come. */
    private static final class Stored extends FilterOutputStream {
        private Stored(OutputStream to) {
            super(to);
        }

        @Override
        public void write(byte[] bytes, int from, int count) {
            try {
                out.write(bytes, from, count);
            } catch (IOException full) {
                throw notStored(full);
            }
        }
    }
}
