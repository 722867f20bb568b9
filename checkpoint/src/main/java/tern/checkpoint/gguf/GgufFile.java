package tern.checkpoint.gguf;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.StorageType;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.checkpoint.mapped.ByteCursor;
import tern.checkpoint.mapped.MappedFile;
import tern.checkpoint.mapped.MappedTensors;
import tern.checkpoint.mapped.Quoted;
import tern.checkpoint.mapped.TensorTable;

/**
 * One GGUF file, version 2 or 3. Opening maps it and checks all of its description; tensors must follow one another without
 * gaps, as ggml writes them and demands them.
 */
public final class GgufFile {
    /** The first four bytes as a little-endian number: "GGUF". */
    public static final int MAGIC = 0x46554747;

    /** Where tensors begin if the file does not say: at multiples of so many bytes. */
    static final int DEFAULT_ALIGNMENT = 32;
    static final String ALIGNMENT_KEY = "general.alignment";
    /** ggml keeps names in fields of 64 bytes. */
    static final int LONGEST_NAME = 63;
    static final int HIGHEST_RANK = 4;

    private static final String KIND = "a GGUF file";
    private static final long LEAST_TENSOR_BYTES = 8 + 1 + 4 + 4 + 8;
    private static final long MOST_TENSORS = 1 << 18;
    private static final long MOST_ENTRIES = 1 << 16;
    private static final String PARTS_KEY = "split.count";

    private GgufFile() {
    }

    /**
     * Opens a file.
     *
     * @throws MalformedFileException if it is not a valid GGUF file; the message names the file, the byte, what was expected
     *             and what was found
     * @throws IOException if it cannot be read
     */
    public static TensorFile open(Path path) throws IOException {
        return MappedFile.open(path, KIND).opened(GgufFile::read);
    }

    private static MappedTensors read(MappedFile file) throws MalformedFileException {
        ByteCursor cursor = ByteCursor.over(file);
        int magic = cursor.i32("the magic number");
        if (magic != MAGIC) {
            throw cursor.complaintAt(0, "the magic number is " + Integer.toHexString(magic) + ", expected "
                    + Integer.toHexString(MAGIC) + "; this is not a GGUF file");
        }
        int version = cursor.i32("the version");
        if (version != 2 && version != 3) {
            throw cursor.complaintAt(4, "the version is " + Integer.toUnsignedString(version) + ", expected 2 or 3"
                    + ((version & 0xFFFF) == 0 ? "; the file is big-endian, convert it to little-endian"
                            : "; convert the file with llama.cpp of today"));
        }
        long tensorCount = cursor.count("the number of tensors", LEAST_TENSOR_BYTES);
        long entryCount = cursor.count("the number of metadata entries", GgufMetadata.leastBytes());
        if (entryCount > MOST_ENTRIES || tensorCount > MOST_TENSORS) {
            throw cursor.complaintAt(8,
                    tensorCount + " tensors and " + entryCount + " metadata entries, expected at most "
                            + MOST_TENSORS + " and " + MOST_ENTRIES);
        }
        Map<String, Metadatum> metadata = GgufMetadata.read(cursor, entryCount);
        checkWhole(file, metadata);
        long alignment = alignment(file, metadata);
        List<Described> described = new ArrayList<>();
        for (long i = 0; i < tensorCount; i++) {
            described.add(described(cursor, i));
        }
        return new MappedTensors(file, "GGUF, version " + version, metadata,
                placed(file, cursor, described, alignment));
    }

    private static void checkWhole(MappedFile file, Map<String, Metadatum> metadata) throws MalformedFileException {
        if (metadata.get(PARTS_KEY) instanceof Metadatum.Whole(Metadatum.Width _, long parts) && parts > 1) {
            throw new MalformedFileException(file.path() + ": is one of " + parts
                    + " parts of a model; join them with llama.cpp's gguf-split --merge");
        }
    }

    private static long alignment(MappedFile file, Map<String, Metadatum> metadata) throws MalformedFileException {
        Metadatum value = metadata.get(ALIGNMENT_KEY);
        if (value == null) {
            return DEFAULT_ALIGNMENT;
        }
        return alignment(value).orElseThrow(() -> new MalformedFileException(file.path() + ": " + ALIGNMENT_KEY + " is "
                + value.summary() + ", expected a power of two of type u32"));
    }

