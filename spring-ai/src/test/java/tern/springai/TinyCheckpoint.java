package tern.springai;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;

import tern.checkpoint.Checkpoint;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/** A small recurrent model over bytes, with random weights. */
public final class TinyCheckpoint {
    private TinyCheckpoint() {
    }

    /** Saves it as a folder of the name "tiny". */
    public static Path in(Path folder) throws IOException {
        Path model = folder.resolve("tiny");
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(Presets.named("rwkv6-micro"), Parameters.Source.initialised(7, DType.F32, memory));
            SplittableRandom random = new SplittableRandom(5);
            // Matrices that begin as zeros would hide what their layer computes.
            stack.parameters().all().forEach(parameter -> {
                for (long i = 0; i < parameter.tensor().elements(); i++) {
                    parameter.tensor().set(i, parameter.tensor().get(i) + 0.05 * random.nextDouble(-1, 1));
                }
            });
            Checkpoint.save(model, stack, ByteTokenizer.ALL.descriptor(), Map.of());
        }
        return model;
    }
}
