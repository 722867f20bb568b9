package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher {@code ./tern} in a project of its own, with a JDK and a Maven that only say what was asked of them. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the launcher is a shell script")
class LauncherTest {
    @TempDir
    private Path temporary;

    private Path project;
    private Path jdk;
    private Path maven;

    /** What a run of the launcher left. */
    private record Run(int status, String out, String err) {
    }

    @BeforeEach
    void layOut() throws IOException {
        project = Files.createDirectories(temporary.resolve("my project"));
        Files.copy(Path.of(System.getProperty("tern.root"), "tern"), project.resolve("tern"));
        Files.setPosixFilePermissions(project.resolve("tern"), PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.createDirectories(project.resolve("cli/src/main"));
        Files.writeString(project.resolve("pom.xml"), "<project/>");
        Files.writeString(project.resolve("cli/pom.xml"), "<project/>");
        jdk = temporary.resolve("a jdk");
        script(jdk.resolve("bin/java"),
                "{ true 9<&0; } 2>/dev/null || echo no input; echo started; for a; do echo \"[$a]\"; done; echo 'WARNING: Using incubator modules: jdk.incubator.vector' >&2; echo complaint >&2");
        script(jdk.resolve("bin/javac"), "exit 1");
        Files.writeString(jdk.resolve("release"), "IMPLEMENTOR=\"Test\"\nJAVA_VERSION=\"25.0.1\"\n");
        maven = temporary.resolve("tools");
        script(maven.resolve("mvn"), """
                if [ "$1" = -v ]; then echo 'Apache Maven 3.9.9 (test)'; exit 0; fi
                echo build >> "%s/builds"
                for a; do case $a in -Dapp.folder=*) mkdir -p "${a#*=}"; esac; done
                sleep 0.3
                [ ! -e "%s/broken" ] || { echo '[INFO] busy'; echo '[ERROR] Wing.java:[3,4] feather expected'; exit 1; }
                """.formatted(temporary, temporary));
    }

    @Test
    void buildsOnceAndHandsOver() throws Exception {
        Run first = tern("generate", "a model", "--prompt", "it's \"so\" *");
        assertThat(first.err).contains("tern: building for the first time", "tern: built in");
        assertThat(first.status).isZero();
        assertThat(first.out).startsWith("started\n").contains("[--module-path]", "[-m]\n[tern.cli/tern.cli.Tern]\n")
                .endsWith("[generate]\n[a model]\n[--prompt]\n[it's \"so\" *]\n");

        Run second = tern("--version");
        assertThat(second.err).as("the second run builds nothing, and Java's greeting is kept away, nothing else")
                .isEqualTo("complaint\n");
        assertThat(builds()).isEqualTo(1);
    }

    @Test
    void buildsAgainAfterAChange() throws Exception {
        tern("--version");
        Path source = Files.writeString(project.resolve("cli/src/main/New.java"), "class New {}");
        Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(60)));
        assertThat(tern("--version").err).contains("tern: the sources have changed since the last build: building");
        assertThat(builds()).isEqualTo(2);
    }

    @Test
    void twoAtOnceBuildOnce() throws Exception {
        Process one = start(environment(), "--version"), two = start(environment(), "--version");
        assertThat(one.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(two.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(List.of(one.exitValue(), two.exitValue())).containsExactly(0, 0);
        assertThat(builds()).isEqualTo(1);
        assertThat(project.resolve("target/app/lock")).doesNotExist();
    }

    @Test
    void aLockLeftByTheDeadIsTaken() throws Exception {
        Path lock = Files.createDirectories(project.resolve("target/app/lock"));
        Process gone = new ProcessBuilder("sh", "-c", "exit 0").start();
        gone.waitFor();
        Files.writeString(lock.resolve("pid"), gone.pid() + "\n");
        assertThat(tern("--version").status).isZero();
    }

    @Test
    void aBrokenBuildSaysWhatIsWrongAndKeepsTheLastOne() throws Exception {
        tern("--version");
        Files.createFile(temporary.resolve("broken"));
        Files.setLastModifiedTime(project.resolve("pom.xml"), FileTime.from(Instant.now().plusSeconds(60)));
        Run broken = tern("--version");
        assertThat(broken.status).isEqualTo(2);
        assertThat(broken.out).isEmpty();
        assertThat(broken.err).contains("tern: the build failed:", "Wing.java:[3,4] feather expected", "build.log")
                .doesNotContain("busy");
        Files.setLastModifiedTime(project.resolve("pom.xml"), FileTime.from(Instant.now().minusSeconds(60)));
        assertThat(tern("--version").status).isZero();
        assertThat(builds()).isEqualTo(2);
    }

    @Test
    void runsFromAnyFolderAndThroughLinks() throws Exception {
        Path link = Files.createSymbolicLink(temporary.resolve("link"), Path.of("my project/tern"));
        ProcessBuilder builder = new ProcessBuilder(link.toString(), "--version").directory(Path.of("/").toFile());
        builder.environment().putAll(environment());
        assertThat(finish(builder).out).contains("[-Dtern.root=" + project.toRealPath() + "]");
    }

    /** Java would take the first file that it opens for standard input. */
    @Test
    void closedStreamsAreReplaced() throws Exception {
        ProcessBuilder builder = new ProcessBuilder("sh", "-c", "exec \"$0\" --version <&-",
                project.resolve("tern").toString());
        builder.environment().putAll(environment());
        assertThat(finish(builder).out).startsWith("started\n");
    }

    @Test
    void aJdkOfAnotherAgeIsPassedOver() throws Exception {
        Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"21.0.2\"\n");
        Run run = tern("--version");
        // Where the machine has no JDK 25 of its own the launcher says where it looked; otherwise it takes the machine's.
        if (run.err.contains("no JDK 25 found")) {
            assertThat(run.status).isEqualTo(2);
            assertThat(run.err).startsWith("tern: no JDK 25 found. Looked at JAVA_HOME (" + jdk + ")");
        } else {
            assertThat(run.out + run.err)
                    .as("the real Java finds no modules in the empty build, and its words come through")
                    .contains("Module tern.cli not found");
        }
        Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"25\"\n");
        assertThat(tern("--version").out).startsWith("started\n");
    }

    @Test
    void flagsFromOutsideComeAfterOurs() throws Exception {
        Map<String, String> environment = environment();
        environment.put("TERN_JAVA_OPTS", "-Xmx2g -Xlog:gc");
        Run run = finish(builder(environment, "--version"));
        assertThat(run.out).contains("[-Xms32m]").contains("[-Xmx2g]\n[-Xlog:gc]\n[-m]");
    }

    /** A server that answers "its log says what" logs what. */
    @Test
    void whatIsLoggedTellsTheCause() throws Exception {
        Run run = tern("serve");
        for (String property : List.of("java.util.logging.SimpleFormatter.format", "jdk.system.logger.format")) {
            String format = run.out.lines().filter(line -> line.startsWith("[-D" + property + "=")).findFirst()
                    .orElseThrow().replaceFirst("^[^=]*=", "").replaceFirst("]$", "");
            assertThat(format.formatted("date", "source", "logger", "level", "a request failed", "\nwhy"))
                    .isEqualToNormalizingNewlines("tern: a request failed\nwhy\n");
        }
    }

    /** What the JVM says when it cannot start is a line, and nothing is run. */
    @Test
    void flagsThatJavaDoesNotKnowAreToldInALine() throws Exception {
        tern("--version");
        script(jdk.resolve("bin/java"), "case \"$*\" in *-version) echo 'Unrecognized option: -Xbogus' >&2;"
                + " echo 'Error: Could not create the Java Virtual Machine.' >&2; exit 1;; esac; echo started");
        Map<String, String> environment = environment();
        environment.put("TERN_JAVA_OPTS", "-Xbogus -Xmx2g");
        Run run = finish(builder(environment, "doctor"));
        assertThat(run.status).isEqualTo(2);
        assertThat(run.out).isEmpty();
        assertThat(run.err).isEqualTo("tern: Java does not start: Unrecognized option: -Xbogus; TERN_JAVA_OPTS is"
                + " \"-Xbogus -Xmx2g\"\n");
        ProcessBuilder limited = new ProcessBuilder("sh", "-c", "ulimit -v 4000000 && exec \"$0\" doctor",
                project.resolve("tern").toString()).directory(temporary.toFile());
        limited.environment().clear();
        limited.environment().putAll(environment());
        run = finish(limited);
        assertThat(run.status).isEqualTo(2);
        assertThat(run.err).endsWith("; ulimit -v allows 4000000 KiB of addresses\n");
        environment.put("TERN_JAVA_OPTS", "-agentlib:jdwp=transport=dt_socket,suspend=y");
        assertThat(finish(builder(environment, "doctor")).out).as("a debugger would be waited for twice")
                .isEqualTo("started\n");
        assertThat(tern("doctor").out).as("nothing from outside, nothing tried").isEqualTo("started\n");
    }

    private Run tern(String... arguments) throws IOException, InterruptedException {
        return finish(builder(environment(), arguments));
    }

    private Process start(Map<String, String> environment, String... arguments) throws IOException {
        return builder(environment, arguments).redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }

    private ProcessBuilder builder(Map<String, String> environment, String... arguments) {
        List<String> command = new ArrayList<>(List.of(project.resolve("tern").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).directory(temporary.toFile());
        builder.environment().clear();
        builder.environment().putAll(environment);
        return builder;
    }

    private Map<String, String> environment() {
        Map<String, String> environment = new java.util.HashMap<>();
        environment.put("PATH", maven + ":/usr/bin:/bin");
        environment.put("JAVA_HOME", jdk.toString());
        environment.put("HOME", temporary.resolve("nobody").toString());
        return environment;
    }

    private Run finish(ProcessBuilder builder) throws IOException, InterruptedException {
        Path out = Files.createTempFile(temporary, "out", "");
        Process process = builder.redirectOutput(out.toFile()).start();
        // To its end, which comes when the reader that stands between Java and standard error has said everything.
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("the launcher ended").isTrue();
        return new Run(process.exitValue(), Files.readString(out), err);
    }

    private long builds() throws IOException {
        return Files.lines(temporary.resolve("builds")).count();
    }

    private static void script(Path file, String body) {
        try {
            Files.createDirectories(file.getParent());
            Files.writeString(file, "#!/bin/sh\n" + body + "\n");
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
