package tern.serve.http;

import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Which address is answered by whom, and what becomes of errors. Safe for use by several threads. */
public final class Router extends Handler.Abstract {
    private static final System.Logger LOG = System.getLogger("tern.serve");
    private static final Pattern LOOPBACK = Pattern.compile("127(\\.[0-9]{1,3}){3}");
    private static final Set<String> LOCAL_NAMES = Set.of("localhost", "127.0.0.1", "[::1]", "::1");

    private final Models models;
    private final Limits limits;
    private final ApiKeys keys;
    private final Metrics metrics;
    private final boolean localOnly;
    private final BooleanSupplier ready;
    private final AtomicInteger underWay = new AtomicInteger();
    private final CompletionApi completions;
    private final ChatApi chats;
    private final EmbeddingApi embeddings;
    private final SessionApi sessions;

    /**
     * Routes to these models.
     *
     * @param localOnly whether only requests to this machine's own names are answered, as a server should that listens
     *            nowhere else: a page of another origin may have its name point here
     * @param ready what {@code /readyz} tells
     */
    public Router(Models models, Limits limits, ApiKeys keys, Metrics metrics, boolean localOnly,
            BooleanSupplier ready) {
        super(InvocationType.BLOCKING);
        this.models = models;
        this.limits = limits;
        this.keys = keys;
        this.metrics = metrics;
        this.localOnly = localOnly;
        this.ready = ready;
        this.completions = new CompletionApi(models, limits, metrics);
        this.chats = new ChatApi(models, limits, metrics);
        this.embeddings = new EmbeddingApi(models, limits);
        this.sessions = new SessionApi(models, limits, metrics);
        metrics.gauge("tern.requests.open", "Requests under way", underWay::get);
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        long begun = System.nanoTime();
        Exchange exchange = new Exchange(request, response, limits.bodyBytes());
        // Time without traffic is normal while a model works; the request has a limit of its own.
        request.addIdleTimeoutListener(late -> false);
        underWay.incrementAndGet();
        try {
            answer(exchange);
            callback.succeeded();
        } catch (ApiError error) {
            tell(exchange, error, callback);
        } catch (IOException gone) {
            if (gone.getCause() instanceof TimeoutException) {
                exchange.set("Connection", "close");
                tell(exchange, ApiError.of(408, "timeout",
                        "the body did not arrive in time; send it without long pauses"), callback);
                return true;
            }
            LOG.log(Level.DEBUG, "a client went away: " + gone.getMessage());
            callback.failed(gone);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            tell(exchange, ApiError.of(503, "unavailable", "the server is going down"), callback);
        } catch (RuntimeException fault) {
            LOG.log(Level.ERROR, "a request failed", fault);
            tell(exchange, ApiError.of(500, "internal_error",
                    "something went wrong inside the server; its log says what"), callback);
        } finally {
            underWay.decrementAndGet();
            metrics.answered(group(exchange.path()), response.getStatus(), System.nanoTime() - begun);
        }
        return true;
    }

    private static void tell(Exchange exchange, ApiError error, Callback callback) {
        try {
            if (exchange.isCommitted()) {
                callback.failed(new IOException("the answer had begun: " + error.getMessage()));
                return;
            }
            if (error.retryAfterSeconds() > 0) {
                exchange.set("Retry-After", Integer.toString(error.retryAfterSeconds()));
            }
            if (error.status() == 401) {
                exchange.set("WWW-Authenticate", "Bearer");
            }
            exchange.json(error.status(), error.body());
            if (error.status() != 408) {
                exchange.swallow();
            }
            callback.succeeded();
        } catch (IOException gone) {
            callback.failed(gone);
        }
    }

    /** A word for the address in metrics. */
    private static String group(String path) {
        if (path.startsWith("/v1/")) {
            String[] parts = path.split("/", 4);
            return Set.of("models", "completions", "chat", "embeddings", "sessions").contains(parts[2]) ? parts[2]
                    : "other";
        }
        return path.equals("/metrics") ? "metrics" : "page";
    }

    private void answer(Exchange exchange) throws IOException, InterruptedException {
        requireLocalName(exchange);
        String path = exchange.path();
        if (path.startsWith("/v1/")) {
            if (!keys.open(exchange.header("Authorization"))) {
                throw ApiError.of(401, "invalid_api_key",
                        "the API key is missing or wrong; send it as Authorization: Bearer KEY");
            }
            api(exchange, path);
            return;
        }
        switch (path) {
            case "/healthz" -> {
                require(exchange, "GET");
                text(exchange, 200, "text/plain; charset=utf-8", "ok\n");
            }
            case "/readyz" -> {
                require(exchange, "GET");
                boolean yes = ready.getAsBoolean();
                text(exchange, yes ? 200 : 503, "text/plain; charset=utf-8", yes ? "ready\n" : "not ready\n");
            }
            case "/metrics" -> {
                require(exchange, "GET");
                text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", metrics.scrape());
            }
            case "/openapi.yaml" -> {
                require(exchange, "GET");
                try (InputStream in = Router.class.getResourceAsStream("/openapi.yaml")) {
                    if (in == null) {
                        throw new IllegalStateException("openapi.yaml is not in the jar");
                    }
                    exchange.send(200, "application/yaml", in.readAllBytes());
                }
            }
            default -> {
                require(exchange, "GET");
                if (!StaticFiles.serve(exchange, path)) {
                    throw notFound();
                }
            }
        }
    }

    private void api(Exchange exchange, String path) throws IOException, InterruptedException {
        switch (path) {
            case "/v1/models" -> {
                require(exchange, "GET");
                models.list(exchange);
            }
            case "/v1/completions" -> {
                require(exchange, "POST");
                completions.complete(exchange);
            }
            case "/v1/chat/completions" -> {
                require(exchange, "POST");
                chats.complete(exchange);
            }
            case "/v1/embeddings" -> {
                require(exchange, "POST");
                embeddings.embed(exchange);
            }
            default -> {
                if (path.equals("/v1/sessions") || path.startsWith("/v1/sessions/")) {
                    sessions.answer(exchange, path.substring("/v1/sessions".length()));
                } else if (path.startsWith("/v1/models/")) {
                    require(exchange, "GET");
                    models.show(exchange, path.substring("/v1/models/".length()));
                } else {
                    throw notFound();
                }
            }
        }
    }

    private static ApiError notFound() {
        return ApiError.of(404, "not_found", "there is nothing at this address; /openapi.yaml lists what there is");
    }

    private static void require(Exchange exchange, String method) {
        boolean head = method.equals("GET") && exchange.method().equals("HEAD");
        if (!head && !exchange.method().equals(method)) {
            exchange.set("Allow", method);
            throw ApiError.of(405, "method_not_allowed", "this address takes " + method);
        }
    }

    private void requireLocalName(Exchange exchange) {
        Optional<String> host = exchange.header("Host");
        if (localOnly && host.isPresent()) {
            String name = host.get().replaceFirst(":[0-9]+$", "");
            if (!LOCAL_NAMES.contains(name.toLowerCase(java.util.Locale.ROOT)) && !LOOPBACK.matcher(name).matches()) {
                throw ApiError.of(403, "forbidden_host", "this server listens on this machine only and answers to "
                        + "localhost; start it with --bind to serve others");
            }
        }
    }

    private static void text(Exchange exchange, int status, String type, String text) throws IOException {
        exchange.send(status, type, text.getBytes(StandardCharsets.UTF_8));
    }
}
