package tern.serve.http;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;

/** One request and its answer, with blocking reads and writes. Confined to the request's thread. */
final class Exchange {
    private static final System.Logger LOG = System.getLogger("tern.serve");
    private static final int BUFFER = 1 << 16;
    // What is still read of the body of a request that is refused, and for how long.
    private static final long SWALLOWED = 64L << 20;
    private static final long SWALLOWING_NANOS = Duration.ofSeconds(10).toNanos();
    private static final Pattern CHARSET = Pattern.compile(";\\s*charset\\s*=\\s*\"?([^\\s;\"]+)",
            Pattern.CASE_INSENSITIVE);

    private final Request request;
    private final Response response;
    private final int mostBytes;
    private Optional<InputStream> in = Optional.empty();
    private Optional<OutputStream> out = Optional.empty();
    private final ByteBuffer early = BufferUtil.allocate(1);

    Exchange(Request request, Response response, int mostBytes) {
        this.request = request;
        this.response = response;
        this.mostBytes = mostBytes;
    }

    String method() {
        return request.getMethod();
    }

    String path() {
        return Request.getPathInContext(request);
    }

    Optional<String> header(String name) {
        return Optional.ofNullable(request.getHeaders().get(name));
    }

    Optional<String> query(String name) {
        try {
            return Optional.ofNullable(Request.extractQueryParameters(request).getValue(name));
        } catch (IllegalArgumentException malformed) {
            throw ApiError.invalid("what follows the question mark of the address is not encoded as it should be; "
                    + "write a % as %25 and other characters in UTF-8, two digits a byte");
        }
    }

    /** Who asks, for taking turns: the key if there is one, else the address. */
    String client() {
        return header("Authorization").map(key -> "key " + key.hashCode())
                .orElseGet(() -> "host " + Request.getRemoteAddr(request));
    }

    /**
     * The fields of a JSON body.
     *
     * @throws ApiError if it is not said to be JSON, is too large, or is no object
     */
    Fields fields() throws IOException {
        String type = requireType("JSON", "application/json");
        String charset = CHARSET.matcher(type).results().map(found -> found.group(1)).findFirst().orElse("utf-8");
        if (!charset.equalsIgnoreCase("utf-8")) {
            throw ApiError.of(415, "unsupported_media_type", "the body must be UTF-8; send it with Content-Type: "
                    + "application/json and no other charset");
        }
        return new Fields(Json.read(body()));
    }

    /** Insisting on a type that no form has also keeps pages of other origins from posting here. */
    private String requireType(String what, String expected) {
        String type = header("Content-Type").orElse("");
        if (!type.split(";", 2)[0].strip().equalsIgnoreCase(expected)) {
            throw ApiError.of(415, "unsupported_media_type",
                    "the body must be " + what + "; send it with Content-Type: " + expected);
        }
        return type;
    }

    /**
     * Refuses a body that is not said to be bytes, or is longer than so many.
     *
     * @throws ApiError if so
     */
    void requireBytes(long most) {
        requireType("a saved state", "application/octet-stream");
        requirePlain();
        requireLength(most);
    }

    /** Refuses a body that is compressed: it would be taken for what it is not. */
    private void requirePlain() {
        String encoding = header("Content-Encoding").orElse("identity").strip();
        if (!encoding.equalsIgnoreCase("identity")) {
            set("Accept-Encoding", "identity");
            throw ApiError.of(415, "unsupported_media_type",
                    "the body is compressed, which is not read; send it without Content-Encoding");
        }
    }

    private byte[] body() throws IOException {
        requirePlain();
        requireLength(mostBytes);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        copy(bytes, mostBytes);
        return bytes.toByteArray();
    }

    /** Refuses a body that says that it is longer. */
    private void requireLength(long most) {
        if (request.getLength() > most) {
            throw tooLarge(most);
        }
    }

    private InputStream in() {
        InputStream stream = in.orElseGet(() -> Content.Source.asInputStream(request));
        in = Optional.of(stream);
        return stream;
    }

    /**
     * Reads, within bounds, what is left of the body of a request whose refusal has been written: a connection that is closed
     * while its client still sends takes the answer with it.
     */
    void swallow() {
        if (in.isEmpty() && request.getHeaders().contains(HttpHeader.EXPECT)) {
            // Who waits for a word before sending has sent nothing yet.
            return;
        }
        try {
            byte[] buffer = new byte[BUFFER];
            long begun = System.nanoTime();
            long total = 0;
            for (int read = in().read(buffer); read >= 0 && total < SWALLOWED
                    && System.nanoTime() - begun < SWALLOWING_NANOS; read = in().read(buffer)) {
                total += read;
            }
        } catch (IOException gone) {
            LOG.log(Level.DEBUG, "a client went away before its refusal: " + gone.getMessage());
        }
    }

    private static ApiError tooLarge(long most) {
        return ApiError.of(413, "request_too_large", "the body is larger than " + most + " bytes, which is the limit");
    }

    /** Copies the body; refuses more than so many bytes. */
    void copy(OutputStream to, long most) throws IOException {
        byte[] buffer = new byte[BUFFER];
        long total = 0;
        for (int read = in().read(buffer); read >= 0; read = in().read(buffer)) {
            total += read;
            if (total > most) {
                throw tooLarge(most);
            }
            to.write(buffer, 0, read);
        }
    }

    /**
     * Looks whether the client still waits for its answer; the body must have been read and the answer not begun. A client that has
     * closed its end counts as gone.
     *
     * @throws IOException if it has gone
     */
    void requireClient() throws IOException {
        EndPoint end = request.getConnectionMetaData().getConnection().getEndPoint();
        if (early.hasRemaining()) {
            return;
        }
        if (end.fill(early) < 0) {
            throw new EofException("the client closed the connection before its answer");
        }
        if (early.hasRemaining()) {
            // A request sent ahead has lost its first byte: it goes unanswered, and its client learns so by the end of the
            // connection.
            response.getHeaders().put(HttpHeader.CONNECTION, "close");
        }
    }

    void set(String header, String value) {
        response.getHeaders().put(header, value);
    }

    boolean isCommitted() {
        return response.isCommitted();
    }

    /** A whole JSON answer. */
    void json(int status, Object value) throws IOException {
        send(status, "application/json", Json.bytes(value));
    }

    void send(int status, String type, byte[] bytes) throws IOException {
        begin(status, type);
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, bytes.length);
        if (!method().equals("HEAD")) {
            write(bytes);
        }
        finish();
    }

    /** Begins an answer that is written piece by piece. */
    void begin(int status, String type) {
        response.setStatus(status);
        HttpFields.Mutable headers = response.getHeaders();
        headers.put(HttpHeader.CONTENT_TYPE, type);
        headers.put("X-Content-Type-Options", "nosniff");
        if (!headers.contains(HttpHeader.CACHE_CONTROL)) {
            headers.put(HttpHeader.CACHE_CONTROL, "no-store");
        }
        out = Optional.of(Content.Sink.asOutputStream(response));
    }

    void write(byte[] bytes) throws IOException {
        out.orElseThrow().write(bytes);
    }

    /** One event of a stream of server-sent events; not flushed. */
    void event(Object value) throws IOException {
        write(("data: " + Json.text(value) + "\n\n").getBytes(StandardCharsets.UTF_8));
    }

    OutputStream stream() {
        return out.orElseThrow();
    }

    void flush() throws IOException {
        out.orElseThrow().flush();
    }

    void finish() throws IOException {
        out.orElseThrow().close();
    }
}
