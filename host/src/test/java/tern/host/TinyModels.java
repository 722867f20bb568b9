package tern.host;

import java.util.ArrayList;
import java.util.List;

import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/** Small models with random weights, for tests. */
public final class TinyModels implements AutoCloseable {
    private final Memory memory = new Memory();
    private final Engine engine = Engine.steady(2);
    private final List<LanguageModel> models = new ArrayList<>();

    /** A model of this preset over bytes. */
    public LanguageModel preset(String name) {
        return of(name, Presets.named(name));
    }

    /** A model of this architecture over bytes. */
    public LanguageModel of(String name, StackConfig config) {
        Stack stack = new Stack(config, Parameters.Source.initialised(7, DType.F32, memory));
        java.util.SplittableRandom random = new java.util.SplittableRandom(5);
        // Matrices that begin as zeros would hide what their layer computes.
        stack.parameters().all().forEach(parameter -> {
            for (long i = 0; i < parameter.tensor().elements(); i++) {
                parameter.tensor().set(i, parameter.tensor().get(i) + 0.05 * random.nextDouble(-1, 1));
            }
        });
        LanguageModel model = new LanguageModel(stack, ByteTokenizer.ALL, "0123456789abcdef-" + name, engine);
        models.add(model);
        return model;
    }

    @Override
    public void close() {
        models.forEach(LanguageModel::close);
        engine.close();
        memory.close();
    }
}
