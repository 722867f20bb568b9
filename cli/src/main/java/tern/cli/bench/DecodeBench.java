package tern.cli.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.inference.LiveBatch;
import tern.inference.Snapshot;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.model.Parameters;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/**
 * Tokens per second of models of equal size that differ in nothing but their sequence mixer, at a given age of the
 * sequences: what a generated token costs after so many others. Weights are random, which changes neither time nor memory;
 * filters are as long as the context. Each family gets the batch that is best for it.
 */
public final class DecodeBench {
    /** A long convolution does the transform of its history once every so many steps, so whole periods are timed. */
    private static final int PERIOD = 256;
    private static final double WARM_SECONDS = 1;

    private final Setting setting;

    /**
     * What to measure.
     *
     * @param layers sequence mixers, each followed by a gated layer
     * @param width D
     * @param headWidth channels that share a filter in the convolutional families; 1 for Hyena, more for MultiHyena
     * @param order real order of the distilled filters, even
     * @param contexts ages of the sequences
     * @param batches numbers of sequences tried
     * @param seconds least time spent on each case
     * @param threads threads
     * @param memoryBytes no case may hold more state than this
     */
    public record Setting(int layers, int width, int headWidth, int order, List<Integer> contexts,
            List<Integer> batches,
            double seconds, int threads, long memoryBytes) {
    }

    /**
     * One case measured.
     *
     * @param family transformer, hyena (or multihyena) or distilled
     * @param stateBytes of one sequence at this age
     * @param tokensPerSecond of all sequences together
     * @param millisPerStep of one step of the whole batch, the periodic work of the convolution included
     */
    public record Row(String family, int context, int batch, long parameters, long stateBytes, double tokensPerSecond,
            double millisPerStep) {
    }

    /** A measurement with these settings. */
    public DecodeBench(Setting setting) {
        this.setting = setting;
    }

    /** The families compared, in the order of the table. */
    public List<String> families() {
        return List.of("transformer", setting.headWidth == 1 ? "hyena" : "multihyena", "distilled");
    }

    /** Measures every case; each row is given to the sink as soon as it is known. */
    public List<Row> run(Consumer<Row> sink) {
        List<Row> rows = new ArrayList<>();
        for (int context : setting.contexts) {
            for (String family : families()) {
                try (Memory memory = new Memory(); Engine engine = new Engine(setting.threads)) {
                    SequenceModel network = new Stack(config(family, context),
                            Parameters.Source.initialised(1, DType.F32, memory));
                    for (int batch : setting.batches) {
                        if (4 * network.stateFloats(context + 2 * PERIOD) * (batch + 1) > setting.memoryBytes) {
                            break;
                        }
                        try (LanguageModel model = new LanguageModel(network, ByteTokenizer.ALL, family, engine)) {
                            rows.add(measure(model, family, context, batch));
                            sink.accept(rows.getLast());
                        }
                    }
                }
            }
        }
        return rows;
    }

    private StackConfig config(String family, int context) {
        int heads = Math.max(1, setting.width / 64);
        MixerConfig mixer = switch (family) {
            case "transformer" -> AttentionConfig.of(heads);
            case "hyena" -> HyenaConfig.of(2, ImplicitFilterConfig.small());
            case "multihyena" -> MultiHyenaConfig.of(setting.headWidth, ImplicitFilterConfig.small());
            case "distilled" ->
                ModalRecurrenceConfig.of(2, setting.headWidth, 3, List.of(setting.order / 2), List.of(0));
            default -> throw new IllegalArgumentException("bench decode: unknown family \"" + family + "\"");
        };
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < setting.layers; layer++) {
            branches.add(mixer);
            branches.add(GatedMlpConfig.gated((setting.width * 8 / 3 + 15) / 16 * 16, Activation.SILU));
        }
        return StackConfig.of(setting.width, context, branches);
    }

    private Row measure(LanguageModel model, String family, int context, int batch) {
        boolean periodic = family.endsWith("hyena");
        // What grows is kept near the age that it is measured at; what does not may take as many steps as the time allows.
        boolean constant = family.equals("distilled");
        int vocabulary = model.network().config().vocabulary();
        try (LiveBatch sequences = model.batch(batch); Snapshot start = Snapshot.random(model, context, 2)) {
            sequences.reserve(context + 8L * PERIOD);
            for (int i = 0; i < batch; i++) {
                sequences.join(start);
            }
            int[] ids = new int[batch];
            float[] logits = new float[batch * vocabulary];
            // Kernels that are called through a few layers are compiled well only after some hundred steps.
            long started = System.nanoTime();
            for (int i = 0; i < (periodic ? PERIOD : 32)
                    || !periodic && (constant || i < 2 * PERIOD)
                            && (System.nanoTime() - started) * 1e-9 < WARM_SECONDS; i++) {
                advance(sequences, ids, logits, vocabulary);
            }
            long begun = System.nanoTime();
            long steps = 0;
            double elapsed = 0;
            while (elapsed < setting.seconds && (constant || steps < 6L * PERIOD) || periodic && steps % PERIOD != 0
                    || steps < 16) {
                advance(sequences, ids, logits, vocabulary);
                steps++;
                elapsed = (System.nanoTime() - begun) * 1e-9;
            }
            return new Row(family, context, batch, model.network().parameters().count(),
                    4 * model.network().stateFloats(context), steps * batch / elapsed, 1e3 * elapsed / steps);
        }
    }

    /** One step with greedy choice of every next token. */
    private static void advance(LiveBatch sequences, int[] ids, float[] logits, int vocabulary) {
        sequences.step(ids, logits);
        for (int row = 0; row < ids.length; row++) {
            int best = row * vocabulary;
            for (int at = best; at < (row + 1) * vocabulary; at++) {
                best = logits[at] > logits[best] ? at : best;
            }
            ids[row] = best - row * vocabulary;
        }
    }

    /** The fastest row of a family at a context. */
    public static Row best(List<Row> rows, String family, int context) {
        return rows.stream().filter(row -> row.family.equals(family) && row.context == context)
                .max((a, b) -> Double.compare(a.tokensPerSecond, b.tokensPerSecond))
                .orElseThrow(
                        () -> new IllegalArgumentException("bench decode: nothing was measured for " + family + " at "
                                + context + "; the state of one sequence does not fit into the memory allowed"));
    }

    /** A table of the best batches, families side by side, and where the distilled model overtakes. */
    public String table(List<Row> rows) {
        StringBuilder text = new StringBuilder();
        text.append("%-8s".formatted("context"));
        families().forEach(family -> text.append(" | %24s".formatted(family + " tok/s (batch)")));
        text.append(" | x %s | x %s | state bytes: %s%n".formatted(families().get(0), families().get(1), families()));
        for (int context : setting.contexts) {
            text.append("%-8d".formatted(context));
            List<Row> best = families().stream().map(family -> best(rows, family, context)).toList();
            best.forEach(row -> text.append(" | %17.0f (%4d)".formatted(row.tokensPerSecond, row.batch)));
            text.append(" | %.1f | %.1f | %s%n".formatted(best.get(2).tokensPerSecond / best.get(0).tokensPerSecond,
                    best.get(2).tokensPerSecond / best.get(1).tokensPerSecond,
                    Arrays.toString(best.stream().mapToLong(Row::stateBytes).toArray())));
        }
        return text.toString();
    }
}
