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
    private static final int NARROW = 16;
    private static final int WIDE = 192;

    @Test
    void doesNotGrowWithTheModel() throws IOException, InterruptedException, URISyntaxException {
        URL own = Objects.requireNonNull(HeapOfAStep.class.getResource("HeapOfAStep.class"));
        Path classes = Path.of(new URI(own.toString())).resolve("../../..").normalize();
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                String.join(File.pathSeparator, classes.toString(), System.getProperty("jdk.module.path", ""),
                        System.getProperty("java.class.path")),
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
                "-XX:Tier3DelayOn=100000", "tern.train.HeapOfAStep", Integer.toString(NARROW), Integer.toString(WIDE))
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
        List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines()
                .toList();
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(lines).hasSize(2);
        long narrow = Long.parseLong(lines.get(0)), wide = Long.parseLong(lines.get(1));
        long more = 4 * (Tiny.parameters(WIDE) - Tiny.parameters(NARROW));
        // The tape's objects are the same number whatever the width; a kernel may make one for each task of a region.
        assertThat(narrow).isBetween(1L, 600_000L);
        assertThat(wide - narrow)
                .as("bytes a step at width " + NARROW + ": " + narrow + ", at width " + WIDE + ": " + wide
                        + ", parameters grow by " + more)
                .isLessThan(more / 10);
    }
}
