package tern.cli.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;

import tern.checkpoint.Placement;
import tern.checkpoint.naming.LlamaFile;
import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.inference.LiveBatch;
import tern.inference.LiveSequence;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.machine.MachineProbe;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mamba.MambaConfig;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.GoldCaches;
import tern.model.GoldFinches;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Parameters.Parameter;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.sequence.Role;
import tern.tensor.Blocks;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.text.Tokenizer;

/**
 * Reading prompts and generating with whole models of published shapes and random weights in a stored type: tokens per
 * second, how many bytes of weights that reads per second, and what part of the machine's limits it is.
 */
public final class GenerateBench {
    /** Models that can be asked for; GoldFinch keeps keys and values of every layer unless its name says what else. */
    public static final List<String> MODELS = List.of("rwkv6", "rwkv7", "transformer", "goldfinch", "goldfinch-keys",
            "goldfinch-compressed", "mamba", "mamba2");
    private static final long PROBE_MILLIS = 1000;
    private static final long PROBE_BYTES = 1L << 28;
    private static final long WARM_UP_NANOS = 2_000_000_000L;
    private static final int HEAD_WIDTH = 64;
    private static final int MAMBA2_STATE = 128;
    private static final int NEOX_VOCABULARY = 50_288;
    private static final int PRODUCT_ROWS = 512;
    private static final int PRODUCT_IN = 768;
    private static final int PRODUCT_OUT = 3072;
    private static final int PRODUCTS_NOT_FASTER = 50;

    private final Setting setting;

    /**
     * What to measure; every combination is.
     *
     * @param models of {@link #MODELS}
     * @param shapes layers and width, such as "12x768"
     * @param types how matrices are stored
     * @param threads numbers of threads
     * @param prompts lengths of prompts to read
     * @param decode tokens to generate
     * @param batches numbers of sequences that generate together
     * @param kernels bodies to use
     */
    public record Setting(List<String> models, List<String> shapes, List<DType> types, List<Integer> threads,
            List<Integer> prompts, int decode, List<Integer> batches, KernelSet kernels) {
    }

    /**
     * One case measured.
     *
     * @param pass "prefill" or "decode"
     * @param count tokens of the prompt, or sequences that generate together
     * @param tokensPerSecond of all sequences together
     * @param weightGigabytesPerSecond bytes of weights that a pass reads, by passes per second
     * @param fractionOfLimit that rate relative to the measured read bandwidth for decoding one sequence; for the rest two
     *            floating-point operations a weight that every token meets, relative to the measured rate of a product of matrices of
     *            floats, 512x3072x768 (the embedding counts for none, the head only for tokens generated)
     * @param modelBytes of all weights, as a file would hold them
     * @param stateBytes of all sequences at the end
     * @param residentBytes of the whole process then, the JVM and its compilers included; 0 where the system does not tell
     * @param peakBytes the most that the process had in memory while it was measured, likewise
     */
    public record Row(String model, String shape, String type, int threads, String pass, int count, long parameters,
            long weightBytes, double tokensPerSecond, double weightGigabytesPerSecond, double fractionOfLimit,
            long modelBytes, long stateBytes, long residentBytes, long peakBytes) {
    }

    /** A measurement with these settings. */
    public GenerateBench(Setting setting) {
        this.setting = setting;
    }

    /**
     * Measures models from files; their rows have the name of the file, and as type that of the head.
     *
     * @throws IOException if one cannot be read; names it
     */
    public void run(List<Path> files, Placement placement, Consumer<Row> sink) throws IOException {
        for (Path file : files) {
            for (int threads : setting.threads) {
                try (Engine engine = new Engine(threads, setting.kernels);
                        LanguageModel model = LanguageModel.open(file, engine, placement)) {
                    SequenceModel network = model.network();
                    long all = network.parameters().all().stream().mapToLong(one -> one.tensor().bytes()).sum();
                    long looked = lookedUp(network).mapToLong(one -> one.tensor().bytes()).sum();
                    StackConfig config = network.config();
                    measure(new Case(Objects.requireNonNull(file.getFileName(), "file").toString(),
                            config.branches().size() / 2 + "x" + config.width(), network.head().dtype(), threads,
                            network, all - looked, all), model, sink);
                }
            }
        }
    }

