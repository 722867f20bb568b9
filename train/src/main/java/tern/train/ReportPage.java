package tern.train;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Pages that people look at: a template that becomes one file which needs no network. In a template, {@code /*STYLE*}{@code /}
 * stands for the style that all pages share ({@code page.css}), {@code /*HELPERS*}{@code /} for the shared script
 * ({@code page.js}) and {@code /*DATA*}{@code /} for what the page shows, as JSON. Stateless; safe for use by several threads.
 */
public final class ReportPage {
    private static final JsonMapper JSON = new JsonMapper();

    private ReportPage() {
    }

    /**
     * A template filled in.
     *
     * @param name what the template is called in messages
     * @param template its text, UTF-8; read to the end, not closed; null if the room's files are incomplete
     * @param data what the page shows
     * @throws IOException if a file of Tern's own is missing or cannot be read
     */
    public static String filled(String name, @Nullable InputStream template, JsonNode data) throws IOException {
        // In a script's text, only "</script" and "<!--" mean anything to the browser.
        String json = JSON.writeValueAsString(data).replace("<", "\\u003c");
        return text(name, template).replace("/*STYLE*/", own("page.css").strip())
                .replace("/*HELPERS*/", own("page.js").strip()).replace("/*DATA*/", json);
    }

    private static String own(String name) throws IOException {
        try (InputStream stream = ReportPage.class.getResourceAsStream(name)) {
            return text(name, stream);
        }
    }

    private static String text(String name, @Nullable InputStream stream) throws IOException {
        if (stream == null) {
            throw new IOException(name + " is missing from Tern's own files; build or install Tern again");
        }
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }
}
