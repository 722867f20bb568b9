package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mamba.Mamba2Variation;
import tern.mixers.parallel.ParallelConfig;
import tern.mixers.parallel.ParallelPart;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Falcon-H1 as Hugging Face saves it: Mamba-2 and grouped attention side by side, then SwiGLU. Multipliers come from the configuration: of
 * x, B and C they are folded into the short filter, of logits into the last norm; the others multiply activations, so that matrices
 * stay as they are stored.
 */
final class FalconHybridFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final double ROPE_BASE = 10_000;
    private static final String FIRST = "model.layers.0.";

    @Override
    public String name() {
        return "Falcon-H1";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (!shapes.has(FIRST + "mamba.A_log") || !shapes.has(FIRST + "self_attn.q_proj.weight")
                || !shapes.has(FIRST + "pre_ff_layernorm.weight")) {
            return Optional.empty();
        }
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        told.require("hidden_act", "silu", "swish");
        int layers = shapes.layers("model.layers.{i}.mamba.A_log");
        double epsilon = told.number("rms_norm_eps", EPSILON);
        Mamba2Config mamba = mamba(shapes, told, epsilon);
        MixerConfig both = new ParallelConfig(
                List.of(new ParallelPart(mamba, told.number("ssm_in_multiplier", 1),
                        told.number("ssm_out_multiplier", 1)),
                        new ParallelPart(attention(shapes, told), told.number("attention_in_multiplier", 1),
                                told.number("attention_out_multiplier", 1))));
        MixerConfig mlp = new GatedMlpConfig(shapes.length(FIRST + "feed_forward.gate_proj.weight", 0), Activation.SILU,
                true, shapes.has(FIRST + "feed_forward.gate_proj.bias"),
                Optional.of(told.entry("mlp_multipliers", 0, 1)).filter(factor -> factor != 1),
                Optional.of(told.entry("mlp_multipliers", 1, 1)).filter(factor -> factor != 1));
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(both);
            branches.add(mlp);
        }
        boolean tied = !shapes.has("lm_head.weight");
        String table = "model.embed_tokens.weight";
        StackConfig config = new StackConfig(shapes.length(table, 0), shapes.length(table, 1), told.context(),
                NormKind.RMS, epsilon, Optional.empty(), Optional.empty(), tied, branches, Optional.empty(),
                Optional.empty(), Optional.empty(),
                Optional.of(told.number("embedding_multiplier", 1)).filter(factor -> factor != 1));
        int keys = mamba.groups() * mamba.stateWidth();
        Map<String, String> words = Map.of("logits", Double.toString(told.number("lm_head_multiplier", 1)), "streams",
                told.entry("ssm_multipliers", 1, 1) + "," + told.entry("ssm_multipliers", 2, 1) + ","
                        + told.entry("ssm_multipliers", 3, 1),
                "channels", mamba.heads() * mamba.headWidth() + "," + keys + "," + keys);
        NamingTable names = NamingTable.read("falcon-h1", NamingTable.Layers.of(layers, 2, words),
                (word, layer) -> switch (word) {
                    case "untied" -> !tied;
                    case "normed" -> shapes.has(FIRST + "mamba.norm.weight");
                    case "mambaBias" -> shapes.has(FIRST + "mamba.in_proj.bias");
                    case "shortBias" -> shapes.has(FIRST + "mamba.conv1d.bias");
                    case "attentionBias" -> shapes.has(FIRST + "self_attn.q_proj.bias");
                    case "outputBias" -> shapes.has(FIRST + "self_attn.o_proj.bias");
                    case "mlpBias" -> shapes.has(FIRST + "feed_forward.gate_proj.bias");
                    default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
                });
        return Optional.of(new Blueprint("Falcon-H1", config, names, 0, Map.of()));
    }

    private static Mamba2Config mamba(Shapes shapes, HuggingFaceConfig told, double epsilon)
            throws MalformedFileException {
        String own = FIRST + "mamba.";
        Mamba2Sizes sizes = Mamba2Sizes.of(shapes, own + "A_log", own + "out_proj.weight", own + "conv1d.weight",
                told.whole("mamba_n_groups", 1), "mamba_n_groups of config.json");
        double longest = Math.min(told.entry("time_step_limit", 1, Double.MAX_VALUE), Double.MAX_VALUE);
        return new Mamba2Config(sizes.heads(), sizes.headWidth(), sizes.keyWidth(), sizes.groups(), sizes.taps(), true,
                told.is("mamba_norm_before_gate", true), epsilon,
                told.entry("time_step_limit", 0, 0), longest, shapes.has(own + "conv1d.bias"),
                shapes.has(own + "in_proj.bias"),
                Optional.of(new Mamba2Variation(shapes.has(own + "norm.weight"), told.entry("ssm_multipliers", 0, 1),
                        told.entry("ssm_multipliers", 4, 1))));
    }

    private static MixerConfig attention(Shapes shapes, HuggingFaceConfig told) throws MalformedFileException {
        String own = FIRST + "self_attn.";
        int headWidth = shapes.headWidth(told, own + "q_proj.weight");
        return told.stretched(new GroupedAttentionConfig(shapes.heads(own + "q_proj.weight", headWidth),
                shapes.heads(own + "k_proj.weight", headWidth), headWidth,
                told.stretchedRopeBase(ROPE_BASE), headWidth, false, Optional.empty(), told.number("key_multiplier", 1),
                shapes.has(own + "q_proj.bias"), shapes.has(own + "o_proj.bias")));
    }
}
