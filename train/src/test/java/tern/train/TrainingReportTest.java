package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class TrainingReportTest {
    private static final int STEPS = 2000;

    @TempDir
    private Path folder;

    private void writeRun() throws IOException {
        TrainingConfig training = Tiny.training(4, 32);
        new RunDescription("small", training, "steps", STEPS, List.of("a tale.txt"), "90/5/5", "none",
                Optional.of("models/first"), Optional.empty()).write(folder);
        try (MetricsLog log = new MetricsLog(folder.resolve("metrics.jsonl"), 0)) {
            log.write(new TrainingEvent.Started(0, "small", 12_345, folder.toString(), "2000 steps",
                    List.of("train 900 bytes"), new MemoryNeed(1, 2, 3, 4, 5, 6), 2, "vector"));
            for (int step = 1; step <= STEPS; step++) {
                log.write(
                        new TrainingEvent.Stepped(step, 2, 8.0 - step / 500.0, 1e-3, 0.5, 128L * step, 1000 + step % 2,
                                step * 0.1, 1, 1 << 20));
                if (step % 1000 == 0) {
                    log.write(new TrainingEvent.Validated(step, 5 - step / 1000.0, true, step * 0.1));
                    log.write(new TrainingEvent.Sampled(step, "To be", "</script><b>or not</b> " + step));
                }
            }
            log.write(new TrainingEvent.Finished(STEPS, 128L * STEPS, 200, false));
        }
    }

    @Test
    void showsWhatTheMetricsSay() throws IOException {
        writeRun();
        JsonNode data = TrainingReport.data(folder);
        assertThat(data.path("best").asDouble()).isEqualTo(3);
        assertThat(data.path("steps").asLong()).isEqualTo(STEPS);
        assertThat(data.path("parameters").asLong()).isEqualTo(12_345);
        assertThat(data.path("state").asString()).isEqualTo("trained for 2,000 steps");
        assertThat(data.path("validation").size()).isEqualTo(2);
        assertThat(data.path("validation").path(1).path(1).asDouble()).isEqualTo(3);
        // Three steps a point: the first is the mean over steps 1 to 3.
        assertThat(data.path("loss").size()).isEqualTo(667);
        assertThat(data.path("loss").path(0).path(0).asLong()).isEqualTo(3);
        assertThat(data.path("loss").path(0).path(1).asDouble()).isCloseTo(8 - 2 / 500.0, within(1e-12));
        assertThat(data.path("samples").path(1).path("text").asString()).isEqualTo("</script><b>or not</b> 2000");
        assertThat(data.path("training").path("batch").asInt()).isEqualTo(4);
        assertThat(data.path("from").asString()).isEqualTo("models/first");
    }

    @Test
    void thePageIsWholeInItself() throws IOException {
        writeRun();
        TrainingReport.write(folder);
        String page = Files.readString(folder.resolve("report.html"));
        // The name of SVG's namespace is the only address, and nobody asks for it.
        assertThat(page.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http", "src=", "@import", "url(");
        assertThat(page).contains("prefers-color-scheme: dark");
        // The data may not end its own script.
        assertThat(page.split("</script>", -1)).hasSize(3);
        int from = page.indexOf("application/json\">") + "application/json\">".length();
        JsonNode data = new JsonMapper().readTree(page.substring(from, page.indexOf("</script>", from)));
        assertThat(data.toString()).isEqualTo(TrainingReport.data(folder).toString());
    }

    @Test
    void aRunWithoutAStepHasAPageToo() throws IOException {
        new RunDescription("small", Tiny.training(4, 32), "minutes", 0.5, List.of("a tale.txt"), "90/5/5", "none",
                Optional.empty(), Optional.empty())
                .write(folder);
        try (MetricsLog log = new MetricsLog(folder.resolve("metrics.jsonl"), 0)) {
            log.write(new TrainingEvent.Started(0, "small", 12_345, folder.toString(), "0.5 minutes", List.of(),
                    new MemoryNeed(1, 2, 3, 4, 5, 6), 2, "vector"));
        }
        TrainingReport.write(folder);
        assertThat(TrainingReport.data(folder).path("state").asString()).isEqualTo("in training");
        assertThat(TrainingReport.data(folder).path("best").isNull()).isTrue();
    }
}
