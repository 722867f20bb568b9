package tern.checkpoint.mapped;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StorageType;
import tern.checkpoint.StoredTensor;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A file mapped read-only, and tensors over it. Safe for use by several threads; {@link #close} makes everything that came
 * from it unusable.
 */
public final class MappedFile implements AutoCloseable {
    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private final Path path;
    private final Arena arena;
    private final MemorySegment bytes;
    private final Map<StoredTensor, MemorySegment> copies = new ConcurrentHashMap<>();

    private MappedFile(Path path, Arena arena, MemorySegment bytes) {
        this.path = path;
        this.arena = arena;
        this.bytes = bytes;
    }

    /**
     * Maps a file.
     *
     * @param kind what is expected, such as "a safetensors file", for messages
     * @throws IOException if it cannot be read; the message says why
     */
    public static MappedFile open(Path path, String kind) throws IOException {
        if (Files.isDirectory(path)) {
            throw new IOException(path + ": is a folder, expected " + kind);
        }
        Arena arena = Arena.ofShared();
        boolean opened = false;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            MappedFile file = new MappedFile(path, arena, bytes);
            opened = true;
            return file;
        } catch (NoSuchFileException missing) {
            throw new IOException(path + ": no such file; check the name", missing);
        } catch (AccessDeniedException denied) {
            throw new IOException(path + ": permission denied; the file cannot be read", denied);
        } finally {
            if (!opened) {
                arena.close();
            }
        }
    }

    /**
     * What lies in memory, as if it were a file.
     *
     * @param name for messages
     * @param bytes copied
     */
    public static MappedFile over(Path name, byte[] bytes) {
        Arena arena = Arena.ofShared();
        MemorySegment copy = arena.allocate(Math.max(1, bytes.length), 64).asSlice(0, bytes.length);
        return new MappedFile(name, arena, copy.copyFrom(MemorySegment.ofArray(bytes)).asReadOnly());
    }

    /** Makes something of an open file; closes the file if that fails. */
    public <T> T opened(Reading<T> reading) throws IOException {
        boolean done = false;
        try {
            T result = reading.read(this);
            done = true;
            return result;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    /** What is made of a file. */
    @FunctionalInterface
    public interface Reading<T> {
        /** Reads the header. */
        T read(MappedFile file) throws IOException;
    }

    /** What was opened. */
    public Path path() {
        return path;
    }

    /** All of it, read-only. */
    public MemorySegment bytes() {
        return bytes;
    }

    /** Number of bytes. */
    public long size() {
        return bytes.byteSize();
    }

    /** Memory of this size that lives as long as the file is open. */
    public MemorySegment allocate(long size) {
        return arena.allocate(Math.max(1, size), 64).asSlice(0, size);
    }

    /**
     * A tensor over the bytes of the file, aligned or not; on a big-endian machine a copy.
     *
     * @param stored lies within the file
     * @throws MalformedFileException if its type or size cannot be read
     */
    public Tensor tensor(StoredTensor stored) throws MalformedFileException {
        DType dtype = dtype(stored);
        Shape shape = shape(stored);
        MemorySegment view = bytes.asSlice(stored.offset(), stored.bytes());
        if (LITTLE_ENDIAN || dtype.isBlocked() || dtype.bytes() == 1) {
            return Tensor.over(dtype, shape, view);
        }
        MemorySegment native_ = copies.computeIfAbsent(stored, ignored -> {
            MemorySegment copy = allocate(stored.bytes()).copyFrom(view);
            reverseElements(copy, dtype.bytes());
            return copy.asReadOnly();
        });
        return Tensor.over(dtype, shape, native_);
    }

    /** The element type of a tensor over such data. */
    public DType dtype(StoredTensor stored) throws MalformedFileException {
        return stored.type().dtype().orElseThrow(() -> new MalformedFileException(path + ": tensor " + stored
                + " is of a type that cannot be read; readable are " + StorageType.readable()));
    }

    /** The shape of a tensor over such data. */
    public Shape shape(StoredTensor stored) throws MalformedFileException {
        int[] lengths = new int[stored.shape().size()];
        for (int axis = 0; axis < lengths.length; axis++) {
            long length = stored.shape().get(axis);
            if (length > Integer.MAX_VALUE) {
                throw new MalformedFileException(path + ": tensor " + stored + ": axis " + axis + " is longer than "
                        + Integer.MAX_VALUE);
            }
            lengths[axis] = (int) length;
        }
        return Shape.of(lengths);
    }

    /** Turns the bytes of every element around. */
    public static void reverseElements(MemorySegment data, int elementBytes) {
        for (long at = 0; at < data.byteSize(); at += elementBytes) {
            for (int i = 0; i < elementBytes / 2; i++) {
                byte low = data.get(ValueLayout.JAVA_BYTE, at + i);
                data.set(ValueLayout.JAVA_BYTE, at + i, data.get(ValueLayout.JAVA_BYTE, at + elementBytes - 1 - i));
                data.set(ValueLayout.JAVA_BYTE, at + elementBytes - 1 - i, low);
            }
        }
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
