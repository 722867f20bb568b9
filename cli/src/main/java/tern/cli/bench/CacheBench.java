package tern.cli.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.inference.LiveSequence;
import tern.inference.Snapshot;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;
import tern.model.GoldCaches;
import tern.model.GoldFinches;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.text.Tokenizer;

/**
 * What GoldFinch's cache costs: bytes of a position in each tier beside those of a Transformer of the same size, by arithmetic;
 * and measured on random weights, memory and time of a step against the context, and time of a prompt's token against its length.
 */
public final class CacheBench {
    private static final int CONTEXT = 4096;
    private static final long WARM_NANOS = 5_000_000_000L;
    private static final int MOST_WARM = 2_000;
    private static final int PREFILL_RUNS = 5;

    private final Setting setting;
    private final SplittableRandom prompts = new SplittableRandom(11);

    /**
     * What to measure.
     *
     * @param sizes shapes whose bytes are counted
     * @param measured the shape that is measured
     * @param contexts positions that a step looks back on
     * @param steps steps timed for each
     * @param prompts lengths of prompts to read
     * @param vocabulary of the measured shape; the head is read once a prompt, however long
     */
    public record Setting(List<GoldFinches.Size> sizes, GoldFinches.Size measured, List<Integer> contexts, int steps,
            List<Integer> prompts, int vocabulary, int threads) {
    }

    /** A result: bytes, a step, or a prompt. */
    public sealed interface Row {
    }

    /**
     * Bytes of a position.
     *
     * @param shape layers and width
     * @param bytesPerToken of the tier, without what does not grow
     * @param transformerBytesPerToken of keys and values in every layer, in the same type without scales
     * @param ratio of the two
     */
    public record Bytes(String what, String shape, String tier, String type, long bytesPerToken,
            long transformerBytesPerToken, double ratio) implements Row {
    }

    /**
     * A step.
     *
     * @param stateBytes of the sequence, what does not grow included
     * @param keptRowsBytes rows by token and by bigram that are kept beside it, whatever the number of sequences
     * @param millis of the median step
     */
    public record Decode(String what, String shape, String tier, String type, int context, long stateBytes,
            long keptRowsBytes, double millis) implements Row {
    }

    /**
     * A prompt.
     *
     * @param microsPerToken of the best run
     * @param relative to the shortest prompt's
     */
    public record Prefill(String what, String shape, String tier, int tokens, double microsPerToken,
            double relative) implements Row {
    }

    /** A measurement with these settings. */
    public CacheBench(Setting setting) {
        this.setting = setting;
    }

