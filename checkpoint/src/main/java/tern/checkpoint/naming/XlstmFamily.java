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
    private static final String FIRST = "backbone.blocks.0.mlstm_layer.";

    @Override
    public String name() {
        return "xLSTM";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (shapes.has(FIRST + "qkv_opreact.weight") || shapes.has(FIRST + "ifgate_preact.weight")) {
            throw new MalformedFileException(file.path() + ": an xLSTM with fused weights (\"" + FIRST
                    + "qkv_opreact.weight\"), expected weight_mode \"single\" as released; save it so with the library that"
                    + " wrote it");
        }
        if (!shapes.has(FIRST + "q.weight") || !shapes.has(FIRST + "igate_preact.weight")) {
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
        int heads = shapes.elements(FIRST + "igate_preact.bias");
        int keys = shapes.length(FIRST + "q.weight", 0);
        int values = shapes.length(FIRST + "v.weight", 0);
        if (values != width || keys % heads != 0 || values % heads != 0) {
            throw new MalformedFileException(file.path() + ": " + heads + " heads of \"" + FIRST
                    + "igate_preact.bias\" and " + keys + " keys do not fit " + values + " values and a width of "
                    + width
                    + "; expected as many values as the width and heads that divide both");
        }
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        int layers = shapes.layers("backbone.blocks.{i}.mlstm_layer.q.weight");
        MixerConfig mlstm = new MlstmConfig(heads, keys / heads, MlstmConfig.Gate.EXPONENTIAL, true,
                told.number("gate_soft_cap", GATE_CAP), told.number("eps", EPSILON));
        MixerConfig mlp = GatedMlpConfig.gated(shapes.length("backbone.blocks.0.ffn.proj_up.weight", 0),
                Activation.SILU);
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(mlstm);
            branches.add(mlp);
        }
        boolean tied = !shapes.has("lm_head.weight") || told.is("tie_word_embeddings", false);
        StackConfig plain = new StackConfig(shapes.length(embedding, 0), width, CONTEXT, NormKind.RMS,
                told.number("norm_eps", EPSILON), tied, branches);
        double cap = told.number("output_logit_soft_cap", LOGIT_CAP);
        NamingTable names = NamingTable.read("xlstm", layers, 2, (condition, layer) -> switch (condition) {
            case "tied" -> tied;
            case "untied" -> !tied;
            default -> condition.equals(word);
        });
        return Optional.of(new Blueprint("xLSTM", cap > 0 ? plain.withLogitCap(cap) : plain, names, 0, Map.of()));
    }
}
