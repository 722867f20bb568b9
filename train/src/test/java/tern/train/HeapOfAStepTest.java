package tern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * In a JVM of its own, since what other tests ran before decides what the compiler does. What it makes of a kernel depends on
 * the moment, too: seldom, one keeps its vectors on the heap for as long as the process lives. So a family whose steps grow
 * is measured again in another process; code that grows does so in each.
 */
class HeapOfAStepTest {
    private static final int PROCESSES = 3;

    @Test
    void doesNotGrowWithWidthTimeOrBatch(@TempDir Path folder)
            throws IOException, InterruptedException, URISyntaxException {
        List<String> growing = List.of();
        StringBuilder found = new StringBuilder();
        int measured = 0;
        for (int process = 0; process < PROCESSES && (process == 0 || !growing.isEmpty()); process++) {
            List<String> lines = lines(growing, folder.resolve("lines"), folder.resolve("errors"));
            assertThat(lines).hasSize(process == 0 ? 4 : growing.size());
            List<String> still = new ArrayList<>();
            for (String line : lines) {
                String[] parts = line.split(" ");
                long small = Long.parseLong(parts[1]);
                assertThat(small).as(line).isPositive();
                if (!HeapOfAStep.same(small, Long.parseLong(parts[2]))) {
                    still.add(parts[0]);
                }
                measured++;
            }
            found.append(String.join("\n", lines)).append('\n').append(Files.readString(folder.resolve("errors")));
            growing = still;
        }
        assertThat(measured).isGreaterThanOrEqualTo(4);
        assertThat(growing).as("families whose steps take more than " + HeapOfAStep.OF_THE_TAPE
                + " bytes, or " + HeapOfAStep.TOLERANCE + " more in a model three times as wide and four times as many"
                + " tokens, in each of " + PROCESSES + " processes:\n" + found).isEmpty();
    }

    private static List<String> lines(List<String> families, Path lines, Path errors)
            throws IOException, InterruptedException, URISyntaxException {
        URL own = Objects.requireNonNull(HeapOfAStep.class.getResource("HeapOfAStep.class"));
        Path classes = Path.of(new URI(own.toString())).resolve("../../..").normalize();
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                String.join(File.pathSeparator, classes.toString(), System.getProperty("jdk.module.path", ""),
                        System.getProperty("java.class.path")),
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
                "-XX:Tier3DelayOn=100000", "-XX:TypeProfileLevel=112", "tern.train.HeapOfAStep"));
        command.addAll(families);
        Process process = new ProcessBuilder(command).redirectOutput(lines.toFile()).redirectError(errors.toFile())
                .start();
        try {
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        return Files.readAllLines(lines);
    }
}
