package tern.cli.load;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;

import tern.checkpoint.Checkpoint;
import tern.cli.compare.EqualParameters;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/** Models with random weights over printable characters, so that each token is one character and one event of a stream. */
final class RandomModels {
    private static final int FIRST = ' ';
    private static final int LAST = '~';
    private static final double SPREAD = 0.02;

    private RandomModels() {
    }

    /** A preset's architecture over this vocabulary. */
    static StackConfig config(String preset) {
        StackConfig config = Presets.named(preset);
        return new StackConfig(LAST - FIRST + 1, config.width(), config.context(), config.norm(), config.epsilon(),
                config.epsilons(), config.embeddingNorm(), config.tiedHead(), config.branches());
    }

    /** Number of its parameters. */
    static long parameters(StackConfig config) {
        return EqualParameters.count(config);
    }

    /** The architecture with as many parameters as asked for, as nearly as its channel mixing allows. */
    static StackConfig fitted(StackConfig config, long parameters) {
        return EqualParameters.fitted(config, parameters);
    }

    /** Writes a model. */
    static void write(StackConfig config, Path file) throws IOException {
        StringBuilder characters = new StringBuilder();
        for (int character = FIRST; character <= LAST; character++) {
            characters.append((char) character);
        }
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(config, Parameters.Source.initialised(1, DType.F32, memory));
            SplittableRandom random = new SplittableRandom(2);
            // Matrices that begin as zeros would make their layers do nothing.
            stack.parameters().all().forEach(parameter -> {
                for (long i = 0; i < parameter.tensor().elements(); i++) {
                    parameter.tensor().set(i, parameter.tensor().get(i) + SPREAD * random.nextDouble(-1, 1));
                }
            });
            Checkpoint.save(file, stack,
                    ByteTokenizer.inOrder(characters.toString().getBytes(StandardCharsets.US_ASCII)).descriptor(),
                    Map.of("made", "random weights, for measuring"));
        }
    }

    /** A text of so many tokens. */
    static String text(SplittableRandom random, int tokens) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < tokens; i++) {
            // Letters and spaces only, so that no JSON needs escaping.
            int letter = random.nextInt(27);
            text.append(letter == 26 ? ' ' : (char) ('a' + letter));
        }
        return text.toString();
    }
}
