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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;

import tern.checkpoint.mapped.MappedFile;
import tern.checkpoint.mapped.Quoted;
import tern.checkpoint.mapped.TensorTable;
import tern.tensor.Tensor;

/**
 * One safetensors file: eight bytes of header length, a JSON header, then the tensors, little-endian and row-major. Opening
 * maps the file and checks all of the header; {@link #write} makes one, the same bytes for the same tensors.
 */
public final class Safetensors implements TensorFile {
    /** The file that holds a model's tensors in its folder. */
    public static final String MODEL_FILE = "model.safetensors";

    static final String FORMAT = "safetensors";

    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private final MappedFile file;
    private final SafetensorsHeader header;
    private final TensorTable tensors;

    private Safetensors(MappedFile file, SafetensorsHeader header) throws MalformedFileException {
        this.file = file;
        this.header = header;
        this.tensors = new TensorTable(file.path());
        for (StoredTensor tensor : header.tensors()) {
            tensors.add(tensor);
        }
    }

    /**
     * Opens a file.
     *
     * @throws MalformedFileException if it is not a valid safetensors file; the message names the file, the tensor if one is
     *             to blame, what was expected and what was found
     * @throws IOException if it cannot be read
     */
    public static Safetensors open(Path path) throws IOException {
        return MappedFile.open(path, "a safetensors file").opened(file -> new Safetensors(file, header(file)));
    }

    /** {@link #open} of what {@link #bytes} made. */
    static Safetensors over(Path name, byte[] bytes) throws IOException {
        return MappedFile.over(name, bytes).opened(file -> new Safetensors(file, header(file)));
    }

    private static SafetensorsHeader header(MappedFile file) throws MalformedFileException {
        if (file.size() < SafetensorsHeader.LENGTH_BYTES) {
            throw new MalformedFileException(
                    file.path() + ": the file has " + file.size() + " bytes, expected at least "
                            + SafetensorsHeader.LENGTH_BYTES + "; this is not a safetensors file");
        }
        long headerBytes = file.bytes().get(LENGTH, 0);
        long rest = file.size() - SafetensorsHeader.LENGTH_BYTES;
        if (headerBytes < 0 || headerBytes > SafetensorsHeader.LONGEST || headerBytes > rest) {
            throw new MalformedFileException(file.path() + ": the header has a length of "
                    + Long.toUnsignedString(headerBytes) + " bytes, expected at most "
                    + Math.min(rest, SafetensorsHeader.LONGEST) + " ("
                    + (headerBytes < 0 || headerBytes > SafetensorsHeader.LONGEST ? "the format allows "
                            + SafetensorsHeader.LONGEST : "the file holds no more")
                    + "); the file is truncated or not a safetensors file");
        }
        return SafetensorsHeader.read(file.path(), file.bytes().asSlice(SafetensorsHeader.LENGTH_BYTES, headerBytes),
                rest - headerBytes);
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public String format() {
        return FORMAT;
    }

    @Override
    public Map<String, Metadatum> metadata() {
        return asMetadata(header.metadata());
    }

    /** Text as the common view has it. */
    static Map<String, Metadatum> asMetadata(Map<String, String> texts) {
        Map<String, Metadatum> metadata = new LinkedHashMap<>();
        texts.forEach((key, text) -> metadata.put(key, new Metadatum.Text(text)));
        return Collections.unmodifiableMap(metadata);
    }

    @Override
    public Map<String, String> texts() {
        return header.metadata();
    }

    @Override
    public List<StoredTensor> tensors() {
        return tensors.all();
    }

    @Override
    public Optional<StoredTensor> find(String name) {
        return tensors.find(name);
    }

    @Override
    public Tensor tensor(String name) throws MalformedFileException {
        return file.tensor(tensors.require(name));
    }

    @Override
    public void close() {
        file.close();
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
        List<Map.Entry<String, Tensor>> ordered = ordered(path, tensors);
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

    /**
     * What {@link #write} would write.
     *
     * @param name for messages
     * @throws IllegalArgumentException as {@link #write} does, or if it is more than an array holds
     */
    static byte[] bytes(Path name, Map<String, Tensor> tensors, Map<String, String> metadata) {
        List<Map.Entry<String, Tensor>> ordered = ordered(name, tensors);
        byte[] header = header(name, ordered, metadata);
        long begin = (long) SafetensorsHeader.LENGTH_BYTES + header.length;
        long size = begin + tensors.values().stream().mapToLong(Tensor::bytes).sum();
        if (size > Integer.MAX_VALUE - SafetensorsHeader.LENGTH_BYTES) {
            throw new IllegalArgumentException(
                    name + ": " + size + " bytes are more than an array holds; write a file");
        }
        byte[] all = new byte[(int) size];
        ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header);
        long at = begin;
        for (Map.Entry<String, Tensor> entry : ordered) {
            Tensor tensor = entry.getValue();
            MemorySegment place = MemorySegment.ofArray(all).asSlice(at, tensor.bytes()).copyFrom(tensor.data());
            if (!LITTLE_ENDIAN) {
                MappedFile.reverseElements(place, tensor.dtype().bytes());
            }
            at += tensor.bytes();
        }
        return all;
    }

    private static List<Map.Entry<String, Tensor>> ordered(Path path, Map<String, Tensor> tensors) {
        tensors.forEach((name, tensor) -> {
            if (tensor.dtype().isBlocked()) {
                throw new IllegalArgumentException(path + ": tensor " + Quoted.name(name) + " is " + tensor
                        + ", which safetensors cannot hold; convert it to F32, BF16 or F16, or write GGUF");
            }
        });
        List<Map.Entry<String, Tensor>> ordered = new ArrayList<>(tensors.entrySet());
        ordered.sort(Comparator.<Map.Entry<String, Tensor>>comparingInt(entry -> -entry.getValue().dtype().bytes())
                .thenComparing(entry -> entry.getKey().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned));
        return ordered;
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
            MappedFile.reverseElements(copy, tensor.dtype().bytes());
            AtomicFiles.writeAll(channel, copy);
        }
    }
}