    /** The alignment that an entry of metadata says, if it can be one. */
    static Optional<Long> alignment(Metadatum value) {
        return value instanceof Metadatum.Whole(Metadatum.Width width, long alignment) && width == Metadatum.Width.U32
                && Long.bitCount(alignment) == 1 ? Optional.of(alignment) : Optional.empty();
    }

    /** A tensor as listed; {@code place} is counted from the beginning of the data, {@code at} is where that is said. */
    private record Described(String name, StorageType type, List<Long> shape, long bytes, long place, long at) {
    }

    private static Described described(ByteCursor cursor, long index) throws MalformedFileException {
        String what = "tensor " + index;
        long at = cursor.at();
        long length = cursor.size("the length of the name of " + what);
        if (length == 0 || length > LONGEST_NAME) {
            throw cursor.complaintAt(at, "the name of " + what + " has " + Long.toUnsignedString(length)
                    + " bytes, expected 1 to " + LONGEST_NAME);
        }
        String name = cursor.text(length, "the name of " + what);
        what = "tensor " + Quoted.name(name);
        long rank = cursor.u32("the rank of " + what);
        if (rank > HIGHEST_RANK) {
            throw cursor.complaintAt(cursor.at() - 4, what + " has " + rank + " dimensions, expected at most "
                    + HIGHEST_RANK);
        }
        List<Long> shape = new ArrayList<>();
        for (long axis = 0; axis < rank; axis++) {
            shape.addFirst(cursor.size("dimension " + axis + " of " + what));
        }
        long code = cursor.u32("the type of " + what);
        long typeAt = cursor.at() - 4;
        String told = what;
        StorageType type = GgufType.of(code).orElseThrow(() -> cursor.complaintAt(typeAt, told + " has type " + code
                + ", which is none of ggml's that Tern knows; it may be removed, or newer")).storage();
        long bytes = cursor.tensorBytes(typeAt, what, type, shape);
        long placeAt = cursor.at();
        return new Described(name, type, shape, bytes, cursor.size("the offset of " + what), placeAt);
    }

    private static TensorTable placed(MappedFile file, ByteCursor cursor, List<Described> described, long alignment)
            throws MalformedFileException {
        long begin = described.isEmpty() ? cursor.at() : padded(cursor.at(), alignment);
        TensorTable table = new TensorTable(file.path());
        long expected = 0;
        long end = 0;
        for (Described tensor : described) {
            String what = "tensor " + Quoted.name(tensor.name);
            if (tensor.place != expected) {
                throw cursor.complaintAt(tensor.at, what + " begins at data byte " + tensor.place + ", expected "
                        + expected + ", where the tensor before it ends");
            }
            long left = file.size() - begin;
            if (tensor.place > left || tensor.bytes > left - tensor.place) {
                throw cursor.complaintAt(tensor.at, what + " " + tensor.type + tensor.shape + " takes " + tensor.bytes
                        + " bytes from data byte " + tensor.place + ", but the file holds only " + Math.max(0, left)
                        + " bytes of data; it is truncated, get it again");
            }
            boolean fresh = table.add(new StoredTensor(tensor.name, tensor.type, tensor.shape, begin + tensor.place,
                    tensor.bytes));
            if (!fresh) {
                throw cursor.complaintAt(tensor.at, what + " occurs twice, expected once");
            }
            end = tensor.place + tensor.bytes;
            expected = padded(end, alignment);
        }
        // the bytes that fill the last tensor up to the alignment may be missing, as in files that ggml itself accepts
        if (file.size() != begin + end && file.size() != begin + expected && !(described.isEmpty()
                && file.size() == padded(begin, alignment))) {
            throw new MalformedFileException(file.path() + ": the file has " + file.size() + " bytes, expected "
                    + (begin + expected) + ", where the last tensor ends; it is damaged");
        }
        return table;
    }

    /** The next multiple of the alignment; a number that would overflow is beyond any file, and stays so. */
    static long padded(long at, long alignment) {
        long padded = at + alignment - 1 & -alignment;
        return padded < at ? Long.MAX_VALUE : padded;
    }
}
