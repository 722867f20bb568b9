package tern.serve;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Keeps a folder for states to one server: two would write the same sessions, and each would go on from what it remembers. The
 * system lets go of it when the process ends, however it ends. Safe for use by several threads.
 */
final class StateLock implements AutoCloseable {
    private static final String NAME = "lock";

    private final FileChannel channel;

    private StateLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Takes a folder, which is made if it is not there.
     *
     * @throws IOException if another server has it, or it cannot be used; says which and what to do
     */
    static StateLock of(Path folder) throws IOException {
        FileChannel channel;
        try {
            Files.createDirectories(folder);
            channel = FileChannel.open(folder.resolve(NAME), StandardOpenOption.CREATE, StandardOpenOption.READ,
                    StandardOpenOption.WRITE);
        } catch (IOException unusable) {
            throw new IOException(folder + " cannot be used as a folder for states: " + why(folder, unusable)
                    + "; give one that can be written with --state-dir", unusable);
        }
        try {
            if (lock(channel).isEmpty()) {
                throw new IOException(folder + " is in use by another server (process " + owner(folder)
                        + "); give each server a folder of its own with --state-dir, or end the other");
            }
            channel.truncate(0);
            channel.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII)),
                    0);
        } catch (IOException refused) {
            channel.close();
            throw refused;
        }
        return new StateLock(channel);
    }

    private static String why(Path folder, IOException unusable) {
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            return "it is a file";
        }
        return switch (unusable) {
            case AccessDeniedException _ -> "permission denied";
            case FileSystemException refused when refused.getReason() != null -> refused.getReason();
            default -> "it cannot be made or written";
        };
    }

    private static Optional<FileLock> lock(FileChannel channel) throws IOException {
        try {
            return Optional.ofNullable(channel.tryLock());
        } catch (OverlappingFileLockException own) {
            return Optional.empty();
        }
    }

    private static String owner(Path folder) throws IOException {
        String text = new String(Files.readAllBytes(folder.resolve(NAME)), StandardCharsets.ISO_8859_1).strip();
        return text.matches("[0-9]{1,12}") ? text : "unknown";
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
