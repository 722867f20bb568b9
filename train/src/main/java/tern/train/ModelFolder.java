package tern.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import tern.checkpoint.Safetensors;
import tern.model.SequenceModel;
import tern.text.Tokenizer;

final class ModelFolder {
    private ModelFolder() {
    }

    static void write(Path folder, SequenceModel model, Tokenizer tokenizer, long step) throws IOException {
        Files.createDirectories(folder);
        Safetensors.write(folder.resolve(Safetensors.MODEL_FILE), model.parameters().tensors(),
                Map.of("tern.step", Long.toString(step)));
    }
}
