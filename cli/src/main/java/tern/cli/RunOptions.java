package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import tern.checkpoint.Placement;
import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.kernels.KernelSet;

/** What every command that runs a model takes: the model and the number of threads. */
final class RunOptions {
    private static final long WORTH_COPYING = 64L << 20;

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec;

    @Parameters(index = "0", paramLabel = "MODEL", description = "A model's folder, or a file that was published: safetensors, .pth, GGUF, rwkv.cpp's .bin.")
    Path model;

    @Mixin
    ThreadOptions threads;

    @Option(names = "--huge-pages", defaultValue = "no", description = "Copy matrices into memory advised for pages of 2 MiB: yes, no (they are mapped and shared), or auto, which copies what is large and fits (${DEFAULT-VALUE}).")
    String hugePages;

    @Option(names = "--activations", defaultValue = "f32", description = "What meets weights stored in blocks: f32, activations as they are, or q8, rounded to eight bits as ggml rounds them, for logits as llama.cpp and rwkv.cpp have them (${DEFAULT-VALUE}).")
    String activations;

    /** An engine as asked for. */
    Engine engine() {
        return new Engine(threads.count(), kernels(activations));
    }

    /** The kernels for activations as asked for. */
    static KernelSet kernels(String activations) {
        return switch (activations) {
            case "f32" -> KernelSet.fastest();
            case "q8" -> KernelSet.fastest().withRoundedActivations();
            default -> throw new UserError("--activations is \"" + activations + "\", expected f32 or q8");
        };
    }

    /** Where matrices go; says so where it was left to the program and it decides to copy. */
    private Placement placement() throws IOException {
        return switch (hugePages) {
            case "no" -> Placement.MAPPED;
            case "yes" -> Placement.COPIED;
            case "auto" -> {
                Path file = Files.isDirectory(model) ? model.resolve("model.safetensors") : model;
                long bytes = Files.exists(file) ? Files.size(file) : 0;
                boolean pays = Machine.hugePages().filter(state -> !state.equals("never")).isPresent()
                        && bytes > WORTH_COPYING && bytes < Machine.usableMemory() / 2;
                if (pays) {
                    spec.commandLine().getErr().printf(
                            "matrices are copied onto huge pages (%,d MiB); --huge-pages no maps them%n",
                            bytes >> 20);
                }
                yield pays ? Placement.COPIED : Placement.MAPPED;
            }
            default -> throw new UserError("--huge-pages is \"" + hugePages + "\", expected auto, yes or no");
        };
    }

    /**
     * Refuses what cannot end well: states that grow beyond the machine's memory.
     *
     * @param positions that a sequence will have
     */
    static void requireMemory(LanguageModel model, long positions) {
        long needed = Math.multiplyHigh(4L, model.network().stateFloats(positions)) != 0 ? Long.MAX_VALUE
                : 4 * model.network().stateFloats(positions);
        long available = Machine.availableMemory().orElse(Machine.usableMemory());
        if (needed > available) {
            throw new UserError(
                    "the state of a sequence of %,d positions takes %,d MiB of memory, %,d MiB are available; read a shorter text or ask for fewer tokens"
                            .formatted(positions, needed >> 20, available >> 20));
        }
    }

    /** The model, on an engine. */
    LanguageModel open(Engine engine) throws IOException {
        return LanguageModel.open(model, engine, placement());
    }
}
