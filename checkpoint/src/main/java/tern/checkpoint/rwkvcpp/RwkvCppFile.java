package tern.checkpoint.rwkvcpp;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
 * One file of rwkv.cpp ({@code .bin}), version 100 or 101. Opening maps it and walks over all descriptions. Some tensors are
 * stored otherwise than their authors released them; that is for a naming table to undo.
 *
 * <p>Source: rwkv.cpp, {@code docs/FILE_FORMAT.md} and {@code rwkv_file_format.inc}.
 */
public final class RwkvCppFile {
    /** The first four bytes as a little-endian number. */
    public static final int MAGIC = 0x67676d66;
    /** Metadata: the number of tokens. */
    public static final String VOCABULARY = "vocabulary";
    /** Metadata: the width. */
    public static final String WIDTH = "width";
    /** Metadata: the number of layers. */
    public static final String LAYERS = "layers";
    /** Metadata: the type of most matrices. */
    public static final String TYPE = "type";

    private static final String KIND = "an rwkv.cpp file";
    private static final int FIRST_VERSION = 100;
    private static final int QUANTISED_VERSION = 101;
    private static final int HIGHEST_RANK = 3;
    private static final int LONGEST_NAME = 1024;
    private static final Pattern LAYER = Pattern.compile("blocks\\.([0-9]{1,9})\\..*");

    private RwkvCppFile() {
    }

    /**
     * Opens a file.
     *
     * @throws MalformedFileException if it is not a valid file of rwkv.cpp; the message names the file, the byte, what was
     *             expected and what was found
     * @throws IOException if it cannot be read
     */
    public static TensorFile open(Path path) throws IOException {
        return MappedFile.open(path, KIND).opened(RwkvCppFile::read);
    }

    private static MappedTensors read(MappedFile file) throws MalformedFileException {
        ByteCursor cursor = ByteCursor.over(file);
        int magic = cursor.i32("the magic number");
        if (magic != MAGIC) {
            throw cursor.complaintAt(0, "the magic number is " + Integer.toHexString(magic) + ", expected "
                    + Integer.toHexString(MAGIC) + "; this is not a file of rwkv.cpp");
        }
        int version = cursor.i32("the version");
        if (version != FIRST_VERSION && version != QUANTISED_VERSION) {
            throw cursor.complaintAt(4, "the version is " + version + ", expected " + FIRST_VERSION + " or "
                    + QUANTISED_VERSION + "; convert the model with rwkv.cpp of today");
        }
        int vocabulary = positive(cursor, "the size of the vocabulary");
        int width = positive(cursor, "the width");
        int layers = positive(cursor, "the number of layers");
        StorageType type = type(cursor, "the model", version);
        TensorTable tensors = new TensorTable(file.path());
        while (cursor.remaining() > 0) {
            long at = cursor.at();
            StoredTensor tensor = tensor(cursor, version);
            if (!tensors.add(tensor)) {
                throw cursor.complaintAt(at, "tensor " + Quoted.name(tensor.name()) + " occurs twice, expected once");
            }
        }
        checkHeader(file.path(), tensors, vocabulary, width, layers);
        Map<String, Metadatum> metadata = new LinkedHashMap<>();
        metadata.put(VOCABULARY, new Metadatum.Whole(Metadatum.Width.I32, vocabulary));
        metadata.put(WIDTH, new Metadatum.Whole(Metadatum.Width.I32, width));
        metadata.put(LAYERS, new Metadatum.Whole(Metadatum.Width.I32, layers));
        metadata.put(TYPE, new Metadatum.Text(type.name()));
        return new MappedTensors(file, "rwkv.cpp, version " + version, metadata, tensors);
    }

    private static int positive(ByteCursor cursor, String what) throws MalformedFileException {
        int value = cursor.i32(what);
        if (value <= 0) {
            throw cursor.complaintAt(cursor.at() - 4, what + " is " + value + ", expected 1 or more");
        }
        return value;
    }

