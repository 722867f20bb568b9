package tern.serve.http;

import java.util.function.BooleanSupplier;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;

/** What a server needs of this package. */
public final class Access {
    private Access() {
    }

    /** A handler of all addresses. */
    public static Handler router(Models models, Limits limits, ApiKeys keys, boolean localOnly,
            BooleanSupplier ready) {
        Metrics metrics = new Metrics();
        models.all().forEach(served -> metrics.watch(served));
        return new Router(models, limits, keys, metrics, localOnly, ready);
    }

    /** Errors that arise before a request is understood, in the shape of all others and without a word of the inside. */
    public static Request.Handler errors(Limits limits) {
        return (request, response, callback) -> {
            int status = response.getStatus() < 400 ? 500 : response.getStatus();
            String code = switch (status) {
                case 408 -> "timeout";
                case 413, 431 -> "headers_too_large";
                case 414 -> "address_too_long";
                case 426, 505 -> "http_version";
                default -> status >= 500 ? "internal_error" : "bad_request";
            };
            String message = switch (status) {
                case 400 ->
                    "the request is not HTTP as it should be: its first line, its address, a header or the length"
                            + " of its body is malformed or can be read in two ways";
                case 408 -> "the request did not arrive in time; send it again";
                case 413, 431 -> "the headers are too large, expected at most " + limits.headerBytes() + " bytes";
                case 414 -> "the address is too long, expected at most " + limits.headerBytes() + " bytes";
                case 426, 505 -> "this server speaks HTTP/1.1 and HTTP/1.0";
                default -> "the request could not be answered";
            };
            response.getHeaders().put("Content-Type", "application/json");
            org.eclipse.jetty.io.Content.Sink.write(response, true,
                    new String(Json.bytes(ApiError.of(status, code, message).body()),
                            java.nio.charset.StandardCharsets.UTF_8),
                    callback);
            return true;
        };
    }
}
