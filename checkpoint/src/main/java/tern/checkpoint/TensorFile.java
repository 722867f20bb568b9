package tern.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

import tern.tensor.Tensor;

/**
 * Named tensors and metadata in one or several files, whatever their format: what naming tables and {@code inspect} see.
 * Opening reads and checks the description only; the data is mapped and comes in when it is touched. Safe for use by several
 * threads; {@link #close} makes every tensor, and every list of metadata, that came from it unusable.
 */
public interface TensorFile extends AutoCloseable {
    /** What was opened. */
    Path path();

    /** The format and its version, for people. */
    String format();

    /** What the file carries beside its tensors, in the order of the file. */
    Map<String, Metadatum> metadata();

    /** All tensors in the order of the file; where it lists names apart from data, in the order of the data. */
    List<StoredTensor> tensors();

    /** One tensor's description. */
    Optional<StoredTensor> find(String name);

    /**
     * One tensor: a read-only view of the mapped file, row-major, at whatever alignment it has there; a copy only if the file
     * stores it in another order of bytes or elements.
     *
     * @throws MalformedFileException if there is none of this name, or if it is stored in a type or size that cannot be
     *             read
     */
    Tensor tensor(String name) throws MalformedFileException;

    @Override
    void close();

    /** Those entries of the metadata that are text. */
    default Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        metadata().forEach((key, value) -> {
            if (value instanceof Metadatum.Text(String text)) {
                texts.put(key, text);
            }
        });
        return Collections.unmodifiableMap(texts);
    }

    /** One entry of the metadata that is text, if it is there. */
    default Optional<String> text(String key) {
        return metadata().get(key) instanceof Metadatum.Text(String text) ? Optional.of(text) : Optional.empty();
    }

    /** One entry of the metadata that is a whole number, if it is there. */
    default OptionalLong whole(String key) {
        return metadata().get(key) instanceof Metadatum.Whole(Metadatum.Width _, long value) ? OptionalLong.of(value)
                : OptionalLong.empty();
    }

    /**
     * Opens a file of any format that is known, told by its first bytes; the index of a sharded safetensors model; or a
     * folder that holds {@code model.safetensors}, {@code model.safetensors.index.json} or {@code pytorch_model.bin}.
     *
     * @throws MalformedFileException if a file is not what it should be
     * @throws IOException if it cannot be read
     */
    static TensorFile open(Path path) throws IOException {
        return FileFormat.open(path);
    }
}
