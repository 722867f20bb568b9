package tern.checkpoint.naming;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import tern.checkpoint.Metadatum;
import tern.checkpoint.Metadatum.Precision;
import tern.checkpoint.Metadatum.Width;
import tern.checkpoint.gguf.GgufWriter;
import tern.checkpoint.gguf.GgufWriter.Entry;
import tern.mixers.MixerCatalog;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.NormKind;
import tern.model.SequenceModel;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Models as GGUF files that llama.cpp reads: RWKV-6, RWKV-7, Mamba, Falcon-Mamba and Mamba-2, for which it has names. The naming tables that read such files
 * tell how to write them.
 */
public final class LlamaFile {
    /** Matrices that llama.cpp wants in full precision whatever the rest is stored in. */
    private static final Set<String> FULL = Set.of("mixDown", "mixUp", "decayDown", "decayUp", "rateDown", "rateUp",
            "residualDown", "residualUp", "gateDown", "gateUp");
    private static final long CONTEXT = 1L << 20;
    /** What llama.cpp adds in the norm of heads of RWKV-6 and 7, whatever the file says. */
    private static final double GROUP_EPSILON = 64e-5;
    /** What llama.cpp wants to be told of a model that reads symbols of no known text. */
    private static final Map<String, Metadatum> NO_TOKENIZER = Map.of("tokenizer.ggml.model",
            new Metadatum.Text("no_vocab"));

    private final SequenceModel model;
    private final StackConfig config;
    private final MixerConfig time;
    private final RwkvChannelMixConfig channel;
    private final int layers;
    /** After how many layers llama.cpp is to halve the residual stream, which makes its norms' epsilon four times as large; 0 for never. */
    private final int rescaleEvery;

    /**
     * Large matrices that are not stored as was asked, because their rows are not whole blocks of that type.
     *
     * @param eights how many are stored in Q8_0, whose blocks fit
     * @param floats how many in F32, because no blocks fit
     */
    public record Otherwise(int eights, int floats) {
    }

    private LlamaFile(SequenceModel model) {
        this.model = model;
        this.config = model.config();
        List<MixerConfig> branches = config.branches();
        boolean pairs = branches.size() % 2 == 0 && !config.tiedHead() && config.norm() == NormKind.LAYER
                && config.embeddingNorm().isPresent() && branches.stream().noneMatch(LlamaFile::isVaried);
        if (!pairs || !(branches.get(1) instanceof RwkvChannelMixConfig mixing)
                || !(branches.getFirst() instanceof Rwkv6Config || branches.getFirst() instanceof Rwkv7Config)) {
            throw new IllegalArgumentException(
                    "GGUF as llama.cpp reads it is known here for RWKV-6, RWKV-7, Mamba and Mamba-2; this model"
                            + " has branches of "
                            + branches.stream().map(MixerCatalog::kind).distinct().collect(Collectors.joining(", "))
                            + "; choose a folder or a name that ends in .safetensors");
        }
        this.time = branches.getFirst();
        this.channel = mixing;
        this.layers = branches.size() / 2;
        for (int i = 0; i < branches.size(); i++) {
            boolean same = i % 2 == 1 ? branches.get(i).equals(channel)
                    : branches.get(i).getClass() == time.getClass();
            if (!same) {
                throw new IllegalArgumentException("GGUF as llama.cpp reads it has the same layer " + layers
                        + " times; branch " + i + " is " + branches.get(i));
            }
        }
        this.rescaleEvery = rescaleEvery();
        double group = time instanceof Rwkv6Config six ? six.groupEpsilon() : ((Rwkv7Config) time).groupEpsilon();
        if (Math.abs(group / GROUP_EPSILON - 1) > 1e-6) {
            throw new IllegalArgumentException("GGUF as llama.cpp reads it has a norm of heads with epsilon "
                    + GROUP_EPSILON + ", but this model's is " + group
                    + "; choose a folder or a name that ends in .safetensors");
        }
    }

