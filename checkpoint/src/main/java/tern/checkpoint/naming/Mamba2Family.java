package tern.checkpoint.naming;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.mamba.Mamba2Config;
import tern.model.NormKind;
import tern.model.StackConfig;

/**
 * Mamba-2 as released, as Hugging Face transformers save it and as llama.cpp names it. Widths follow from shapes; how many groups share keys, and what
 * bounds the steps, only the configuration tells. Hugging Face's library normalises over all channels, the released one and llama.cpp over
 * each group's.
 */
final class Mamba2Family implements Family {
    private static final double EPSILON = 1e-5;
    private static final int CONTEXT = 2048;
    private static final String MIXER = "backbone.layers.{i}.mixer.";
    private static final String FIRST = "backbone.layers.0.mixer.";

    @Override
    public String name() {
        return "Mamba-2";
    }

    private static Blueprint llama(TensorFile file, Shapes shapes) throws MalformedFileException {
        Mamba2Sizes sizes = Mamba2Sizes.of(shapes, "blk.0.ssm_a", "blk.0.ssm_out.weight", "blk.0.ssm_conv1d.weight",
                file.whole("mamba2.ssm.group_count").orElse(1), "mamba2.ssm.group_count");
        double epsilon = LlamaMamba.epsilon(file, "mamba2.attention.layer_norm_rms_epsilon", EPSILON);
        boolean shortBias = shapes.has("blk.0.ssm_conv1d.bias");
        boolean tied = !shapes.has("output.weight");
        Mamba2Config mixer = new Mamba2Config(sizes.heads(), sizes.headWidth(), sizes.keyWidth(), sizes.groups(),
                sizes.taps(), true, false, epsilon, 0, Double.MAX_VALUE, shortBias,
                false);
        int layers = shapes.layers("blk.{i}.ssm_in.weight");
        StackConfig config = new StackConfig(shapes.length("token_embd.weight", 0),
                shapes.length("token_embd.weight", 1), CONTEXT, NormKind.RMS, epsilon, tied,
                Collections.nCopies(layers, mixer));
        NamingTable names = NamingTable.read("mamba2-gguf", layers, 1,
                (word, layer) -> word.equals("untied") ? !tied : word.equals("shortBias") && shortBias);
        return new Blueprint("Mamba-2, naming of llama.cpp", config, names, 0, Map.of());
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (file.text("general.architecture").orElse("").equals("mamba2")) {
            return Optional.of(llama(file, shapes));
        }
        int layers = shapes.layers(MIXER + "in_proj.weight");
        // Nemotron-H begins like this, and goes on with layers of other kinds.
        if (!shapes.has(FIRST + "dt_bias") || layers == 0 || shapes.has("backbone.layers." + layers + ".norm.weight")) {
            return Optional.empty();
        }
        boolean plural = shapes.has("backbone.embeddings.weight");
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        String embedding = plural ? "backbone.embeddings.weight" : "backbone.embedding.weight";
        int width = shapes.length(embedding, 1);
        // What the released package builds its layers with.
        String own = plural ? "" : "ssm_cfg.";
        told.require("hidden_act", "silu", "swish");
        Mamba2Sizes sizes = Mamba2Sizes.of(shapes, FIRST + "A_log", FIRST + "out_proj.weight", FIRST + "conv1d.weight",
                told.whole(own + "ngroups", told.whole("n_groups", 1)),
                (plural ? "n_groups" : own + "ngroups") + " of config.json");
        boolean bias = shapes.has(FIRST + "in_proj.bias");
        boolean shortBias = shapes.has(FIRST + "conv1d.bias");
        double epsilon = told.number("layer_norm_epsilon", EPSILON);
        String limit = plural ? "time_step_limit" : own + "dt_limit";
        double longest = told.entry(limit, 1, Double.MAX_VALUE);
        Mamba2Config mixer = new Mamba2Config(sizes.heads(), sizes.headWidth(), sizes.keyWidth(), sizes.groups(),
                sizes.taps(), !plural,
                !plural && told.is(own + "norm_before_gate", false), epsilon, told.entry(limit, 0, 0),
                Math.min(longest, Double.MAX_VALUE), shortBias, bias);
        boolean tied = !shapes.has("lm_head.weight") || told.tied(!plural);
        StackConfig config = new StackConfig(shapes.length(embedding, 0), width, CONTEXT, NormKind.RMS, epsilon, tied,
                Collections.nCopies(layers, mixer));
        NamingTable names = NamingTable.read("mamba2", layers, 1, (word, layer) -> switch (word) {
            case "plural" -> plural;
            case "single" -> !plural;
            case "tied" -> tied;
            case "untied" -> !tied;
            case "bias" -> bias;
            case "shortBias" -> shortBias;
            default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
        });
        return Optional.of(new Blueprint("Mamba-2, " + (plural ? "naming of Hugging Face" : "as released"), config,
                names, 0, Map.of()));
    }
}
