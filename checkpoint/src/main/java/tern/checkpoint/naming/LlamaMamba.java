package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import tern.checkpoint.Metadatum;
import tern.checkpoint.Metadatum.Precision;
import tern.checkpoint.Metadatum.Width;
import tern.checkpoint.TensorFile;
import tern.checkpoint.gguf.GgufWriter.Entry;
import tern.mixers.MixerCatalog;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mamba.MambaConfig;
import tern.model.NormKind;
import tern.model.SequenceModel;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

/**
 * Mamba, Falcon-Mamba and Mamba-2 as llama.cpp wants them: decays as they are used and no logarithms, a bias for every short filter,
 * everything but large matrices in F32. Immutable.
 */
record LlamaMamba(SequenceModel model) {
    private static final long CONTEXT = 1L << 20;

    /** Whether the model is of these families, so that {@link #check} tells what else llama.cpp wants of it. */
    static boolean is(StackConfig config) {
        return config.branches().getFirst() instanceof MambaConfig
                || config.branches().getFirst() instanceof Mamba2Config;
    }

    private MixerConfig mixer() {
        return model.config().branches().getFirst();
    }

    /** Refuses what llama.cpp would compute otherwise. */
    void check() {
        StackConfig config = model.config();
        for (int i = 0; i < config.branches().size(); i++) {
            MixerConfig branch = config.branches().get(i);
            require(branch.equals(mixer()), "the same layer in all branches", "branch " + i + " is "
                    + (MixerCatalog.kind(branch).equals(MixerCatalog.kind(mixer())) ? "another " : "")
                    + MixerCatalog.kind(branch));
        }
        require(config.norm() == NormKind.RMS && config.embeddingNorm().isEmpty(),
                "norms by root mean squares and none of the embedding", config.norm() + ", " + config.embeddingNorm());
        switch (mixer()) {
            case MambaConfig one -> {
                require(one.inner() == 2 * config.width(), "an inner width of twice the width", "" + one.inner());
                require(one.insertion() == 1 && !one.bias() && one.variation().isEmpty(),
                        "mixers as trained, without biases of projections and gains of norms", one.toString());
            }
            case Mamba2Config two -> {
                require(two.heads() * two.headWidth() == 2 * config.width(), "an inner width of twice the width",
                        two.heads() + " heads of " + two.headWidth());
                boolean released = two.shortest() == 0 && two.longest() == Double.MAX_VALUE && !two.bias()
                        && two.variation().isEmpty() && two.forgetting().isEmpty() && !two.normBeforeGate();
                require(released, "mixers as released, without bounds of steps and biases of projections",
                        two.toString());
                require(two.normInGroups() || two.groups() == 1, "a gated norm over each group's channels",
                        "one over all channels of " + two.groups() + " groups");
            }
            default -> throw new IllegalStateException("asked before whether it is Mamba: " + mixer());
        }
    }

    private static void require(boolean holds, String expected, String found) {
        if (!holds) {
            throw new IllegalArgumentException("GGUF as llama.cpp reads Mamba has " + expected + ", found " + found
                    + "; choose a folder or a name that ends in .safetensors");
        }
    }

    Map<String, Metadatum> metadata(String name) {
        StackConfig config = model.config();
        Map<String, Long> numbers = new LinkedHashMap<>();
        numbers.put("context_length", CONTEXT);
        numbers.put("embedding_length", (long) config.width());
        numbers.put("feed_forward_length", 0L);
        numbers.put("attention.head_count", 0L);
        numbers.put("block_count", (long) config.branches().size());
        numbers.put("vocab_size", (long) config.vocabulary());
        boolean normalised = false;
        switch (mixer()) {
            case MambaConfig one -> {
                numbers.put("ssm.conv_kernel", (long) one.shortFilter());
                numbers.put("ssm.inner_size", (long) one.inner());
                numbers.put("ssm.state_size", (long) one.stateWidth());
                numbers.put("ssm.time_step_rank", (long) one.rank());
                normalised = one.normalised();
            }
            case Mamba2Config two -> {
                numbers.put("ssm.conv_kernel", (long) two.shortFilter());
                numbers.put("ssm.inner_size", (long) two.heads() * two.headWidth());
                numbers.put("ssm.state_size", (long) two.stateWidth());
                numbers.put("ssm.time_step_rank", (long) two.heads());
                numbers.put("ssm.group_count", (long) two.groups());
            }
            default -> throw new IllegalStateException("checked before: " + mixer());
        }
        String architecture = architecture();
        Map<String, Metadatum> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", new Metadatum.Text(architecture));
        metadata.put("general.name", new Metadatum.Text(name));
        numbers.forEach((key, value) -> metadata.put(architecture + "." + key, new Metadatum.Whole(Width.U32, value)));
        metadata.put(architecture + ".attention.layer_norm_rms_epsilon",
                new Metadatum.Real(Precision.F32, config.epsilon()));
        if (normalised) {
            metadata.put(architecture + ".ssm.dt_b_c_rms", new Metadatum.Flag(true));
        }
        return metadata;
    }

