package tern.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
    @TempDir
    Path folder;

    @Test
    void replacesAFile() throws IOException {
        Path file = folder.resolve("a.txt");
        AtomicFiles.write(file, "one");
        AtomicFiles.write(file, "two ß");
        assertThat(file).hasContent("two ß");
        assertThat(names()).containsExactly("a.txt");
    }

    @Test
    void aFailureLeavesTheOldFile() throws IOException {
        Path file = folder.resolve("a.txt");
        AtomicFiles.write(file, "old");
        assertThatThrownBy(() -> AtomicFiles.write(file, channel -> {
            channel.write(ByteBuffer.wrap(new byte[1000]));
            throw new IOException("No space left on device");
        })).isInstanceOf(IOException.class).message()
                .startsWith(file + ": could not be written: No space left on device (")
                .contains("KiB free in " + folder).endsWith("; what was there before is unchanged")
                .doesNotContain("\n");
        assertThat(file).hasContent("old");
        assertThat(names()).containsExactly("a.txt");
    }

    /** Results that a callback hands over can only fail unchecked. */
    @Test
    void aFailureWithinACallbackNamesTheFileToo() throws IOException {
        Path file = folder.resolve("a.txt");
        AtomicFiles.write(file, "old");
        assertThatThrownBy(() -> AtomicFiles.write(file, channel -> {
            throw new UncheckedIOException(new IOException("No space left on device"));
        })).isInstanceOf(IOException.class).message()
                .startsWith(file + ": could not be written: No space left on device (")
                .endsWith("; what was there before is unchanged");
        assertThat(file).hasContent("old");
        assertThat(names()).containsExactly("a.txt");
    }

    @Test
    void anExceptionLeavesTheOldFileToo() throws IOException {
        Path file = folder.resolve("a.txt");
        AtomicFiles.write(file, "old");
        assertThatThrownBy(() -> AtomicFiles.write(file, channel -> {
            throw new IllegalStateException("stopped");
        })).isInstanceOf(IllegalStateException.class);
        assertThat(file).hasContent("old");
        assertThat(names()).containsExactly("a.txt");
    }

    /** The message of such an exception is the name of the temporary file alone. */
    @Test
    void whatMayNotBeWrittenIsSaid() {
        Path file = folder.resolve("a.txt");
        assertThatThrownBy(() -> AtomicFiles.write(file, channel -> {
            throw new AccessDeniedException(".a.txt.1-2.tmp");
        })).isInstanceOf(IOException.class)
                .hasMessageStartingWith(file + ": could not be written: permission denied (");
    }

    @Test
    void theOldFileStandsWhileTheNewOneIsWritten() throws IOException {
        Path file = folder.resolve("a.txt");
        AtomicFiles.write(file, "old");
        AtomicFiles.write(file, channel -> {
            channel.write(ByteBuffer.wrap("new".getBytes(StandardCharsets.US_ASCII)));
            assertThat(file).hasContent("old");
        });
        assertThat(file).hasContent("new");
    }

    @Test
    void aLinkIsFollowed() throws IOException {
        Path file = folder.resolve("real.txt");
        AtomicFiles.write(file, "old");
        Path link = Files.createSymbolicLink(folder.resolve("link.txt"), file);
        AtomicFiles.write(link, "new");
        assertThat(file).hasContent("new");
        assertThat(Files.isSymbolicLink(link)).isTrue();
    }

    /** A rename onto {@code /dev/null} would leave a file there, for everybody on the machine. */
    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aPipeOrDeviceIsWrittenToAndStays() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        FutureTask<byte[]> read = new FutureTask<>(() -> Files.readAllBytes(pipe));
        Thread.ofVirtual().start(read);
        AtomicFiles.write(pipe, "through");
        assertThat(Files.isRegularFile(pipe)).isFalse();
        assertThat(read.get(60, TimeUnit.SECONDS)).asString(StandardCharsets.UTF_8).isEqualTo("through");
        assertThat(names()).containsExactly("pipe");
        assertThat(AtomicFiles.isDevice(Path.of("/dev/null"))).isTrue();
        assertThat(AtomicFiles.isDevice(folder)).isFalse();
        assertThat(AtomicFiles.isDevice(folder.resolve("absent"))).isFalse();
    }

    @Test
    void whatAKilledProcessLeftIsRemoved() throws IOException {
        FileTime old = FileTime.from(Instant.now().minusSeconds(3600));
        String dead = ".a.txt.999999999999-0123456789abcdef.tmp";
        String living = ".a.txt." + ProcessHandle.current().pid() + "-0123456789abcdef.tmp";
        String young = ".a.txt.999999999999-fedcba9876543210.tmp";
        String other = ".b.txt.999999999999-0123456789abcdef.tmp";
        String mine = ".a.txt.notes.tmp";
        for (String name : List.of(dead, living, young, other, mine)) {
            Path file = Files.writeString(folder.resolve(name), "x");
            if (!name.equals(young)) {
                Files.setLastModifiedTime(file, old);
            }
        }
        AtomicFiles.write(folder.resolve("a.txt"), "new");
        assertThat(names()).containsExactlyInAnyOrder("a.txt", living, young, other, mine);
    }

    @Test
    void saysWhereItCannotWrite() {
        assertThatThrownBy(() -> AtomicFiles.write(folder.resolve("none/a.txt"), "x")).isInstanceOf(IOException.class)
                .hasMessageContaining("there is no folder " + folder.resolve("none"));
        assertThatThrownBy(() -> AtomicFiles.write(folder, "x")).isInstanceOf(IOException.class)
                .hasMessageContaining("there is a folder of this name");
    }

    private Stream<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList().stream();
        }
    }
}
