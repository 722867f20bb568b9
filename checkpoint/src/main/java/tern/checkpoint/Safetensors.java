package tern.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;

import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * One safetensors file: eight bytes of header length, a JSON header, then the tensors, little-endian and row-major. Opening
 * maps the file and checks all of the header; {@link #write} makes one, the same bytes for the same tensors.
 */
public final class Safetensors implements TensorFile {
    /** The file that holds a model's tensors in its folder. */
    public static final String MODEL_FILE = "model.safetensors";

    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private final Path path;
    private final Arena arena;
    private final MemorySegment file;
    private final SafetensorsHeader header;
    private final Map<String, StoredTensor> byName = new HashMap<>();
    private final Map<String, MemorySegment> copies = new ConcurrentHashMap<>();

    private Safetensors(Path path, Arena arena, MemorySegment file, SafetensorsHeader header) {
        this.path = path;
        this.arena = arena;
        this.file = file;
        this.header = header;
        header.tensors().forEach(tensor -> byName.put(tensor.name(), tensor));
    }

    /**
     * Opens a file.
     *
     * @throws MalformedFileException if it is not a valid safetensors file; the message names the file, the tensor if one is
     *             to blame, what was expected and what was found
     * @throws IOException if it cannot be read
     */
    public static Safetensors open(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new IOException(path + ": is a folder, expected a safetensors file");
        }
        Arena arena = Arena.ofShared();
        boolean opened = false;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < SafetensorsHeader.LENGTH_BYTES) {
                throw new MalformedFileException(path + ": the file has " + size + " bytes, expected at least "
                        + SafetensorsHeader.LENGTH_BYTES + "; this is not a safetensors file");
            }
            MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            long headerBytes = file.get(LENGTH, 0);
            long rest = size - SafetensorsHeader.LENGTH_BYTES;
            if (headerBytes < 0 || headerBytes > SafetensorsHeader.LONGEST || headerBytes > rest) {
                throw new MalformedFileException(
                        path + ": the header has a length of " + Long.toUnsignedString(headerBytes)
                                + " bytes, expected at most " + Math.min(rest, SafetensorsHeader.LONGEST) + " ("
                                + (headerBytes < 0 || headerBytes > SafetensorsHeader.LONGEST ? "the format allows "
                                        + SafetensorsHeader.LONGEST : "the file holds no more")
                                + "); the file is truncated or not a safetensors file");
            }
            SafetensorsHeader header = SafetensorsHeader.read(path,
                    file.asSlice(SafetensorsHeader.LENGTH_BYTES, headerBytes),
                    rest - headerBytes);
            Safetensors safetensors = new Safetensors(path, arena, file, header);
            opened = true;
            return safetensors;
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

    @Override
    public Path path() {
        return path;
    }

    @Override
    public Map<String, String> metadata() {
        return header.metadata();
    }

    @Override
    public List<StoredTensor> tensors() {
        return header.tensors();
    }

    @Override
    public Optional<StoredTensor> find(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    @Override
    public Tensor tensor(String name) throws MalformedFileException {
        StoredTensor stored = byName.get(name);
        if (stored == null) {
            throw new MalformedFileException(path + ": there is no tensor " + Quoted.name(name) + " among the "
                    + header.tensors().size() + " of the file");
        }
        DType dtype = stored.type().dtype().orElseThrow(() -> new MalformedFileException(path + ": tensor " + stored
                + " is of a type that cannot be read; readable are " + StorageType.readable()));
        int[] lengths = new int[stored.shape().size()];
        for (int axis = 0; axis < lengths.length; axis++) {
            long length = stored.shape().get(axis);
            if (length > Integer.MAX_VALUE) {
                throw new MalformedFileException(path + ": tensor " + stored + ": axis " + axis + " is longer than "
                        + Integer.MAX_VALUE);
            }
            lengths[axis] = (int) length;
        }
        return Tensor.over(dtype, Shape.of(lengths), data(stored, dtype.bytes()));
    }

    private MemorySegment data(StoredTensor stored, int elementBytes) {
        MemorySegment view = file.asSlice(stored.offset(), stored.bytes());
        if (LITTLE_ENDIAN && view.address() % elementBytes == 0) {
            return view;
        }
        return copies.computeIfAbsent(stored.name(), ignored -> alignedCopy(stored, view, elementBytes));
    }

    private MemorySegment alignedCopy(StoredTensor stored, MemorySegment view, int elementBytes) {
        MemorySegment copy = arena.allocate(Math.max(1, stored.bytes()), 64).asSlice(0, stored.bytes()).copyFrom(view);
        if (!LITTLE_ENDIAN) {
            reverseElements(copy, elementBytes);
        }
        return copy.asReadOnly();
    }

    static void reverseElements(MemorySegment data, int elementBytes) {
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

    /**
     * Writes a file, atomically (see {@link AtomicFiles}): tensors by decreasing width of their elements, then by name, so
     * that the same tensors and text always make the same bytes. Native tensors go to the file without a copy.
     *
     * @throws IllegalArgumentException if a name cannot be stored, a tensor is of a blocked type, for which the format has no
     *             name, or the header would be longer than readers accept
     * @throws IOException if writing fails; a file that was there before is then unchanged
     */
    public static void write(Path path, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        tensors.forEach((name, tensor) -> {
            if (tensor.dtype().isBlocked()) {
                throw new IllegalArgumentException(path + ": tensor " + Quoted.name(name) + " is " + tensor
                        + ", which safetensors cannot hold; convert it to F32, BF16 or F16, or write GGUF");
            }
        });
        List<Map.Entry<String, Tensor>> ordered = new ArrayList<>(tensors.entrySet());
        ordered.sort(Comparator.<Map.Entry<String, Tensor>>comparingInt(entry -> -entry.getValue().dtype().bytes())
                .thenComparing(entry -> entry.getKey().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned));
        byte[] header = header(path, ordered, metadata);
        AtomicFiles.write(path, channel -> {
            ByteBuffer first = ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES + header.length)
                    .order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).flip();
            AtomicFiles.writeAll(channel, first);
            for (Map.Entry<String, Tensor> entry : ordered) {
                writeData(channel, entry.getValue());
            }
        });
    }

    private static byte[] header(Path path, List<Map.Entry<String, Tensor>> tensors, Map<String, String> metadata) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = Json.STREAMING.createGenerator(ObjectWriteContext.empty(), bytes)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeName(SafetensorsHeader.METADATA).writeStartObject();
                new TreeMap<>(metadata).forEach(json::writeStringProperty);
                json.writeEndObject();
            }
            long at = 0;
            for (Map.Entry<String, Tensor> entry : tensors) {
                if (entry.getKey().equals(SafetensorsHeader.METADATA)) {
                    throw new IllegalArgumentException(
                            path + ": no tensor may be called " + SafetensorsHeader.METADATA);
                }
                Tensor tensor = entry.getValue();
                json.writeName(entry.getKey()).writeStartObject();
                json.writeStringProperty("dtype", StorageType.of(tensor.dtype()).name());
                json.writeName("shape").writeArray(tensor.shape().toArray(), 0, tensor.shape().rank());
                json.writeName("data_offsets").writeArray(new long[] {at, at + tensor.bytes()}, 0, 2);
                json.writeEndObject();
                at += tensor.bytes();
            }
            json.writeEndObject();
        }
        while ((SafetensorsHeader.LENGTH_BYTES + bytes.size()) % 8 != 0) {
            bytes.write(' ');
        }
        if (bytes.size() > SafetensorsHeader.LONGEST) {
            throw new IllegalArgumentException(
                    path + ": names and text take " + bytes.size() + " bytes of header, at most "
                            + SafetensorsHeader.LONGEST + " are allowed");
        }
        return bytes.toByteArray();
    }

    private static void writeData(FileChannel channel, Tensor tensor) throws IOException {
        if (LITTLE_ENDIAN) {
            AtomicFiles.writeAll(channel, tensor.data());
            return;
        }
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment copy = scratch.allocate(Math.max(1, tensor.bytes()), 8).asSlice(0, tensor.bytes())
                    .copyFrom(tensor.data());
            reverseElements(copy, tensor.dtype().bytes());
            AtomicFiles.writeAll(channel, copy);
        }
    }
}