    /** What norms add, by the shortest number that is stored so in F32: 1e-5, not 9.99999974e-6. */
    static double epsilon(TensorFile file, String key, double otherwise) {
        return file.metadata().get(key) instanceof Metadatum.Real(Precision _, double value)
                ? Double.parseDouble(Float.toString((float) value)) : otherwise;
    }

    private String architecture() {
        return mixer() instanceof MambaConfig ? "mamba" : "mamba2";
    }

    List<Entry> entries(MatrixTypes types, Memory memory) {
        boolean first = mixer() instanceof MambaConfig;
        NamingTable names = NamingTable.read(architecture() + "-gguf", model.config().branches().size(), 1,
                (word, layer) -> word.equals("untied") ? !model.config().tiedHead()
                        : word.equals("shortBias") && hasShortBias());
        List<Entry> entries = new ArrayList<>();
        for (Naming naming : names.all()) {
            Tensor own = model.parameters().find(naming.ours().orElseThrow()).orElseThrow().tensor();
            String theirs = naming.theirs();
            boolean large = own.shape().rank() == 2
                    && (theirs.endsWith("embd.weight") || theirs.endsWith("output.weight")
                            || theirs.matches(".*\\.ssm_(in|x|dt|out)\\.weight"));
            if (large) {
                entries.add(new Entry(theirs, own, types.of(own)));
            } else if (theirs.endsWith("ssm_a")) {
                entries.add(Entry.asIs(theirs, first ? decays(own, memory) : column(own, true, memory)));
            } else if (theirs.endsWith("ssm_d") && !first) {
                entries.add(Entry.asIs(theirs, column(own, false, memory)));
            } else if (theirs.endsWith("ssm_norm.weight")) {
                int groups = mixer() instanceof Mamba2Config two ? two.groups() : 1;
                entries.add(new Entry(theirs, own.reshape(groups, own.dim(0) / groups), DType.F32));
            } else {
                entries.add(new Entry(theirs, own, DType.F32));
            }
            if (theirs.endsWith("ssm_conv1d.weight") && !hasShortBias()) {
                entries.add(Entry.asIs(theirs.replace(".weight", ".bias"), memory.zeros(DType.F32, own.dim(0))));
            }
        }
        return entries;
    }

    private boolean hasShortBias() {
        return switch (mixer()) {
            case MambaConfig one -> one.shortBias();
            case Mamba2Config two -> two.shortBias();
            default -> false;
        };
    }

    /** Logarithms of speeds [N,E] as the negative speeds themselves [E,N]. */
    private static Tensor decays(Tensor speed, Memory memory) {
        int states = speed.dim(0), inner = speed.dim(1);
        Tensor made = memory.zeros(DType.F32, inner, states);
        for (int n = 0; n < states; n++) {
            for (int e = 0; e < inner; e++) {
                made.set((long) e * states + n, -Math.exp(speed.get((long) n * inner + e)));
            }
        }
        return made;
    }

    /** A number of each head as a row of its own, negative speeds for their logarithms if so asked. */
    private static Tensor column(Tensor heads, boolean speeds, Memory memory) {
        int count = Math.toIntExact(heads.elements());
        Tensor made = memory.zeros(DType.F32, count, 1);
        for (int h = 0; h < count; h++) {
            made.set(h, speeds ? -Math.exp(heads.get(h)) : heads.get(h));
        }
        return made;
    }
}
