package tern.cli;

import java.io.IOException;
import java.nio.file.Path;

import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import tern.inference.Engine;
import tern.inference.LanguageModel;

/** What every command that runs a model takes: the model and the number of threads. */
final class RunOptions {
    @Parameters(index = "0", paramLabel = "MODEL", description = "A model's folder or its safetensors file.")
    Path model;

    @Option(names = "--threads", defaultValue = "0", description = "Threads; 0 for all cores.")
    int threads;

    /** Number of threads as asked for. */
    int threads() {
        if (threads < 0 || threads > 1024) {
            throw new UserError("--threads is " + threads + ", expected 1 to 1024, or 0 for all cores");
        }
        return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    }

    /** An engine as asked for. */
    Engine engine() {
        return new Engine(threads());
    }

    /** The model, on an engine. */
    LanguageModel open(Engine engine) throws IOException {
        return LanguageModel.open(model, engine);
    }
}
