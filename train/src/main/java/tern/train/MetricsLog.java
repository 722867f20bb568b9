package tern.train;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

import tern.checkpoint.AtomicFiles;

/**
 * The lines of {@code metrics.jsonl}: one JSON object an event, with its kind under {@code event}. Confined to one thread.
 */
public final class MetricsLog implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();

    private final Path file;
    private final BufferedWriter writer;

    /**
     * Goes on with a file, from which everything later than the step that a run continues from is taken out first.
     *
     * @param step updates made before
     */
    MetricsLog(Path file, long step) throws IOException {
        this.file = file;
        if (Files.isRegularFile(file)) {
            List<String> kept = new ArrayList<>();
            for (JsonNode event : read(file)) {
                if (event.path("step").asLong(Long.MAX_VALUE) <= step) {
                    kept.add(JSON.writeValueAsString(event) + "\n");
                }
            }
            AtomicFiles.write(file, String.join("", kept));
        }
        this.writer = Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }

    /** An event as one line of JSON, without the line's end. */
    public static String line(TrainingEvent event) {
        ObjectNode line = JSON.createObjectNode();
        line.put("event", event.getClass().getSimpleName().toLowerCase(Locale.ROOT));
        for (Map.Entry<String, JsonNode> part : JSON.valueToTree(event).properties()) {
            // JSON has no word for infinity, which the time left is before the first step.
            boolean unknown = part.getValue().isDouble() && !Double.isFinite(part.getValue().doubleValue());
            line.set(part.getKey(), unknown ? JSON.nullNode() : part.getValue());
        }
        return JSON.writeValueAsString(line);
    }

    /** All events of a file, in order; a last line that was cut short is left out. */
    static List<JsonNode> read(Path file) throws IOException {
        List<JsonNode> events = new ArrayList<>();
        List<String> lines = Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) {
            try {
                events.add(JSON.readTree(lines.get(i)));
            } catch (JacksonException damaged) {
                if (i + 1 < lines.size()) {
                    throw new IOException(file + ": line " + (i + 1) + " is not JSON: " + damaged.getOriginalMessage()
                            + "; mend or remove the file", damaged);
                }
            }
        }
        return events;
    }

    /** Writes one line and hands it to the file system. */
    void write(TrainingEvent event) throws IOException {
        try {
            writer.write(line(event));
            writer.write('\n');
            writer.flush();
        } catch (IOException failed) {
            throw new IOException(file + ": could not be written: " + failed.getMessage(), failed);
        }
    }

    @Override
    public void close() throws IOException {
        writer.close();
    }
}
