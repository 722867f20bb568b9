package tern.checkpoint.naming;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.TensorFile;
import tern.mixers.mamba.MambaConfig;
import tern.model.NormKind;
import tern.model.StackConfig;

/**
 * Mamba as released, as Hugging Face transformers save it and as llama.cpp names it, and Falcon-Mamba, which normalises steps, B
 * and C besides. All numbers follow from shapes; whether it is Falcon's only the configuration tells, by its model type: the released one has
 * no epsilon of these norms.
 */
final class MambaFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final double FALCON_EPSILON = 1e-6;
    private static final int CONTEXT = 2048;

    /** Where the tensors of one naming are. */
    private record Places(String naming, String table, String embedding, String head, String in, String filter,
            String steps, String rates, String layer) {
    }

    private static final String MIXER = "backbone.layers.0.mixer.";
    private static final Places RELEASED = new Places("as released", "mamba", "backbone.embedding.weight",
            "lm_head.weight", MIXER + "in_proj", MIXER + "conv1d", MIXER + "dt_proj", MIXER + "A_log",
            "backbone.layers.{i}.mixer.in_proj.weight");
    private static final Places HUGGING_FACE = new Places("naming of Hugging Face", "mamba",
            "backbone.embeddings.weight", "lm_head.weight", MIXER + "in_proj", MIXER + "conv1d", MIXER + "dt_proj",
            MIXER + "A_log", "backbone.layers.{i}.mixer.in_proj.weight");
    private static final Places LLAMA = new Places("naming of llama.cpp", "mamba-gguf", "token_embd.weight",
            "output.weight", "blk.0.ssm_in", "blk.0.ssm_conv1d", "blk.0.ssm_dt", "blk.0.ssm_a",
            "blk.{i}.ssm_in.weight");

    @Override
    public String name() {
        return "Mamba";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        for (Places places : List.of(RELEASED, HUGGING_FACE, LLAMA)) {
            if (places == LLAMA && file.text("general.architecture").orElse("").equals("jamba")) {
                continue;
            }
            if (shapes.has(places.embedding) && shapes.has(places.steps + ".weight") && shapes.has(places.rates)) {
                return Optional.of(found(file, shapes, places));
            }
        }
        return Optional.empty();
    }

    private static Blueprint found(TensorFile file, Shapes shapes, Places places) throws MalformedFileException {
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        boolean llama = places == LLAMA;
        if (!llama) {
            told.require("hidden_act", "silu", "swish");
        }
        int inner = shapes.length(places.rates, 0);
        boolean falcon = llama ? file.metadata().get("mamba.ssm.dt_b_c_rms") instanceof Metadatum.Flag(boolean is) && is
                : told.word("model_type", "").equals("falcon_mamba") || told.number("mixer_rms_eps", 0) > 0;
        double epsilon = llama ? LlamaMamba.epsilon(file, "mamba.attention.layer_norm_rms_epsilon", EPSILON)
                : told.number("layer_norm_epsilon", EPSILON);
        boolean bias = shapes.has(places.in + ".bias");
        boolean shortBias = shapes.has(places.filter + ".bias");
        MambaConfig mixer = new MambaConfig(inner, shapes.elements(places.rates) / inner,
                shapes.elements(places.steps + ".weight") / inner, shapes.elements(places.filter + ".weight") / inner,
                falcon, told.number("mixer_rms_eps", FALCON_EPSILON), 1, shortBias, bias);
        boolean tied = !shapes.has(places.head) || !llama && told.tied(true);
        int layers = shapes.layers(places.layer);
        StackConfig config = new StackConfig(shapes.length(places.embedding, 0), shapes.length(places.embedding, 1),
                CONTEXT, NormKind.RMS, epsilon, tied, Collections.nCopies(layers, mixer));
        NamingTable names = NamingTable.read(places.table, layers, 1, (word, layer) -> switch (word) {
            case "plural" -> places == HUGGING_FACE;
            case "single" -> places == RELEASED;
            case "tied" -> tied;
            case "untied" -> !tied;
            case "bias" -> bias;
            case "shortBias" -> shortBias;
            default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
        });
        return new Blueprint((falcon ? "Falcon-Mamba, " : "Mamba, ") + places.naming, config, names, 0, Map.of());
    }
}
