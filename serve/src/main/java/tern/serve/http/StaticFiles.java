package tern.serve.http;

import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Map;

/** The page and what it loads, from the folder {@code web} of the jar. Immutable. */
final class StaticFiles {
    private static final String FOLDER = "/web/";
    private static final Map<String, String> TYPES = Map.ofEntries(Map.entry("html", "text/html; charset=utf-8"),
            Map.entry("js", "text/javascript; charset=utf-8"), Map.entry("mjs", "text/javascript; charset=utf-8"),
            Map.entry("css", "text/css; charset=utf-8"), Map.entry("json", "application/json"),
            Map.entry("svg", "image/svg+xml"), Map.entry("png", "image/png"), Map.entry("ico", "image/x-icon"),
            Map.entry("woff2", "font/woff2"), Map.entry("map", "application/json"),
            Map.entry("txt", "text/plain; charset=utf-8"), Map.entry("webmanifest", "application/manifest+json"));

    private StaticFiles() {
    }

    /** Answers with the file of this path; false if there is none. */
    static boolean serve(Exchange exchange, String path) throws IOException {
        String name = path.equals("/") ? "index.html" : path.substring(1);
        // Names of a jar only: no way up, nothing hidden, nothing encoded.
        if (!name.matches("[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*(\\.[A-Za-z0-9_-]+)+")) {
            return false;
        }
        String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
        if (type == null) {
            return false;
        }
        try (InputStream in = StaticFiles.class.getResourceAsStream(FOLDER + name)) {
            if (in == null) {
                return false;
            }
            exchange.set("Cache-Control", "no-cache");
            exchange.set("Content-Security-Policy",
                    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'");
            exchange.send(200, type, in.readAllBytes());
            return true;
        }
    }
}
