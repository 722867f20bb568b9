package tern.serve.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;

/** The official client for Node.js; skipped where there is no node or no registry. */
class OpenAiNodeTest {
    private static final String VERSION = "7.57.0";
    private static final long SECONDS = 120;

    private record Ended(int status, String said) {
    }

    private static Ended run(Path folder, List<String> command) throws InterruptedException {
        try {
            Path said = Files.createTempFile("tern-client", ".txt");
            Process process = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true)
                    .redirectOutput(said.toFile()).start();
            boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
            process.destroyForcibly();
            String text = Files.readString(said, StandardCharsets.UTF_8);
            Files.delete(said);
            return new Ended(ended ? process.exitValue() : -1, text);
        } catch (IOException absent) {
            return new Ended(-1, String.valueOf(absent.getMessage()));
        }
    }

    @Test
    void everythingTheClientOffers() throws Exception {
        Path folder = Files.createDirectories(Path.of(System.getProperty("tern.clients", "target/npm")));
        Ended node = run(folder, List.of("node", "--version"));
        assumeTrue(node.status == 0, "node is not on the path, the client for Node.js is not tested: " + node.said);
        if (!Files.exists(folder.resolve("node_modules/openai/package.json"))) {
            Files.writeString(folder.resolve("package.json"), "{\"private\":true}");
            Ended installed = run(folder, List.of("npm", "install", "--no-audit", "--no-fund", "openai@" + VERSION));
            assumeTrue(installed.status == 0,
                    "npm could not install openai " + VERSION + ", which is not tested: " + installed.said);
        }
        Path script = folder.resolve("client.mjs");
        try (var in = OpenAiNodeTest.class.getResourceAsStream("/client.mjs")) {
            assertThat(in).as("client.mjs among the tests' resources").isNotNull();
            Files.write(script, in.readAllBytes());
        }
        try (Running running = new Running()) {
            Ended ended = run(folder, List.of("node", script.getFileName().toString(), running.url(), Running.KEY));
            assertThat(ended.said).contains("all is well");
            assertThat(ended.status).isZero();
            assertThat(running.isIdleWithin(Duration.ofSeconds(60))).as("what was cancelled has ended").isTrue();
        }
    }
}
