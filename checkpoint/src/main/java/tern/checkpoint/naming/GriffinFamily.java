package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.attention.LocalAttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.griffin.RgLruConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;

/**
 * RecurrentGemma as Hugging Face transformers save it. Which layers attend follows from their tensors; window, heads of
 * attention, angles and cap come from the configuration.
 */
final class GriffinFamily implements Family {
    private static final double EPSILON = 1e-6;
    private static final int WINDOW = 2048;
    private static final double ROPE = 10_000;
    private static final double CAP = 30;
    private static final int CONTEXT = 8192;
    private static final String BLOCK = "model.layers.{i}.temporal_block.";
    private static final String GATE = "rg_lru.input_gate_weight";

    @Override
    public String name() {
        return "RecurrentGemma";
    }

    private static String at(int layer, String name) {
        return BLOCK.replace("{i}", Integer.toString(layer)) + name;
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        String embedding = "model.embed_tokens.weight";
        if (!shapes.has(embedding) || !shapes.any(name -> name.endsWith("temporal_block." + GATE))) {
            return Optional.empty();
        }
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        told.require("hidden_activation", "gelu_pytorch_tanh");
        int width = shapes.length(embedding, 1);
        int layers = shapes.layers("model.layers.{i}.temporal_pre_norm.weight");
        List<MixerConfig> branches = new ArrayList<>();
        boolean[] recurrent = new boolean[layers];
        for (int layer = 0; layer < layers; layer++) {
            recurrent[layer] = shapes.has(at(layer, GATE));
            branches.add(recurrent[layer] ? recurrence(shapes, layer) : attention(file, shapes, told, layer));
            branches.add(new GatedMlpConfig(
                    shapes.length("model.layers." + layer + ".mlp_block.gate_proj.weight", 0), Activation.GELU, true,
                    true));
        }
        boolean tied = !shapes.has("lm_head.weight") || told.is("tie_word_embeddings", true);
        double cap = told.number("logits_soft_cap", CAP);
        StackConfig config = new StackConfig(shapes.length(embedding, 0), width, CONTEXT, NormKind.RMS,
                told.number("rms_norm_eps", EPSILON), Optional.empty(), Optional.empty(), tied, branches,
                Optional.empty(), Optional.empty(), cap > 0 ? Optional.of(cap) : Optional.empty(),
                Optional.of(rounded(Math.sqrt(width))));
        NamingTable names = NamingTable.read("griffin", layers, 2, (word, layer) -> switch (word) {
            case "recurrent" -> recurrent[layer];
            case "attention" -> !recurrent[layer];
            case "tied" -> tied;
            case "untied" -> !tied;
            default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
        });
        return Optional.of(new Blueprint("RecurrentGemma", config, names, 0, Map.of()));
    }

    private static MixerConfig recurrence(Shapes shapes, int layer) throws MalformedFileException {
        int inner = shapes.elements(at(layer, "rg_lru.recurrent_param"));
        int squares = shapes.elements(at(layer, GATE));
        // Heads of (inner/heads)² numbers each.
        int heads = (int) ((long) inner * inner / squares);
        return new RgLruConfig(inner, heads, shapes.elements(at(layer, "conv_1d.weight")) / inner);
    }

    private static MixerConfig attention(TensorFile file, Shapes shapes, HuggingFaceConfig told, int layer)
            throws MalformedFileException {
        int queries = shapes.length(at(layer, "q_proj.weight"), 0);
        int keys = shapes.length(at(layer, "k_proj.weight"), 0);
        int keyHeads = Math.max(1, (int) told.whole("num_key_value_heads", 1));
        int headWidth = keys / keyHeads;
        if (keys % keyHeads != 0 || queries % headWidth != 0) {
            throw new MalformedFileException(file.path() + ": " + queries + " channels of queries and " + keys
                    + " of keys in layer " + layer + " do not make heads of which " + keyHeads
                    + " are keys'; num_key_value_heads of config.json may be wrong");
        }
        double base = told.ropeBase(ROPE);
        double share = told.number("partial_rotary_factor",
                told.number("rope_parameters.partial_rotary_factor", 0.5));
        int window = (int) told.whole("attention_window_size", WINDOW);
        return new LocalAttentionConfig(queries / headWidth, keyHeads, headWidth, window == 0 ? WINDOW : window, base,
                (int) (headWidth * share), shapes.has(at(layer, "o_proj.bias")));
    }

    /** To BF16, as the library rounds it. */
    private static double rounded(double value) {
        try (Memory memory = new Memory()) {
            return memory.zeros(DType.BF16, 1).fill(value).get(0);
        }
    }
}
