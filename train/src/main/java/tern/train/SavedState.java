package tern.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import tern.checkpoint.Safetensors;
import tern.tensor.Tensor;

/** Parameters and moments on disk: all of a training that is not a number or two. */
final class SavedState {
    private SavedState() {
    }

    /** Writes the tensors and what is to be known besides, atomically. */
    static void write(Path file, Trainer trainer, Map<String, String> metadata) throws IOException {
        Safetensors.write(file, tensors(trainer), metadata);
    }

    private static Map<String, Tensor> tensors(Trainer trainer) {
        Map<String, Tensor> tensors = new LinkedHashMap<>(trainer.model().parameters().tensors());
        tensors.putAll(trainer.optimiser().moments());
        return tensors;
    }

    /**
     * Copies the tensors into a trainer and gives back what was kept besides.
     *
     * @throws IllegalArgumentException if the file was written by another architecture
     */
    static Map<String, String> read(Path file, Trainer trainer) throws IOException {
        try (Safetensors stored = Safetensors.open(file)) {
            List<String> unknown = new ArrayList<>();
            stored.tensors().forEach(tensor -> unknown.add(tensor.name()));
            for (Map.Entry<String, Tensor> entry : tensors(trainer).entrySet()) {
                unknown.remove(entry.getKey());
                Tensor found = stored.tensor(entry.getKey());
                if (!found.shape().equals(entry.getValue().shape())) {
                    throw new IllegalArgumentException(file + ": " + entry.getKey() + " is " + found.shape()
                            + " but the architecture now has " + entry.getValue().shape()
                            + "; go on with the settings that the run was begun with");
                }
                entry.getValue().copyFrom(found);
            }
            if (!unknown.isEmpty()) {
                throw new IllegalArgumentException(file + ": holds " + unknown.getFirst()
                        + ", which the architecture now has not; go on with the settings that the run was begun with");
            }
            return stored.texts();
        }
    }
}
