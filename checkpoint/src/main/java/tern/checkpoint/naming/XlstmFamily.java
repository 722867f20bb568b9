package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.mlstm.MlstmConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/** xLSTM-7B and smaller models of its kind, mLSTM and gated layers in turn. Caps and epsilons come from the configuration. */
final class XlstmFamily implements Family {
    private static final double EPSILON = 1e-6;
    private static final double GATE_CAP = 15;
    private static final double LOGIT_CAP = 30;
    private static final int CONTEXT = 8192;
    private static final String UP = "backbone.blocks.0.ffn.proj_up";
    private static final String FIRST = "backbone.blocks.0.mlstm_layer.";

    @Override
    public String name() {
        return "xLSTM";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        boolean fused = shapes.has(FIRST + "qkv_opreact.weight") && shapes.has(FIRST + "ifgate_preact.bias");
        if (!fused && (!shapes.has(FIRST + "q.weight") || !shapes.has(FIRST + "igate_preact.weight"))) {
            return Optional.empty();
        }
        List<String> words = List.of("plural", "single", "bare");
        List<String> tables = List.of("backbone.embeddings.weight", "backbone.embedding.weight", "embedding.weight");
        int which = 0;
        while (which < 2 && !shapes.has(tables.get(which))) {
            which++;
        }
        String embedding = tables.get(which);
        String word = words.get(which);
        int width = shapes.length(embedding, 1);
        int heads = fused ? shapes.elements(FIRST + "ifgate_preact.bias") / 2
                : shapes.elements(FIRST + "igate_preact.bias");
        int values = fused ? shapes.length(FIRST + "out_proj.weight", -1) : shapes.length(FIRST + "v.weight", 0);
        int keys = fused ? shapes.length(FIRST + "qkv_opreact.weight", 0) / 2 - values
                : shapes.length(FIRST + "q.weight", 0);
        if (values != width || keys < 1 || heads < 1 || keys % heads != 0 || values % heads != 0) {
            throw new MalformedFileException(file.path() + ": " + heads + " heads of \"" + FIRST
                    + (fused ? "ifgate_preact.bias\" and " : "igate_preact.bias\" and ") + keys + " keys do not fit "
                    + values + " values and a width of "
                    + width
                    + "; expected as many values as the width and heads that divide both");
        }
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        int layers = shapes.layers("backbone.blocks.{i}.norm_mlstm.weight");
        double epsilon = told.number("eps", EPSILON);
        double normEpsilon = told.number("norm_eps", EPSILON);
        MixerConfig mlstm = new MlstmConfig(heads, keys / heads, MlstmConfig.Gate.EXPONENTIAL, true,
                told.number("gate_soft_cap", GATE_CAP), epsilon,
                normEpsilon == epsilon ? Optional.empty() : Optional.of(normEpsilon));
        boolean fusedUp = shapes.has(UP + "_gate_z.weight");
        int inner = fusedUp ? shapes.length(UP + "_gate_z.weight", 0) / 2 : shapes.length(UP + ".weight", 0);
        MixerConfig mlp = GatedMlpConfig.gated(inner, Activation.SILU);
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(mlstm);
            branches.add(mlp);
        }
        boolean tied = !shapes.has("lm_head.weight") || told.is("tie_word_embeddings", false);
        StackConfig plain = new StackConfig(shapes.length(embedding, 0), width, CONTEXT, NormKind.RMS,
                normEpsilon, tied, branches);
        double cap = told.number("output_logit_soft_cap", LOGIT_CAP);
        // Rows of q, k, v and the output gate; of both gates; of the gated layer's gate and value.
        Map<String, String> rows = Map.of("keys", Integer.toString(keys), "twice", Integer.toString(2 * keys),
                "gate", Integer.toString(2 * keys + values), "all", Integer.toString(2 * (keys + values)), "heads",
                Integer.toString(heads), "gates", Integer.toString(2 * heads), "inner", Integer.toString(inner),
                "both", Integer.toString(2 * inner));
        NamingTable names = NamingTable.read("xlstm", NamingTable.Layers.of(layers, 2, rows),
                (condition, layer) -> switch (condition) {
                    case "fused" -> fused;
                    case "apart" -> !fused;
                    case "fusedUp" -> fusedUp;
                    case "apartUp" -> !fusedUp;
                    case "tied" -> tied;
                    case "untied" -> !tied;
                    default -> condition.equals(word);
                });
        return Optional.of(new Blueprint("xLSTM", cap > 0 ? plain.withLogitCap(cap) : plain, names, 0, Map.of()));
    }
}
