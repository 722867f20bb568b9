package tern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;

/** In a JVM of its own, since what other tests ran before decides what the compiler does. */
class HeapOfAStepTest {
    @Test
    void doesNotGrowWithWidthTimeOrBatch() throws IOException, InterruptedException, URISyntaxException {
        URL own = Objects.requireNonNull(HeapOfAStep.class.getResource("HeapOfAStep.class"));
        Path classes = Path.of(new URI(own.toString())).resolve("../../..").normalize();
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                String.join(File.pathSeparator, classes.toString(), System.getProperty("jdk.module.path", ""),
                        System.getProperty("java.class.path")),
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
                "-XX:Tier3DelayOn=100000", "-XX:TypeProfileLevel=112",
                // The compiler comes round after a tenth of the usual number of calls, so that this takes seconds.
                "-XX:Tier4InvocationThreshold=1000", "-XX:Tier4MinInvocationThreshold=200",
                "-XX:Tier4CompileThreshold=3000", "-XX:Tier4BackEdgeThreshold=8000", "tern.train.HeapOfAStep")
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
        List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines()
                .toList();
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(lines).hasSize(4);
        for (String line : lines) {
            String[] parts = line.split(" ");
            long small = Long.parseLong(parts[1]);
            long large = Long.parseLong(parts[2]);
            assertThat(small).as(line).isBetween(1L, HeapOfAStep.OF_THE_TAPE);
            assertThat(large - small).as(parts[0] + ": bytes a step of a small model " + small
                    + ", of one three times as wide and four times as many tokens " + large)
                    .isLessThanOrEqualTo(HeapOfAStep.TOLERANCE);
        }
    }
}