    /** The numbers of rwkv.cpp, which are not those of ggml. */
    private static StorageType type(ByteCursor cursor, String what, int version) throws MalformedFileException {
        int code = cursor.i32("the type of " + what);
        StorageType type = switch (code) {
            case 0 -> StorageType.F32;
            case 1 -> StorageType.F16;
            case 2 -> StorageType.Q4_0;
            case 3 -> StorageType.Q4_1;
            case 7 -> StorageType.Q5_0;
            case 8 -> StorageType.Q5_1;
            case 9 -> StorageType.Q8_0;
            case 10 -> StorageType.Q8_1;
            case 11 -> StorageType.Q2_K;
            case 12 -> StorageType.Q3_K;
            case 13 -> StorageType.Q4_K;
            case 14 -> StorageType.Q5_K;
            case 15 -> StorageType.Q6_K;
            case 16 -> StorageType.Q8_K;
            default -> throw cursor.complaintAt(cursor.at() - 4, what + " has type " + code
                    + ", expected 0 to 3 or 7 to 16" + (code >= 4 && code <= 6
                            ? "; this one was removed, convert the model again" : ""));
        };
        if (type.isBlockedByGgml() && version < QUANTISED_VERSION) {
            throw cursor.complaintAt(cursor.at() - 4, what + " has type " + type + " in a file of version " + version
                    + ", expected F32 or F16; quantise the model again");
        }
        return type;
    }

    private static StoredTensor tensor(ByteCursor cursor, int version) throws MalformedFileException {
        long at = cursor.at();
        int rank = cursor.i32("the rank of the tensor at byte " + at);
        if (rank < 1 || rank > HIGHEST_RANK) {
            throw cursor.complaintAt(at, "a tensor has " + rank + " dimensions, expected 1 to " + HIGHEST_RANK);
        }
        int nameBytes = cursor.i32("the length of the name of the tensor at byte " + at);
        if (nameBytes < 1 || nameBytes > LONGEST_NAME) {
            throw cursor.complaintAt(at + 4, "the name of a tensor has " + nameBytes + " bytes, expected 1 to "
                    + LONGEST_NAME);
        }
        StorageType type = type(cursor, "the tensor at byte " + at, version);
        List<Long> shape = new ArrayList<>();
        for (int axis = 0; axis < rank; axis++) {
            shape.addFirst((long) positive(cursor, "dimension " + axis + " of the tensor at byte " + at));
        }
        String name = cursor.text(nameBytes, "the name of the tensor at byte " + at);
        long bytes = cursor.tensorBytes(at, "tensor " + Quoted.name(name), type, shape);
        long offset = cursor.at();
        cursor.take(bytes, "tensor " + Quoted.name(name) + " " + type + shape);
        return new StoredTensor(name, type, shape, offset, bytes);
    }

    /** The header says again what the tensors show; where they differ, one of them is damaged. */
    private static void checkHeader(Path path, TensorTable tensors, int vocabulary, int width, int layers)
            throws MalformedFileException {
        Optional<StoredTensor> embedding = tensors.find("emb.weight");
        if (embedding.isPresent() && !embedding.get().shape().equals(List.of((long) vocabulary, (long) width))) {
            throw new MalformedFileException(path + ": the header says a vocabulary of " + vocabulary + " and width "
                    + width + ", but tensor " + embedding.get() + " says otherwise; the file is damaged");
        }
        long highest = -1;
        for (StoredTensor tensor : tensors.all()) {
            Matcher layer = LAYER.matcher(tensor.name());
            if (layer.matches()) {
                highest = Math.max(highest, Long.parseLong(layer.group(1)));
            }
        }
        if (highest >= 0 && highest != layers - 1) {
            throw new MalformedFileException(path + ": the header says " + layers + " layers, but the tensors are of "
                    + (highest + 1) + "; the file is damaged or truncated");
        }
    }
}