    /**
     * Writes the models as GGUF files that llama.cpp reads too, and measures nothing.
     *
     * @param folder that is made if it is missing; a file is called after model, shape and type
     * @param sink is told each file
     * @throws IllegalArgumentException if llama.cpp has no names for a model
     */
    public void write(Path folder, Consumer<Path> sink) throws IOException {
        Files.createDirectories(folder);
        for (String shape : setting.shapes) {
            for (String name : setting.models) {
                for (DType type : setting.types) {
                    String title = name + "-" + shape + "-" + type.name().toLowerCase(Locale.ROOT);
                    try (Memory memory = new Memory()) {
                        Path file = folder.resolve(title + ".gguf");
                        LlamaFile.write(file, new Stack(config(name, shape), random(type, memory, new long[1])), type,
                                title, Map.of());
                        sink.accept(file);
                    }
                }
            }
        }
    }

    /** Measures every case; each row is given to the sink as soon as it is known. */
    public void run(Consumer<Row> sink) {
        for (String shape : setting.shapes) {
            for (String name : setting.models) {
                for (DType type : setting.types) {
                    try (Memory memory = new Memory()) {
                        long[] bytes = {0};
                        Stack network = new Stack(config(name, shape), random(type, memory, bytes));
                        for (int threads : setting.threads) {
                            Tokenizer none = Tokenizer.unknown(network.config().vocabulary());
                            try (Engine engine = new Engine(threads, setting.kernels);
                                    LanguageModel model = new LanguageModel(network, none, name, engine)) {
                                measure(new Case(name, shape, type, threads, network, bytes[0], memory.bytes()), model,
                                        sink);
                            }
                        }
                    }
                }
            }
        }
    }

    private record Case(String model, String shape, DType type, int threads, SequenceModel network, long weightBytes,
            long modelBytes) {
        Row row(String pass, int count, double tokensPerSecond, double passesPerSecond, double limit,
                Memories memories) {
            double gigabytes = weightBytes * passesPerSecond * 1e-9;
            boolean decoding = pass.equals("decode"), reading = decoding && count == 1;
            double rate = reading ? gigabytes : 2e-9 * weightsMet(network, decoding) * tokensPerSecond;
            return new Row(model, shape, type.name().toLowerCase(Locale.ROOT), threads, pass, count,
                    network.parameters().count(), weightBytes, tokensPerSecond, gigabytes, rate / limit, modelBytes,
                    memories.state,
                    memories.resident, memories.peak);
        }
    }

    /** Parameters of which a token reads its own row only: an embedding that is not the head's matrix too. */
    private static Stream<Parameter> lookedUp(SequenceModel network) {
        return network.parameters().all().stream()
                .filter(one -> one.name().startsWith("embedding.") && one.tensor() != network.head());
    }

    /** How many weights every token is multiplied with; those of the head where tokens are generated. */
    static long weightsMet(SequenceModel network, boolean decoding) {
        return network.parameters().count() - lookedUp(network).mapToLong(one -> one.tensor().elements()).sum()
                - (decoding ? 0 : network.head().elements());
    }

    /** Bytes, and in how many seconds what needed them was done. */
    private record Memories(double seconds, long state, long resident, long peak) {
    }

    private void measure(Case of, LanguageModel model, Consumer<Row> sink) {
        double bandwidth = MachineProbe.readBandwidth(of.threads, PROBE_MILLIS, PROBE_BYTES) * 1e-9;
        double products = products(of.threads);
        for (int prompt : setting.prompts) {
            Memories found = prefill(model, prompt);
            sink.accept(of.row("prefill", prompt, prompt / found.seconds, 1 / found.seconds, products, found));
        }
        for (int batch : setting.batches) {
            Memories found = decode(model, batch);
            sink.accept(of.row("decode", batch, batch / found.seconds, 1 / found.seconds,
                    batch == 1 ? bandwidth : products, found));
        }
    }

