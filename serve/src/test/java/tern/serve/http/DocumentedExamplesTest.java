package tern.serve.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.serve.TernServer;
import tern.serve.TinyModels;

/** The examples that the documents show: commands run as they stand, Java code is that of the programs which other tests run. */
class DocumentedExamplesTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern BLOCK = Pattern.compile("^```(\\w+)\\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);

    @TempDir
    private Path folder;

    private static List<String> blocks(String document, String language) throws IOException {
        List<String> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(Files.readString(ROOT.resolve(document)));
        while (matcher.find()) {
            if (matcher.group(1).equals(language)) {
                blocks.add(matcher.group(2));
            }
        }
        return blocks;
    }

    /** Every block that asks a server, with its port for the documented one and the command that starts it left out. */
    @Test
    void commandsThatAskAServerRun() throws Exception {
        assumeTrue(runs("curl --version") && runs("sed --version"), "there is no bash, curl or sed here");
        try (TinyModels tiny = new TinyModels();
                TernServer server = TernServer.start(TernServer.Options.local(0),
                        Map.of("distilled", tiny.preset("rwkv7-nano")))) {
            StringBuilder said = new StringBuilder();
            int commands = 0;
            for (String document : List.of("README.md", "docs/serving.md")) {
                for (String block : blocks(document, "sh")) {
                    if (!block.contains("curl ") || !block.contains("localhost:8080")) {
                        continue;
                    }
                    commands += block.split("curl ", -1).length - 1;
                    String script = "set -euo pipefail\ncurl() { command curl --fail-with-body --max-time 60 \"$@\"; echo; }\n"
                            + block.replaceAll("(?m)^\\./tern .*$", ":").replace("localhost:8080",
                                    "localhost:" + server.port());
                    Ran ran = run(script);
                    assertThat(ran.status()).as(document + ":\n" + block + "\n" + ran.said()).isZero();
                    said.append(ran.said());
                }
            }
            assertThat(commands).as("curl commands in the documents").isGreaterThanOrEqualTo(10);
            assertThat(said).contains("\"text_completion\"").contains("chat.completion.chunk").contains("data: [DONE]")
                    .contains("\"embedding\"").contains("\"id\":\"").doesNotContain("\"error\"");
            assertThat(folder.resolve("juliet.state")).isNotEmptyFile();
        }
    }

    /** Statement by statement, in order; a program may do more between them, and is told the path of the model. */
    @ParameterizedTest
    @CsvSource({"OpenAIClient, serve-clients/src/test/java/tern/serve/clients/example/Ask.java",
        "LocalModel.open, langchain4j/src/test/java/tern/langchain4j/example/Conversation.java",
        "CommandLineRunner, spring-ai/src/test/java/tern/springai/example/Conversation.java"})
    void documentedJavaIsWhatTestsCompileAndRun(String mark, String program) throws IOException {
        String block = blocks("docs/serving.md", "java").stream().filter(text -> text.contains(mark)).findFirst()
                .orElseThrow();
        String source = bare(Files.readString(ROOT.resolve(program)));
        int at = 0;
        for (String statement : bare(block.replace("\"models/quickstart/distilled\"", "arguments[0]"))
                .split("(?<=[;{}])")) {
            int found = source.indexOf(statement, at);
            assertThat(found).as(program + " has, after what stands before it, " + statement).isNotNegative();
            at = found + statement.length();
        }
    }

    private static String bare(String code) {
        return code.replaceAll("\\s+", "");
    }

    private record Ran(int status, String said) {
    }

    private boolean runs(String command) throws InterruptedException {
        try {
            return run(command).status() == 0;
        } catch (IOException absent) {
            return false;
        }
    }

    private Ran run(String script) throws IOException, InterruptedException {
        Process process = new ProcessBuilder("bash", "-c", script).directory(folder.toFile()).redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as(script).isTrue();
        return new Ran(process.exitValue(), said);
    }
}
