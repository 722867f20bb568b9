package tern.springai;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.springai.example.Conversation;

/** The example in JVMs of its own, on the class path. */
class ExampleTest {
    private static final String FLAG = "--add-modules=jdk.incubator.vector";

    @TempDir
    Path folder;

    @Test
    void runsWithTheVectorModuleQuietly() throws Exception {
        String output = run(List.of(FLAG, "--enable-native-access=ALL-UNNAMED"));
        assertThat(output).doesNotContain("plain kernels");
    }

    @Test
    void runsWithoutTheVectorModuleAndSaysSoOnce() throws Exception {
        String output = run(List.of());
        assertThat(output).containsOnlyOnce("the plain kernels are in use")
                .contains("add --add-modules jdk.incubator.vector");
    }

    private String run(List<String> flags) throws Exception {
        Path output = folder.resolve("output.txt");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(flags);
        command.addAll(List.of("-Xmx256m", "-cp", System.getProperty("java.class.path"),
                Conversation.class.getName(), "--spring.ai.tern.model-path=" + TinyCheckpoint.in(folder),
                "--spring.ai.tern.chat.max-tokens=40"));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        try {
            assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("it ends").isTrue();
        } finally {
            process.destroyForcibly();
        }
        String text = new String(Files.readAllBytes(output), StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as(text).isZero();
        assertThat(text).contains("answer: ", "embedding: 64 numbers");
        return text;
    }
}
