package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The rules that hold for every command, whatever it does. */
class TernTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    static Stream<Arguments> failures() {
        return Stream.of(
                Arguments.of(new UserError("data.txt is empty; give text of at least 1 KiB"), 2,
                        "tern: data.txt is empty; give text of at least 1 KiB"),
                Arguments.of(new IllegalArgumentException("hyena: order is 1, expected 2 or more"), 2,
                        "tern: hyena: order is 1, expected 2 or more"),
                Arguments.of(new IllegalArgumentException("first line\n  second line\n"), 2,
                        "tern: first line; second line"),
                Arguments.of(
                        new UncheckedIOException("reading model.safetensors: header cut off", new IOException("eof")),
                        2,
                        "tern: reading model.safetensors: header cut off"),
                Arguments.of(new UncheckedIOException(new NoSuchFileException("a/b.txt")), 2,
                        "tern: a/b.txt: no such file or folder"),
                Arguments.of(new NoSuchFileException("c d.txt"), 2, "tern: c d.txt: no such file or folder"),
                Arguments.of(new AccessDeniedException("/root/x"), 2, "tern: /root/x: permission denied"),
                Arguments.of(new FileSystemException("out/last", null, "No space left on device"), 2,
                        "tern: out/last: No space left on device"),
                Arguments.of(new FileNotFoundException("e.txt (Is a directory)"), 2, "tern: e.txt (Is a directory)"),
                Arguments.of(new InterruptedException(), 130, "tern: interrupted"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aFailureIsOneLineAndAStatus(Exception failure, int status, String line) {
        assertThat(run(failure, "fail")).isEqualTo(status);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo(line + System.lineSeparator());
        assertThat(out.size()).isZero();
    }

    @Test
    void aFaultOfOursSaysSoAndEndsWithOne() {
        assertThat(run(new NullPointerException("weights"), "fail")).isEqualTo(1);
        assertThat(err.toString(StandardCharsets.UTF_8).lines()).singleElement().asString()
                .startsWith("tern: a fault in Tern: java.lang.NullPointerException: weights").contains("--debug");
    }

    @Test
    void tooLittleMemoryIsOneLineWithAdvice() {
        assertThat(run(new OutOfMemoryError("Java heap space"), "fail")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8).lines()).singleElement().asString()
                .startsWith("tern: out of memory (Java heap space)").contains("TERN_JAVA_OPTS");
    }

    @Test
    void debugAddsTheTraceBelowTheLine() {
        assertThat(run(new UserError("wrong"), "fail", "--debug")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).startsWith("tern: wrong" + System.lineSeparator())
                .contains("at tern.cli");
    }

    @Test
    void helpSaysWhatTheOptionSays() {
        for (String[] names : new String[][] {{}, {"train"}, {"bench", "kernels"}}) {
            List<String> asked = new ArrayList<>(List.of("help"));
            asked.addAll(List.of(names));
            List<String> option = new ArrayList<>(List.of(names));
            option.add("--help");
            out.reset();
            assertThat(tern(option.toArray(String[]::new))).isZero();
            String expected = out.toString(StandardCharsets.UTF_8);
            out.reset();
            assertThat(tern(asked.toArray(String[]::new))).isZero();
            assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(expected).isNotEmpty();
        }
        assertThat(tern("help", "bench", "kernel")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo(
                "tern: unknown command 'kernel'; did you mean 'kernels'? (see tern bench --help)"
                        + System.lineSeparator());
    }

    @Test
    void anUnknownNameComesWithTheNearest() {
        assertThat(tern("docter")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .isEqualTo("tern: unknown command 'docter'; did you mean 'doctor'? (see tern --help)"
                        + System.lineSeparator());
    }

    @Test
    void anUnknownOptionComesWithTheNearest() {
        assertThat(tern("doctor", "--jsno")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo(
                "tern: unknown option '--jsno'; did you mean '--json'? (see tern doctor --help)"
                        + System.lineSeparator());
    }

    @Test
    void aValueThatIsNoNumberIsOneLine() {
        assertThat(run(new UserError("not reached"), "fail", "--steps", "many")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8).lines()).singleElement().asString()
                .startsWith("tern: invalid value for option '--steps'").contains("many")
                .contains("(see tern fail --help)");
    }

    @Test
    void anArgumentThatBeginsWithAnAtIsNotReplacedByAFile(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("prompt.txt"), "--steps many");
        assertThat(run(new UserError("reached"), "fail", "--text", "@" + file)).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo("tern: reached" + System.lineSeparator());
    }

    @Test
    void theQuickstartLooksAtItsFolderFirst(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("notes"), "mine");
        for (Path out : new Path[] {file, file.resolve("below")}) {
            err.reset();
            assertThat(tern("quickstart", "--out", out.toString())).isEqualTo(2);
            assertThat(err.toString(StandardCharsets.UTF_8)).startsWith("tern: --out " + out)
                    .contains("is not a folder").hasLineCount(1);
        }
        assertThat(file).hasContent("mine");
    }

    @Test
    void anArgumentThatAnOptionTookIsMissed() {
        assertThat(tern("eval", "--data", "a.txt", "model")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .isEqualTo("tern: missing required parameter: 'MODEL'; --data takes"
                        + " every word that follows it, so give MODEL before it (see tern eval --help)"
                        + System.lineSeparator());
    }

    @Test
    void resultsGoToStandardOutput() {
        assertThat(tern("--version")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).startsWith("tern 0.").contains("JDK 25");
        assertThat(err.size()).isZero();
    }

    @Test
    void aloneItShowsItsCommands() {
        assertThat(tern()).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("COMMAND").contains("doctor");
    }

    @Test
    void resultsThatCannotBeWrittenAreNoSuccess() {
        PrintStream broken = new PrintStream(new java.io.OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("No space left on device");
            }
        });
        assertThat(Tern.run(broken, new PrintStream(err), "--version")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).startsWith("tern: standard output could not be written");
    }

    private int tern(String... args) {
        return Tern.run(new PrintStream(out), new PrintStream(err), args);
    }

    /** Runs a command that fails so. */
    private int run(Throwable failure, String... args) {
        CommandLine commandLine = new Tern(new PrintStream(out), new PrintStream(err)).commandLine();
        commandLine.addSubcommand(new CommandLine(new Failing(failure)));
        // Handlers reach subcommands only through the parent's setters, which ran before this one was added.
        commandLine.setExecutionExceptionHandler(commandLine.getExecutionExceptionHandler());
        commandLine.setParameterExceptionHandler(commandLine.getParameterExceptionHandler());
        return Tern.execute(commandLine, args);
    }

    @Command(name = "fail")
    private static final class Failing implements Callable<Integer> {
        private final Throwable failure;

        @Option(names = "--steps")
        private int ignoredSteps;

        @Option(names = "--text")
        private String ignoredText;

        Failing(Throwable failure) {
            this.failure = failure;
        }

        @Override
        public Integer call() throws Exception {
            if (failure instanceof Error error) throw error;
            throw (Exception) failure;
        }
    }
}