    /** Gigaflop/s of a product of matrices of floats: the best, after which {@link #PRODUCTS_NOT_FASTER} were not faster. */
    private static double products(int threads) {
        try (ThreadTeam team = new ThreadTeam(threads); Memory memory = new Memory()) {
            Tensor x = memory.zeros(DType.F32, PRODUCT_ROWS, PRODUCT_IN).fill(1);
            Tensor w = memory.zeros(DType.F32, PRODUCT_OUT, PRODUCT_IN).fill(1);
            Tensor y = memory.zeros(DType.F32, PRODUCT_ROWS, PRODUCT_OUT), none = EagerOps.none(DType.F32);
            KernelSet kernels = KernelSet.fastest();
            long best = Long.MAX_VALUE;
            for (int notFaster = 0; notFaster < PRODUCTS_NOT_FASTER; notFaster++) {
                long begun = System.nanoTime();
                kernels.matmul().linear(team, x, w, none, y);
                long took = System.nanoTime() - begun;
                if (took < best) {
                    best = took;
                    notFaster = 0;
                }
            }
            return 2.0 * PRODUCT_ROWS * PRODUCT_IN * PRODUCT_OUT / best;
        }
    }

    private static long status(String line) {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(each -> each.startsWith(line))
                    .mapToLong(each -> 1024 * Long.parseLong(each.replaceAll("[^0-9]", ""))).findFirst().orElse(0);
        } catch (IOException | UncheckedIOException elsewhere) {
            return 0;
        }
    }

    /** Lets the system's record of the most memory begin anew; where it does not know how, earlier cases count too. */
    private static void forgetPeak() {
        Path record = Path.of("/proc/self/clear_refs");
        if (Files.isWritable(record)) {
            try {
                Files.writeString(record, "5");
            } catch (IOException forbidden) {
                // The peak is then that of the process so far, which is an upper bound.
            }
        }
    }

    private static Memories memories(double seconds, long state) {
        return new Memories(seconds, state, status("VmRSS:"), status("VmHWM:"));
    }

    /** Seconds to read a prompt: the best of three at least, and of some seconds. */
    private static Memories prefill(LanguageModel model, int prompt) {
        int[] ids = new SplittableRandom(prompt).ints(prompt, 0, model.network().config().vocabulary()).toArray();
        double best = Double.POSITIVE_INFINITY;
        long state = 0;
        forgetPeak();
        long until = System.nanoTime() + WARM_UP_NANOS;
        for (int run = 0; run < 3 || System.nanoTime() < until; run++) {
            try (LiveSequence sequence = model.sequence()) {
                long begun = System.nanoTime();
                sequence.prefill(Form.PARALLEL, ids);
                best = Math.min(best, (System.nanoTime() - begun) * 1e-9);
                state = sequence.stateBytes();
            }
        }
        return memories(best, state);
    }

    /**
     * Seconds of one step of a batch: the median of as many steps as asked for, after some seconds of other batches, by when
     * everything is compiled.
     */
    private Memories decode(LanguageModel model, int batch) {
        forgetPeak();
        long until = System.nanoTime() + WARM_UP_NANOS;
        while (System.nanoTime() < until) {
            decodeOnce(model, batch);
        }
        return decodeOnce(model, batch);
    }

    private Memories decodeOnce(LanguageModel model, int batch) {
        int vocabulary = model.network().config().vocabulary();
        SplittableRandom random = new SplittableRandom(batch);
        try (LiveBatch sequences = model.batch(batch)) {
            sequences.reserve(2L * setting.decode);
            for (int i = 0; i < batch; i++) {
                sequences.join();
            }
            int[] ids = new int[batch];
            float[] logits = new float[batch * vocabulary];
            double[] seconds = new double[setting.decode];
            for (int step = -setting.decode / 2; step < setting.decode; step++) {
                for (int i = 0; i < batch; i++) {
                    ids[i] = random.nextInt(vocabulary);
                }
                long begun = System.nanoTime();
                sequences.step(ids, logits);
                if (step >= 0) {
                    seconds[step] = (System.nanoTime() - begun) * 1e-9;
                }
            }
            Arrays.sort(seconds);
            return memories(seconds[seconds.length / 2], sequences.stateBytes());
        }
    }

    /**
     * The architecture of a name and shape.
     *
     * @param shape layers and width
     * @throws IllegalArgumentException if the name is not one of {@link #MODELS} or the shape is not two numbers
     */
    public static StackConfig config(String name, String shape) {
        String[] parts = shape.split("x");
        int layers;
        int width;
        try {
            layers = Integer.parseInt(parts[0]);
            width = Integer.parseInt(parts[1]);
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException bad) {
            throw new IllegalArgumentException(
                    "shape \"" + shape + "\" is not layers x width, such as 12x768", bad);
        }
        if (name.startsWith("goldfinch") && MODELS.contains(name)) {
            StackConfig full = GoldFinches.goldFinch(new GoldFinches.Size(layers, width, 1024), 16);
            return switch (name) {
                case "goldfinch-keys" -> GoldCaches.with(full, new GoldCache(CacheTier.KEYS, CacheType.F32));
                case "goldfinch-compressed" ->
                    GoldCaches.with(full, new GoldCache(CacheTier.COMPRESSED, CacheType.F32));
                default -> full;
            };
        }
        if (name.equals("mamba") || name.equals("mamba2")) {
            // As released: nothing but mixers, and a tied head of the NeoX vocabulary padded to 16.
            MixerConfig mixer = name.equals("mamba") ? MambaConfig.of(width)
                    : Mamba2Config.of(width, HEAD_WIDTH, MAMBA2_STATE);
            return new StackConfig(NEOX_VOCABULARY, width, 2048, NormKind.RMS, 1e-5, true,
                    Collections.nCopies(layers, mixer));
        }
        boolean recurrent = !name.equals("transformer");
        MixerConfig channelMix = switch (name) {
            case "rwkv6" -> new RwkvChannelMixConfig(RwkvChannelMixConfig.threeAndAHalf(width), true);
            case "rwkv7" -> new RwkvChannelMixConfig(4 * width, false);
            case "transformer" -> GatedMlpConfig.gated((width * 8 / 3 + 31) / 32 * 32, Activation.SILU);
            default -> throw new IllegalArgumentException("unknown model \"" + name + "\", expected one of " + MODELS);
        };
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(switch (name) {
                case "rwkv6" -> Rwkv6Config.of(HEAD_WIDTH);
                case "rwkv7" -> Rwkv7Config.of(HEAD_WIDTH, width, layer == 0);
                default -> AttentionConfig.of(width / HEAD_WIDTH);
            });
            branches.add(channelMix);
        }
        return recurrent
                ? new StackConfig(65_536, width, 1024, NormKind.LAYER, 1e-5, Optional.empty(),
                        Optional.of(NormKind.LAYER), false, branches)
                : new StackConfig(32_000, width, 1024, NormKind.RMS, 1e-5, false, branches);
    }

    /** Matrices in a stored type, made of one random stretch repeated; the rest small random numbers in F32. */
    private static Parameters.Source random(DType type, Memory memory, long[] bytes) {
        SplittableRandom random = new SplittableRandom(7);
        return (name, shape, role, initialiser) -> {
            // Files with blocked matrices hold those of low rank in F32.
            boolean matrix = (role == Role.MATRIX || role == Role.LOW_RANK && !type.isBlocked())
                    && shape.last() % type.blockLength() == 0;
            Tensor tensor = memory.allocate(matrix ? type : DType.F32, shape);
            bytes[0] += name.startsWith("embedding.") ? 0 : tensor.bytes();
            if (!matrix) {
                for (long i = 0; i < tensor.elements(); i++) {
                    tensor.set(i, 0.1 * random.nextGaussian());
                }
                return tensor;
            }
            MemorySegment stretch = stretch(type, shape.last(), random);
            for (long at = 0; at < tensor.bytes(); at += stretch.byteSize()) {
                MemorySegment.copy(stretch, 0, tensor.data(), at, Math.min(stretch.byteSize(), tensor.bytes() - at));
            }
            return tensor;
        };
    }

    private static MemorySegment stretch(DType type, int width, SplittableRandom random) {
        int rows = 16;
        float[] values = new float[rows * width];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() / Math.sqrt(width));
        }
        MemorySegment stretch = MemorySegment.ofArray(new byte[Math.toIntExact(type.bytes(values.length))]);
        if (type.isBlocked()) {
            Blocks.encode(type, values, 0, values.length, stretch, 0);
        } else {
            Tensor tensor = Tensor.over(type, Shape.of(values.length), stretch);
            for (int i = 0; i < values.length; i++) {
                tensor.set(i, values[i]);
            }
        }
        return stretch;
    }
}
