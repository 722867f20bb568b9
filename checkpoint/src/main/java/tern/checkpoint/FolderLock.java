package tern.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps a folder for one writer, of this process or another: by the operating system's lock of a file {@value #FILE} in it, which
 * ends with the process that holds it, however that ends. Where a file system knows no locks there is none. Safe for use by several
 * threads.
 */
public final class FolderLock implements AutoCloseable {
    private static final String FILE = ".lock";

    private final Path file;
    private final FileChannel channel;

    private FolderLock(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Takes a folder that exists.
     *
     * @throws IOException if somebody writes there already, or it cannot be written to
     */
    public static FolderLock of(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        FileChannel channel = open(folder, file);
        boolean taken;
        try {
            FileLock lock = channel.tryLock();
            taken = lock == null;
        } catch (OverlappingFileLockException here) {
            taken = true;
        } catch (IOException ignoredBecauseNoLocksAreKnown) {
            taken = false;
        }
        if (taken) {
            channel.close();
            throw new IOException(
                    folder + ": another run is writing there now; wait for its end, or choose another folder");
        }
        return new FolderLock(file, channel);
    }

    private static FileChannel open(Path folder, Path file) throws IOException {
        try {
            return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        } catch (AccessDeniedException denied) {
            throw new AccessDeniedException(folder.toString(), null, denied.getReason());
        }
    }

    /** Gives the folder back. */
    @Override
    public void close() throws IOException {
        try (channel) {
            Files.deleteIfExists(file);
        }
    }
}
