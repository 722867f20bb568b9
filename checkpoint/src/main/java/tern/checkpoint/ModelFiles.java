package tern.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Files that lie beside a model because its description names them, such as its tokenizer. Stateless. */
public final class ModelFiles {
    private static final String FILE_ENDING = ".safetensors";

    private ModelFiles() {
    }

    /**
     * Writes files beside a model, each atomically; those that are there already with the same content stay. Call this
     * before the model is saved, so that no description names a file that is missing.
     *
     * @param model its folder, created if it is not there, or its safetensors file
     * @param files content by plain name
     * @throws IOException if writing fails, or another file of the name is there and belongs to a model that is a file; the
     *             message says what and where
     */
    public static void write(Path model, Map<String, byte[]> files) throws IOException {
        boolean alone = model.toString().endsWith(FILE_ENDING);
        if (!files.isEmpty() && !alone) {
            Files.createDirectories(model);
        }
        for (Map.Entry<String, byte[]> file : new TreeMap<>(files).entrySet()) {
            Path path = alone ? model.resolveSibling(file.getKey()) : model.resolve(file.getKey());
            boolean there = Files.exists(path) && Files.size(path) == file.getValue().length
                    && Arrays.equals(Files.readAllBytes(path), file.getValue());
            if (there) {
                continue;
            }
            if (Files.exists(path) && alone) {
                throw new IOException(
                        path + ": is there already with another content, expected the tokenizer of " + model
                                + "; save the model in a folder of its own");
            }
            AtomicFiles.write(path, channel -> AtomicFiles.writeAll(channel, ByteBuffer.wrap(file.getValue())));
        }
    }
}
