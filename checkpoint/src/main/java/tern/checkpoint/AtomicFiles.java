package tern.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Writes a file so that its name always stands for a whole one, the old or the new, whatever happens in between: into a
 * temporary file in the same folder, which is forced to disk, renamed, and the folder forced too. Stateless; safe for use
 * by several threads.
 */
public final class AtomicFiles {
    private static final long WRITTEN_AT_ONCE = 64L << 20;

    private AtomicFiles() {
    }

    /** Writes what a file shall hold. */
    @FunctionalInterface
    public interface Content {
        /** Writes everything to the channel, which stands at the beginning of an empty file. */
        void writeTo(FileChannel channel) throws IOException;
    }

    /**
     * Replaces or creates a file. A link is followed.
     *
     * @throws IOException if that fails; the message says what and where. The file is then as it was before, and the
     *             temporary one is gone
     */
    public static void write(Path path, Content content) throws IOException {
        Path target = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath();
        Path folder = target.getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new NoSuchFileException(path.toString(), null, "cannot be written, there is no folder " + folder
                    + "; create it first");
        }
        if (Files.isDirectory(target)) {
            throw new FileSystemException(path.toString(), null, "cannot be written, there is a folder of this name");
        }
        Path temporary = folder.resolve("." + target.getFileName() + "."
                + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()) + ".tmp");
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

    private static IOException explained(Path path, Path folder, boolean renamed, IOException failed) {
        String free;
        try {
            free = (Files.getFileStore(folder).getUsableSpace() >> 10) + " KiB free in " + folder;
        } catch (IOException unknown) {
            free = "free space in " + folder + " unknown";
        }
        String message = failed.getMessage() == null ? failed.getClass().getSimpleName() : failed.getMessage();
        return new IOException(
                path + ": " + (renamed ? "written, but could not be forced to disk: " : "could not be written: ")
                        + message + " (" + free + ")" + (renamed ? "" : "; what was there before is unchanged"),
                failed);
    }

    /** Writes all of a buffer. */
    static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Writes all of a segment, without a copy on the heap if it is native. */
    static void writeAll(FileChannel channel, MemorySegment bytes) throws IOException {
        for (long at = 0; at < bytes.byteSize(); at += WRITTEN_AT_ONCE) {
            writeAll(channel, bytes.asSlice(at, Math.min(WRITTEN_AT_ONCE, bytes.byteSize() - at)).asByteBuffer());
        }
    }
}