    /** Counts and measures; each row is given to the sink as soon as it is known. */
    public void run(Consumer<Row> sink) {
        for (GoldFinches.Size size : setting.sizes) {
            for (CacheTier tier : CacheTier.values()) {
                for (CacheType type : CacheType.values()) {
                    sink.accept(bytes(size, new GoldCache(tier, type)));
                }
            }
        }
        if (setting.contexts.isEmpty() && setting.prompts.isEmpty()) {
            return;
        }
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(measured(GoldFinches.goldFinch(setting.measured, 16)), random(memory));
            for (CacheTier tier : CacheTier.values()) {
                GoldCache cache = new GoldCache(tier, CacheType.F32);
                Stack keeping = stack.with(GoldCaches.with(stack.config(), cache));
                decode(keeping, lower(tier), sink);
                if (tier != CacheTier.KEYS) {
                    prefill(keeping, lower(tier), sink);
                }
            }
        }
        try (Memory memory = new Memory()) {
            decode(new Stack(measured(GoldFinches.llama(setting.measured)), random(memory)), "transformer", sink);
        }
    }

    private StackConfig measured(StackConfig config) {
        return new StackConfig(setting.vocabulary, config.width(), config.context(), config.norm(), config.epsilon(),
                config.epsilons(), config.embeddingNorm(), config.tiedHead(), config.branches());
    }

    /** On an engine of its own, whose kept rows are then this model's. */
    private void withModel(Stack stack, BiConsumer<LanguageModel, Engine> work) {
        try (Engine engine = new Engine(setting.threads);
                LanguageModel model = new LanguageModel(stack, Tokenizer.unknown(stack.config().vocabulary()), "random",
                        engine)) {
            work.accept(model, engine);
        }
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static String shape(GoldFinches.Size size) {
        return size.layers() + "x" + size.width();
    }

    private static Bytes bytes(GoldFinches.Size size, GoldCache cache) {
        StackConfig config = GoldFinches.goldFinch(size, 16);
        long each = GoldCaches.bytes(config, cache, CONTEXT + 1) - GoldCaches.bytes(config, cache, CONTEXT);
        long type = switch (cache.type()) {
            case F32 -> 4;
            case BF16 -> 2;
            case INT8 -> 1;
        };
        long transformer = 2L * size.layers() * size.width() * type;
        return new Bytes("bytes", shape(size), lower(cache.tier()), lower(cache.type()), each, transformer,
                (double) transformer / each);
    }

    private void decode(Stack stack, String tier, Consumer<Row> sink) {
        for (int context : setting.contexts) {
            withModel(stack, (model, engine) -> sink.accept(decode(model, engine, tier, context)));
        }
    }

    private Decode decode(LanguageModel model, Engine engine, String tier, int context) {
        SplittableRandom random = new SplittableRandom(context);
        int vocabulary = model.network().config().vocabulary();
        float[] logits = new float[vocabulary];
        double[] millis = new double[setting.steps];
        try (Snapshot snapshot = Snapshot.random(model, context, 1); LiveSequence sequence = model.sequence()) {
            sequence.restore(snapshot);
            long warmUntil = System.nanoTime() + WARM_NANOS;
            while (System.nanoTime() < warmUntil && sequence.position() < context + MOST_WARM) {
                sequence.step(random.nextInt(vocabulary), logits);
            }
            sequence.restore(snapshot);
            for (int step = 0; step < setting.steps; step++) {
                long begun = System.nanoTime();
                sequence.step(random.nextInt(vocabulary), logits);
                millis[step] = (System.nanoTime() - begun) * 1e-6;
            }
        }
        Arrays.sort(millis);
        return new Decode("decode", shape(setting.measured), tier, "f32", context,
                model.network().stateBytes(context), engine.keptRowsBytes(), millis[millis.length / 2]);
    }

    /** Lengths in turn, several times over, so that a machine that is busy for a while slows all of them. */
    private void prefill(Stack stack, String tier, Consumer<Row> sink) {
        double[] best = new double[setting.prompts.size()];
        Arrays.fill(best, Double.POSITIVE_INFINITY);
        withModel(stack, (model, engine) -> {
            long warmUntil = System.nanoTime() + WARM_NANOS;
            while (!setting.prompts.isEmpty() && System.nanoTime() < warmUntil) {
                seconds(model, setting.prompts.getFirst());
            }
            for (int run = 0; run < PREFILL_RUNS; run++) {
                for (int i = 0; i < best.length; i++) {
                    int tokens = setting.prompts.get(i);
                    best[i] = Math.min(best[i], seconds(model, tokens) * 1e6 / tokens);
                }
            }
        });
        for (int i = 0; i < best.length; i++) {
            sink.accept(new Prefill("prefill", shape(setting.measured), tier, setting.prompts.get(i), best[i],
                    best[i] / best[0]));
        }
    }

    /** Another prompt each time: rows that are kept by bigram would make a prompt cheaper that was read before. */
    private double seconds(LanguageModel model, int tokens) {
        int[] ids = prompts.ints(tokens, 0, model.network().config().vocabulary()).toArray();
        try (LiveSequence sequence = model.sequence()) {
            long begun = System.nanoTime();
            sequence.prefill(ids);
            return (System.nanoTime() - begun) * 1e-9;
        }
    }

    /** Small random numbers: what a step costs does not depend on them. */
    private static Parameters.Source random(Memory memory) {
        SplittableRandom random = new SplittableRandom(7);
        return (name, shape, role, initialiser) -> {
            Tensor tensor = memory.allocate(DType.F32, shape);
            float scale = role == Role.MATRIX ? (float) (1 / Math.sqrt(shape.last())) : 0.1f;
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.data().setAtIndex(Tensor.FLOAT, i, scale * (2 * random.nextFloat() - 1));
            }
            return tensor;
        };
    }
}
