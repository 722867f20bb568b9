package tern.checkpoint.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

import tern.checkpoint.AtomicFiles;
import tern.checkpoint.Metadatum;
import tern.checkpoint.StorageType;
import tern.checkpoint.mapped.MappedFile;
import tern.checkpoint.mapped.Narrowed;
import tern.checkpoint.mapped.Quoted;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Writes a GGUF file of version 3, as ggml and llama.cpp read it: atomically (see {@link AtomicFiles}), the same bytes for
 * the same arguments. Tensors are converted piece by piece on the way, so a model need not fit into memory twice.
 */
public final class GgufWriter {
    private static final int VERSION = 3;
    private static final int CONVERTED_AT_ONCE = 1 << 20;
    private static final int CONVERTED_TOGETHER = 1 << 14;
    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private GgufWriter() {
    }

    /**
     * A tensor to be written.
     *
     * @param name at most 63 bytes of UTF-8, the most that ggml takes
     * @param tensor of rank 4 at most
     * @param dtype how to store it; where that is not the tensor's own type, both must be real numbers
     */
    public record Entry(String name, Tensor tensor, DType dtype) {
        /** A tensor stored as it is. */
        public static Entry asIs(String name, Tensor tensor) {
            return new Entry(name, tensor, tensor.dtype());
        }

        /** Checks that GGUF can hold it. */
        public Entry {
            int bytes = name.getBytes(StandardCharsets.UTF_8).length;
            if (bytes == 0 || bytes > GgufFile.LONGEST_NAME) {
                throw new IllegalArgumentException("tensor " + Quoted.name(name) + ": the name has " + bytes
                        + " bytes, GGUF takes 1 to " + GgufFile.LONGEST_NAME);
            }
            if (tensor.shape().rank() > GgufFile.HIGHEST_RANK) {
                throw new IllegalArgumentException("tensor " + Quoted.name(name) + ": " + tensor + " has "
                        + tensor.shape().rank() + " axes, GGUF takes at most " + GgufFile.HIGHEST_RANK);
            }
            if (GgufType.of(StorageType.of(dtype)).isEmpty()) {
                throw new IllegalArgumentException("tensor " + Quoted.name(name) + ": GGUF has no type " + dtype);
            }
            if (dtype != tensor.dtype() && !(isReal(dtype) && isReal(tensor.dtype()))) {
                throw new IllegalArgumentException("tensor " + Quoted.name(name) + ": " + tensor
                        + " cannot be stored as " + dtype + "; store it as it is");
            }
            if (tensor.shape().last() % dtype.blockLength() != 0) {
                throw new IllegalArgumentException("tensor " + Quoted.name(name) + ": rows of " + tensor.shape()
                        + " are not whole blocks of " + dtype.blockLength() + ", which " + dtype
                        + " needs; store it as F32 or F16");
            }
        }

        private static boolean isReal(DType dtype) {
            return switch (dtype) {
                case F64, F32, BF16, F16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K -> true;
                case I64, I32, I16, I8, U8, BOOL -> false;
            };
        }

        private long bytes() {
            return dtype.bytes(tensor.elements());
        }
    }

    /**
     * Writes a file.
     *
     * @param metadata in this order; {@code general.alignment}, if it is there, is kept to
     * @param tensors in this order
     * @throws IllegalArgumentException if a name occurs twice, a key is empty, the alignment is not a power of two of type
     *             u32, or a value does not fit into the type it is to be stored in; the message names the tensor or key
     * @throws IOException if writing fails; a file that was there before is then unchanged
     */
    public static void write(Path path, Map<String, Metadatum> metadata, List<Entry> tensors) throws IOException {
        long alignment = alignment(path, metadata);
        byte[] header = header(path, metadata, tensors, alignment);
        AtomicFiles.write(path, channel -> {
            AtomicFiles.writeAll(channel, ByteBuffer.wrap(header));
            for (Entry entry : tensors) {
                writeTensor(path, channel, entry);
                pad(channel, alignment);
            }
        });
    }

    private static long alignment(Path path, Map<String, Metadatum> metadata) {
        Metadatum value = metadata.get(GgufFile.ALIGNMENT_KEY);
        if (value == null) {
            return GgufFile.DEFAULT_ALIGNMENT;
        }
        return GgufFile.alignment(value).orElseThrow(() -> new IllegalArgumentException(path + ": "
                + GgufFile.ALIGNMENT_KEY + " is " + value.summary() + ", expected a power of two of type u32"));
    }

    private static byte[] header(Path path, Map<String, Metadatum> metadata, List<Entry> tensors, long alignment) {
        LittleEndianBytes bytes = new LittleEndianBytes();
        bytes.i32(GgufFile.MAGIC).i32(VERSION).i64(tensors.size()).i64(metadata.size());
        metadata.forEach((key, value) -> {
            if (key.isEmpty()) {
                throw new IllegalArgumentException(path + ": a metadata key is empty, expected a name");
            }
            bytes.text(key);
            putTyped(bytes, value);
        });
        Set<String> names = new HashSet<>();
        long offset = 0;
        for (Entry entry : tensors) {
            if (!names.add(entry.name)) {
                throw new IllegalArgumentException(path + ": tensor " + Quoted.name(entry.name)
                        + " is given twice, expected once");
            }
            int[] lengths = entry.tensor.shape().toArray();
            bytes.text(entry.name).i32(lengths.length);
            for (int axis = lengths.length - 1; axis >= 0; axis--) {
                bytes.i64(lengths[axis]);
            }
            Optional<GgufType> type = GgufType.of(StorageType.of(entry.dtype));
            bytes.i32(type.orElseThrow().code()).i64(offset);
            offset = GgufFile.padded(offset + entry.bytes(), alignment);
        }
        if (!tensors.isEmpty()) {
            bytes.pad(alignment);
        }
        return bytes.toArray();
    }

