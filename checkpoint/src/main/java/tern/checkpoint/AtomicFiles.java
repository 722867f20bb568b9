package tern.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Writes a file so that its name always stands for a whole one, the old or the new, whatever happens in between: into a
 * temporary file in the same folder, which is forced to disk, renamed, and the folder forced too. What a killed process
 * left behind is removed by the next that writes the same file. What is no file, such as {@code /dev/null}, a terminal or a
 * pipe, is never replaced but written to. Stateless; safe for use by several threads.
 */
public final class AtomicFiles {
    private static final System.Logger LOG = System.getLogger(AtomicFiles.class.getName());
    private static final long WRITTEN_AT_ONCE = 64L << 20;
    private static final String ENDING = ".tmp";
    private static final Pattern TEMPORARY = Pattern.compile("([0-9]{1,18})-[0-9a-f]{16}\\.tmp");
    private static final Duration ABANDONED_AFTER = Duration.ofMinutes(1);

    private AtomicFiles() {
    }

    /** Writes what a file shall hold. */
    @FunctionalInterface
    public interface Content {
        /** Writes everything, in order, to the channel, which stands at the beginning of an empty file or is a device's. */
        void writeTo(FileChannel channel) throws IOException;
    }

    /**
     * Replaces or creates a file. A link is followed.
     *
     * @throws IOException if that fails; the message says what and where. The file is then as it was before, and the
     *             temporary one is gone
     */
    public static void write(Path path, Content content) throws IOException {
        if (isDevice(path)) {
            writeThrough(path, content);
            return;
        }
        Path target = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath();
        Path folder = target.getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new NoSuchFileException(path.toString(), null, "cannot be written, there is no folder " + folder
                    + "; create it first");
        }
        if (Files.isDirectory(target)) {
            throw new FileSystemException(path.toString(), null, "cannot be written, there is a folder of this name");
        }
        String name = "." + target.getFileName() + ".";
        removeAbandoned(folder, name);
        Path temporary = folder.resolve(name + ProcessHandle.current().pid() + "-"
                + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()) + ENDING);
        boolean renamed = false;
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW,
                    StandardOpenOption.WRITE)) {
                content.writeTo(channel);
                channel.force(true);
            }
            move(temporary, target);
            renamed = true;
            forceFolder(folder);
        } catch (IOException failed) {
            throw explained(path, folder, renamed, failed);
        } catch (UncheckedIOException failed) {
            throw explained(path, folder, renamed, cause(failed));
        } finally {
            if (!renamed) {
                Files.deleteIfExists(temporary);
            }
        }
    }

    /** {@link #write(Path, Content)} of a text, as UTF-8. */
    public static void write(Path path, String text) throws IOException {
        write(path, channel -> writeAll(channel, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
    }

    /** True for what is there and neither a file nor a folder: a device, a pipe, a socket. A link is followed. */
    public static boolean isDevice(Path path) {
        return Files.exists(path) && !Files.isRegularFile(path) && !Files.isDirectory(path);
    }

    /** A rename would put a file where the device was, for every program of the machine. */
    private static void writeThrough(Path path, Content content) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            content.writeTo(channel);
        } catch (FileSystemException unopened) {
            throw unopened;
        } catch (IOException failed) {
            throw new IOException(path + ": could not be written: " + failed.getMessage(), failed);
        } catch (UncheckedIOException failed) {
            throw new IOException(path + ": could not be written: " + cause(failed).getMessage(), failed);
        }
    }

    /** Removes what writers of the same file left behind when they were killed: their process is gone, the file is old. */
    private static void removeAbandoned(Path folder, String name) throws IOException {
        FileTime recent = FileTime.from(Instant.now().minus(ABANDONED_AFTER));
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder,
                file -> file.getFileName().toString().startsWith(name))) {
            for (Path file : files) {
                String rest = file.getFileName().toString().substring(name.length());
                Matcher matcher = TEMPORARY.matcher(rest);
                boolean abandoned = matcher.matches()
                        && ProcessHandle.of(Long.parseLong(matcher.group(1))).isEmpty()
                        && Files.getLastModifiedTime(file).compareTo(recent) < 0;
                if (abandoned) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (DirectoryIteratorException | NoSuchFileException | AccessDeniedException unseen) {
            LOG.log(System.Logger.Level.DEBUG, "abandoned files in {0} were not looked for: {1}", folder, unseen);
        }
    }

    private static void move(Path temporary, Path target) throws IOException {
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException unsupported) {
            throw new IOException("the file system cannot replace a file in one step; choose a folder on a local disk",
                    unsupported);
        }
    }

    private static void forceFolder(Path folder) throws IOException {
        if (System.getProperty("os.name", "").startsWith("Windows")) {
            // folders cannot be opened there; a rename is in the journal anyway
            return;
        }
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static IOException cause(UncheckedIOException failed) {
        return failed.getCause() instanceof IOException cause ? cause : new IOException(failed);
    }

    private static IOException explained(Path path, Path folder, boolean renamed, IOException failed) {
        String free;
        try {
            free = (Files.getFileStore(folder).getUsableSpace() >> 10) + " KiB free in " + folder;
        } catch (IOException unknown) {
            free = "free space in " + folder + " unknown";
        }
        // Of a file that was refused, the message is its name alone.
        String message = failed instanceof AccessDeniedException ? "permission denied"
                : failed.getMessage() == null ? failed.getClass().getSimpleName() : failed.getMessage();
        return new IOException(
                path + ": " + (renamed ? "written, but could not be forced to disk: " : "could not be written: ")
                        + message + " (" + free + ")" + (renamed ? "" : "; what was there before is unchanged"),
                failed);
    }

    /** Writes all of a buffer. */
    public static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Writes all of a segment, without a copy on the heap if it is native. */
    public static void writeAll(FileChannel channel, MemorySegment bytes) throws IOException {
        for (long at = 0; at < bytes.byteSize(); at += WRITTEN_AT_ONCE) {
            writeAll(channel, bytes.asSlice(at, Math.min(WRITTEN_AT_ONCE, bytes.byteSize() - at)).asByteBuffer());
        }
    }
}
