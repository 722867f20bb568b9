package tern.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.tensor.Tensor;

/**
 * Named tensors and text in one or several files, whatever their format. Opening reads and checks the description only;
 * the data is mapped and comes in when it is touched. Safe for use by several threads; {@link #close} makes every tensor
 * that came from it unusable.
 */
public interface TensorFile extends AutoCloseable {
    /** What was opened. */
    Path path();

    /** Text that the file carries beside its tensors. */
    Map<String, String> metadata();

    /** All tensors in the order of their data. */
    List<StoredTensor> tensors();

    /** One tensor's description. */
    Optional<StoredTensor> find(String name);

    /**
     * One tensor: a read-only view of the mapped file where data is aligned and the machine little-endian, else a copy.
     *
     * @throws MalformedFileException if there is none of this name, or if it is stored in a type or size that cannot be
     *             read
     */
    Tensor tensor(String name) throws MalformedFileException;

    @Override
    void close();

    /**
     * Opens a safetensors file, the index of a sharded one, or a folder that holds {@code model.safetensors} or
     * {@code model.safetensors.index.json}.
     *
     * @throws MalformedFileException if a file is not what it should be
     * @throws IOException if it cannot be read
     */
    static TensorFile open(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            Path whole = path.resolve(Safetensors.MODEL_FILE);
            Path index = path.resolve(SafetensorsShards.INDEX_FILE);
            if (!Files.exists(whole) && !Files.exists(index)) {
                throw new IOException(path + ": the folder holds neither " + whole.getFileName() + " nor "
                        + index.getFileName() + "; give the folder of a model, or a safetensors file");
            }
            return Files.exists(whole) ? Safetensors.open(whole) : SafetensorsShards.open(index);
        }
        return path.toString().endsWith(".json") ? SafetensorsShards.open(path) : Safetensors.open(path);
    }
}