    private static boolean isVaried(MixerConfig mixer) {
        return mixer instanceof Rwkv6Config six && six.variation().isPresent()
                || mixer instanceof Rwkv7Config seven && seven.variation().isPresent();
    }

    /**
     * The number of layers n with which epsilons are those of a residual stream that was halved after every n.
     *
     * @throws IllegalArgumentException if there is none
     */
    private int rescaleEvery() {
        if (config.epsilons().isEmpty()
                || config.epsilons().get().stream().allMatch(each -> each == config.epsilon())) {
            return 0;
        }
        for (int every = 1; every <= layers && time instanceof Rwkv6Config; every++) {
            boolean fits = true;
            for (int branch = 0; branch <= 2 * layers; branch++) {
                double expected = config.epsilon() * Math.pow(4, branch / 2 / every);
                fits &= Math.abs(config.epsilonOf(branch) / expected - 1) < 1e-6;
            }
            if (fits) {
                return every;
            }
        }
        throw new IllegalArgumentException(
                "GGUF as llama.cpp reads it has one epsilon for all norms, or in RWKV-6 four times"
                        + " as much after every so many layers, but this model's are " + config.epsilons().get()
                        + "; choose a folder or a name that ends in .safetensors");
    }

    /**
     * Writes a model, atomically.
     *
     * @param matrices how large matrices are stored; those whose rows are not whole blocks of it in Q8_0 or F32, small ones in
     *            F32
     * @param name of the model, for people
     * @param tokenizer metadata of its tokenizer
     * @return how many large matrices are stored otherwise because their rows are not whole blocks of the type asked for
     * @throws IllegalArgumentException if llama.cpp has no names for this model; says which it has
     * @throws IOException if writing fails; a file that was there before is then unchanged
     */
    public static Otherwise write(Path path, SequenceModel model, DType matrices, String name,
            Map<String, Metadatum> tokenizer) throws IOException {
        MatrixTypes types = new MatrixTypes(matrices);
        try (Memory memory = new Memory()) {
            if (LlamaMamba.is(model.config())) {
                LlamaMamba mamba = new LlamaMamba(model);
                mamba.check();
                Map<String, Metadatum> metadata = mamba.metadata(name);
                metadata.putAll(tokenizer.isEmpty() ? NO_TOKENIZER : tokenizer);
                GgufWriter.write(path, metadata, mamba.entries(types, memory));
                return types.otherwise();
            }
            LlamaFile file = new LlamaFile(model);
            Map<String, Metadatum> metadata = file.metadata(name);
            metadata.putAll(tokenizer);
            GgufWriter.write(path, metadata, file.entries(types, memory));
            return types.otherwise();
        }
    }

    private Map<String, Metadatum> metadata(String name) {
        String architecture = time instanceof Rwkv6Config ? "rwkv6" : "rwkv7";
        Map<String, Metadatum> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", new Metadatum.Text(architecture));
        metadata.put("general.name", new Metadatum.Text(name));
        Map<String, Long> numbers = new LinkedHashMap<>();
        numbers.put("context_length", CONTEXT);
        numbers.put("embedding_length", (long) config.width());
        numbers.put("block_count", (long) layers);
        numbers.put("feed_forward_length", (long) channel.inner());
        numbers.put("attention.head_count", 0L);
        numbers.put("token_shift_count", 2L);
        switch (time) {
            case Rwkv6Config six -> {
                numbers.put("rescale_every_n_layers", (long) rescaleEvery);
                numbers.put("wkv.head_size", (long) six.headWidth());
                numbers.put("time_mix_extra_dim", (long) six.mixRank());
                numbers.put("time_decay_extra_dim", (long) six.decayRank());
            }
            case Rwkv7Config seven -> {
                numbers.put("wkv.head_size", (long) seven.headWidth());
                numbers.put("attention.decay_lora_rank", (long) seven.decayRank());
                numbers.put("attention.iclr_lora_rank", (long) seven.rateRank());
                numbers.put("attention.value_residual_mix_lora_rank", (long) seven.valueRank());
                numbers.put("attention.gate_lora_rank", (long) seven.gateRank());
            }
            default -> throw new IllegalStateException("checked in the constructor: " + time);
        }
        numbers.forEach((key, value) -> metadata.put(architecture + "." + key, new Metadatum.Whole(Width.U32, value)));
        metadata.put(architecture + ".attention.layer_norm_epsilon",
                new Metadatum.Real(Precision.F32, config.epsilon()));
        return metadata;
    }

