package tern.train;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.checkpoint.AtomicFiles;
import tern.checkpoint.Checkpoint;
import tern.checkpoint.RecordJson;

/**
 * The page {@code report.html} of a run: one file that needs no network, made from what the run's folder holds: curves of
 * loss, learning rate, throughput and gradient norm, samples, settings. Stateless; safe for use by several threads.
 */
public final class TrainingReport {
    /** The page in the run's folder. */
    public static final String FILE = "report.html";

    private static final JsonMapper JSON = new JsonMapper();
    private static final int MOST_POINTS = 800;
    private static final int MOST_SAMPLES = 6;

    private TrainingReport() {
    }

    /**
     * Writes the page, atomically.
     *
     * @throws IOException if the run's files cannot be read or the page not written
     */
    public static void write(Path folder) throws IOException {
        try (InputStream template = TrainingReport.class.getResourceAsStream(FILE)) {
            AtomicFiles.write(folder.resolve(FILE), ReportPage.filled(FILE, template, data(folder)));
        }
    }

    /** What the page shows. */
    static ObjectNode data(Path folder) throws IOException {
        RunDescription description = RunDescription.read(folder);
        List<JsonNode> events = MetricsLog.read(folder.resolve("metrics.jsonl"));
        List<JsonNode> steps = of(events, "stepped");
        List<JsonNode> validations = of(events, "validated");
        JsonNode started = of(events, "started").getLast();
        JsonNode last = steps.isEmpty() ? JSON.createObjectNode() : steps.getLast();
        ObjectNode data = JSON.createObjectNode();
        data.put("name", description.name());
        data.put("state", state(events));
        data.put("parameters", started.path("parameters").asLong());
        data.put("steps", last.path("step").asLong());
        data.put("tokens", last.path("tokens").asLong());
        data.put("seconds", last.path("seconds").asDouble());
        data.set("best", validations.isEmpty() ? JSON.nullNode()
                : JSON.valueToTree(
                        validations.stream().mapToDouble(event -> event.path("bits_per_byte").asDouble()).min()
                                .orElseThrow()));
        data.set("loss", points(steps, "bits_per_byte"));
        data.set("validation", points(validations, "bits_per_byte"));
        data.set("learning_rate", points(steps, "learning_rate"));
        data.set("throughput", points(steps, "tokens_per_second"));
        data.set("gradient_norm", points(steps, "gradient_norm"));
        data.set("samples", samples(of(events, "sampled")));
        data.set("training", JSON.readTree(RecordJson.line(description.training())));
        data.put("budget", description.budget().toString());
        data.set("files", JSON.valueToTree(description.data()));
        data.put("split", description.split());
        description.from().ifPresent(model -> data.put("from", model));
        data.set("parts", started.path("split"));
        data.set("threads", started.path("threads"));
        data.set("kernels", started.path("kernels"));
        data.set("memory", started.path("memory"));
        Path config = folder.resolve(Checkpoint.CONFIG_FILE);
        data.set("architecture", Files.exists(config) ? JSON.readTree(Files.readString(config)).path("model")
                : JSON.createObjectNode());
        return data;
    }

    private static List<JsonNode> of(List<JsonNode> events, String kind) {
        return events.stream().filter(event -> event.path("event").asString().equals(kind)).toList();
    }

    private static String state(List<JsonNode> events) {
        JsonNode last = events.getLast();
        if (!last.path("event").asString().equals("finished")) {
            return "in training";
        }
        return String.format(Locale.ROOT,
                last.path("interrupted").asBoolean() ? "interrupted after step %,d" : "trained for %,d steps",
                last.path("step").asLong());
    }

    /** [step, value] each; where there are too many, means of neighbours. */
    private static ArrayNode points(List<JsonNode> events, String value) {
        int group = (events.size() + MOST_POINTS - 1) / MOST_POINTS;
        ArrayNode points = JSON.createArrayNode();
        for (int from = 0; from < events.size(); from += group) {
            List<JsonNode> some = events.subList(from, Math.min(events.size(), from + group));
            ArrayNode point = points.addArray();
            point.add(some.getLast().path("step").asLong());
            point.add(some.stream().mapToDouble(event -> event.path(value).asDouble()).average().orElseThrow());
        }
        return points;
    }

    /** The last one and some before it, spread over the run. */
    private static ArrayNode samples(List<JsonNode> all) {
        List<JsonNode> chosen = new ArrayList<>();
        int count = Math.min(MOST_SAMPLES, all.size());
        for (int i = 1; i <= count; i++) {
            chosen.add(all.get((int) ((long) all.size() * i / count) - 1));
        }
        ArrayNode samples = JSON.createArrayNode();
        chosen.forEach(samples::add);
        return samples;
    }
}
