package tern.cli.load;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * One connection of HTTP/1.1 to loopback, kept open between requests. It does as little as possible itself, since whoever measures
 * with it shares the machine with what is measured. Confined to one thread.
 */
final class HttpConnection implements AutoCloseable {
    private static final int BUFFER = 1 << 14;
    private static final int TIMEOUT_MILLIS = 300_000;

    private final Socket socket;
    private final InputStream in;
    private int status;
    private long length;
    private boolean chunked;
    private String retryAfter = "";

    HttpConnection(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        in = new BufferedInputStream(socket.getInputStream(), BUFFER);
    }

    /** An answer; {@code retryAfter} is empty if it was not said. */
    record Reply(int status, String body, String retryAfter) {
    }

    /** A whole answer. */
    Reply send(String method, String path, String json) throws IOException {
        write(method, path, json);
        readHead();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        readBody(method, body::write);
        return new Reply(status, body.toString(StandardCharsets.UTF_8), retryAfter);
    }

    /**
     * A stream of server-sent events, each given to the sink as it comes.
     *
     * @return the status; if it is not 200 then the sink gets the body instead
     */
    int stream(String path, String json, Consumer<String> events) throws IOException {
        write("POST", path, json);
        readHead();
        StringBuilder line = new StringBuilder();
        boolean good = status == 200;
        readBody("POST", (bytes, from, count) -> {
            String text = new String(bytes, from, count, StandardCharsets.UTF_8);
            line.append(text);
            for (int end = line.indexOf("\n\n"); good && end >= 0; end = line.indexOf("\n\n")) {
                if (line.indexOf("data: ") == 0) {
                    events.accept(line.substring(6, end));
                }
                line.delete(0, end + 2);
            }
        });
        if (!good) {
            events.accept(line.toString());
        }
        return status;
    }

    /** Sends a request and reads nothing. */
    void write(String method, String path, String json) throws IOException {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        String head = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n"
                + (body.length == 0 ? "" : "Content-Type: application/json\r\n") + "Content-Length: " + body.length
                + "\r\n\r\n";
        byte[] start = head.getBytes(StandardCharsets.UTF_8);
        byte[] all = java.util.Arrays.copyOf(start, start.length + body.length);
        System.arraycopy(body, 0, all, start.length, body.length);
        raw(all);
    }

    /** Sends bytes as they are. */
    void raw(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
    }

    /** Reads at most so many bytes of whatever comes; -1 at the end. */
    int read(byte[] into) throws IOException {
        return in.read(into);
    }

    void timeout(int millis) throws IOException {
        socket.setSoTimeout(millis);
    }

    /** Reads an answer to what was written before. */
    Reply reply(String method) throws IOException {
        readHead();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        readBody(method, body::write);
        return new Reply(status, body.toString(StandardCharsets.UTF_8), retryAfter);
    }

    @FunctionalInterface
    private interface Bytes {
        void take(byte[] bytes, int from, int count);
    }

    private void readHead() throws IOException {
        String line = line();
        if (!line.startsWith("HTTP/1.1 ") || line.length() < 12) {
            throw new IOException("expected an answer of HTTP/1.1, found \"" + line + "\"");
        }
        status = Integer.parseInt(line.substring(9, 12));
        length = -1;
        chunked = false;
        retryAfter = "";
        for (String header = line(); !header.isEmpty(); header = line()) {
            int colon = header.indexOf(':');
            String name = header.substring(0, Math.max(0, colon)).toLowerCase(Locale.ROOT);
            String value = header.substring(colon + 1).strip();
            switch (name) {
                case "content-length" -> length = Long.parseLong(value);
                case "transfer-encoding" -> chunked = value.equalsIgnoreCase("chunked");
                case "retry-after" -> retryAfter = value;
                default -> {
                }
            }
        }
    }

    private void readBody(String method, Bytes sink) throws IOException {
        if (method.equals("HEAD") || status == 204 || status == 304) {
            return;
        }
        byte[] buffer = new byte[BUFFER];
        if (!chunked) {
            take(length, buffer, sink);
            return;
        }
        while (true) {
            long size = Long.parseLong(line(), 16);
            take(size, buffer, sink);
            line();
            if (size == 0) {
                return;
            }
        }
    }

    /** So many bytes; all there are if negative. */
    private void take(long count, byte[] buffer, Bytes sink) throws IOException {
        long left = count < 0 ? Long.MAX_VALUE : count;
        while (left > 0) {
            int read = in.read(buffer, 0, (int) Math.min(left, buffer.length));
            if (read < 0) {
                if (count < 0) {
                    return;
                }
                throw new EOFException("the answer broke off");
            }
            sink.take(buffer, 0, read);
            left -= read;
        }
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        while (true) {
            int next = in.read();
            if (next < 0) {
                throw new EOFException("the answer broke off");
            }
            if (next == '\n') {
                return line.toString();
            }
            if (next != '\r') {
                line.append((char) next);
            }
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