    private List<Entry> entries(MatrixTypes types, Memory memory) {
        NamingTable names = NamingTable.read(time instanceof Rwkv6Config ? "rwkv6-gguf" : "rwkv7-gguf", layers, 2,
                (word, layer) -> switch (word) {
                    case "later" -> layer > 0;
                    case "first" -> layer == 0;
                    default -> word.equals("fused");
                });
        Map<String, List<Naming>> makers = new LinkedHashMap<>();
        names.all()
                .forEach(naming -> makers.computeIfAbsent(naming.theirs(), ignored -> new ArrayList<>()).add(naming));
        List<Entry> entries = new ArrayList<>();
        makers.forEach((theirs, parts) -> entries.add(entry(theirs, parts, types, memory)));
        if (time instanceof Rwkv7Config) {
            // llama.cpp wants a value residual in the first layer too, and does not look at it; its converter copies the rate.
            for (String part : List.of("0", "1", "2")) {
                Entry rate = entries.stream()
                        .filter(entry -> entry.name().equals("blk.0.time_mix_a" + part + ".weight"))
                        .findFirst().orElseThrow();
                entries.add(new Entry("blk.0.time_mix_v" + part + ".weight", rate.tensor(), rate.dtype()));
            }
        }
        return entries;
    }

    private Entry entry(String theirs, List<Naming> parts, MatrixTypes types, Memory memory) {
        List<Tensor> tensors = parts.stream()
                .map(part -> model.parameters().find(part.ours().orElseThrow()).orElseThrow().tensor()).toList();
        Tensor first = tensors.getFirst();
        if (parts.size() > 1) {
            boolean vectors = first.shape().rank() == 1;
            Shape shape = vectors ? Shape.of(parts.size(), 1, 1, first.dim(0))
                    : Shape.of(parts.size(), first.dim(0), first.dim(1));
            Tensor stacked = memory.allocate(DType.F32, shape);
            for (int i = 0; i < tensors.size(); i++) {
                stacked.slice(i, i + 1).copyFrom(tensors.get(i));
            }
            return Entry.asIs(theirs, stacked);
        }
        if (theirs.contains("lerp_")) {
            return new Entry(theirs, first.reshape(1, 1, first.dim(0)), DType.F32);
        }
        if (theirs.endsWith("r_k.weight")) {
            return new Entry(theirs, first.reshape(Math.toIntExact(first.elements())), DType.F32);
        }
        String[] words = parts.getFirst().ours().orElseThrow().split("\\.");
        boolean large = first.shape().rank() == 2 && words[words.length - 1].matches("weight|table")
                && !FULL.contains(words[words.length - 2]);
        return new Entry(theirs, divided(parts.getFirst(), first, memory), large ? types.of(first) : DType.F32);
    }

    /** Matrices that add to the residual stream, for a stream that is halved: divided by 2 for each time. */
    private Tensor divided(Naming naming, Tensor matrix, Memory memory) {
        int halvings = rescaleEvery == 0 ? 0 : naming.layer() / rescaleEvery;
        if (halvings == 0 || naming.steps().stream().noneMatch(Step.Rescale.class::isInstance)) {
            return matrix;
        }
        return Step.Rescale.scaled(matrix, -halvings, memory);
    }
}