    private static void putTyped(LittleEndianBytes bytes, Metadatum value) {
        switch (value) {
            case Metadatum.Text(String text) -> bytes.i32(GgufValueType.STRING.code()).text(text);
            case Metadatum.Whole(Metadatum.Width width, long whole) -> {
                bytes.i32(GgufValueType.of(width).code());
                putWhole(bytes, width, whole);
            }
            case Metadatum.Real(Metadatum.Precision precision, double real) -> {
                bytes.i32(GgufValueType.of(precision).code());
                putReal(bytes, precision, real);
            }
            case Metadatum.Flag(boolean flag) -> bytes.i32(GgufValueType.BOOL.code()).i8(flag ? 1 : 0);
            case Metadatum.Texts(List<String> texts) -> {
                putArray(bytes, GgufValueType.STRING, texts.size());
                texts.forEach(bytes::text);
            }
            case Metadatum.Wholes(Metadatum.Width width, List<Long> wholes) -> {
                putArray(bytes, GgufValueType.of(width), wholes.size());
                wholes.forEach(whole -> putWhole(bytes, width, whole));
            }
            case Metadatum.Reals(Metadatum.Precision precision, List<Double> reals) -> {
                putArray(bytes, GgufValueType.of(precision), reals.size());
                reals.forEach(real -> putReal(bytes, precision, real));
            }
            case Metadatum.Flags(List<Boolean> flags) -> {
                putArray(bytes, GgufValueType.BOOL, flags.size());
                flags.forEach(flag -> bytes.i8(flag ? 1 : 0));
            }
        }
    }

    private static void putArray(LittleEndianBytes bytes, GgufValueType type, long count) {
        bytes.i32(GgufValueType.ARRAY.code()).i32(type.code()).i64(count);
    }

    private static void putWhole(LittleEndianBytes bytes, Metadatum.Width width, long value) {
        switch (width) {
            case U8, I8 -> bytes.i8((int) value);
            case U16, I16 -> bytes.i16((int) value);
            case U32, I32 -> bytes.i32((int) value);
            case U64, I64 -> bytes.i64(value);
        }
    }

    private static void putReal(LittleEndianBytes bytes, Metadatum.Precision precision, double value) {
        switch (precision) {
            case F32 -> bytes.i32(Float.floatToRawIntBits((float) value));
            case F64 -> bytes.i64(Double.doubleToRawLongBits(value));
        }
    }

    private static void writeTensor(Path path, FileChannel channel, Entry entry) throws IOException {
        Tensor tensor = entry.tensor;
        if (entry.dtype == tensor.dtype() && (LITTLE_ENDIAN || entry.dtype.isBlocked())) {
            AtomicFiles.writeAll(channel, tensor.data());
            return;
        }
        try (Arena arena = Arena.ofShared()) {
            int most = (int) Math.min(CONVERTED_AT_ONCE, tensor.elements());
            Tensor scratch = Tensor.over(entry.dtype, Shape.of(most), arena.allocate(entry.dtype.bytes(most), 64));
            for (long at = 0; at < tensor.elements(); at += most) {
                int count = (int) Math.min(most, tensor.elements() - at);
                Tensor part = scratch.slice(0, count);
                convert(path, entry, at, part);
                if (!LITTLE_ENDIAN && !entry.dtype.isBlocked()) {
                    MappedFile.reverseElements(part.data(), entry.dtype.bytes());
                }
                AtomicFiles.writeAll(channel, part.data());
            }
        }
    }

    /** Pieces of a fixed size, each by whichever core is free: the same values go the same way on every machine. */
    private static void convert(Path path, Entry entry, long at, Tensor into) {
        int count = (int) into.elements();
        if (entry.dtype == entry.tensor.dtype()) {
            MemorySegment.copy(entry.tensor.data(), entry.dtype.bytes(at), into.data(), 0, into.bytes());
            return;
        }
        try {
            IntStream.range(0, (count + CONVERTED_TOGETHER - 1) / CONVERTED_TOGETHER).parallel().forEach(piece -> {
                int from = piece * CONVERTED_TOGETHER;
                float[] values = new float[Math.min(CONVERTED_TOGETHER, count - from)];
                entry.tensor.read(at + from, values, 0, values.length);
                Tensor part = Tensor.over(DType.F32, Shape.of(values.length), MemorySegment.ofArray(values));
                Narrowed.require(part, 0, into.slice(from, from + values.length).copyFrom(part));
            });
        } catch (IllegalArgumentException unfit) {
            Throwable first = unfit;
            // what another thread threw may come wrapped in one of the same kind
            while (first.getCause() instanceof IllegalArgumentException cause) {
                first = cause;
            }
            throw new IllegalArgumentException(path + ": tensor " + Quoted.name(entry.name) + ": "
                    + first.getMessage(), unfit);
        }
    }

    private static void pad(FileChannel channel, long alignment) throws IOException {
        long missing = GgufFile.padded(channel.position(), alignment) - channel.position();
        AtomicFiles.writeAll(channel, ByteBuffer.allocate((int) missing));
    }
}
