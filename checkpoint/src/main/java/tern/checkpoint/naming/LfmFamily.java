package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.experts.ExpertsConfig;
import tern.mixers.shortconv.GatedShortConvConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * LFM2, gated short convolutions and grouped attention over SwiGLU layers or experts, as Hugging Face saves it. Shapes tell all but
 * the base of the rotary angles and how many experts are chosen.
 */
final class LfmFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final double ROPE_BASE = 1_000_000;
    private static final double WEIGHT_EPSILON = 1e-6;
    private static final String LAYER = "model.layers.{i}.";

    @Override
    public String name() {
        return "LFM2";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (!shapes.has("model.layers.0.operator_norm.weight")) {
            return Optional.empty();
        }
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        double epsilon = told.number("norm_eps", EPSILON);
        int layers = shapes.layers(LAYER + "operator_norm.weight");
        int experts = 0;
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            String own = "model.layers." + layer + ".";
            branches.add(shapes.has(own + "conv.conv.weight")
                    ? new GatedShortConvConfig(shapes.length(own + "conv.conv.weight", -1),
                            shapes.has(own + "conv.conv.bias"))
                    : attention(shapes, own + "self_attn.", told, epsilon));
            if (shapes.has(own + "feed_forward.gate.weight")) {
                ExpertsConfig mixture = experts(shapes, told, own + "feed_forward.");
                experts = mixture.experts();
                branches.add(mixture);
            } else {
                branches.add(GatedMlpConfig.gated(shapes.length(own + "feed_forward.w1.weight", 0), Activation.SILU));
            }
        }
        boolean tied = !shapes.has("lm_head.weight");
        StackConfig config = new StackConfig(shapes.length("model.embed_tokens.weight", 0),
                shapes.length("model.embed_tokens.weight", 1), told.context(), NormKind.RMS, epsilon, tied, branches);
        NamingTable names = NamingTable.read("lfm2",
                NamingTable.Layers.of(layers, 2, Map.of()).withExperts(experts),
                (word, layer) -> word.equals("untied") ? !tied
                        : has(shapes, LAYER.replace("{i}", Integer.toString(layer)), word));
        return Optional.of(new Blueprint("LFM2", config, names, 0, Map.of()));
    }

    private static boolean has(Shapes shapes, String layer, String word) {
        return switch (word) {
            case "conv" -> shapes.has(layer + "conv.conv.weight");
            case "convBias" -> shapes.has(layer + "conv.conv.bias");
            case "attention" -> shapes.has(layer + "self_attn.q_proj.weight");
            case "dense" -> shapes.has(layer + "feed_forward.w1.weight");
            case "experts" -> shapes.has(layer + "feed_forward.gate.weight");
            case "corrected" -> shapes.has(layer + "feed_forward.expert_bias");
            default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
        };
    }

    private static MixerConfig attention(Shapes shapes, String own, HuggingFaceConfig told, double epsilon)
            throws MalformedFileException {
        int headWidth = shapes.elements(own + "q_layernorm.weight");
        return told.stretched(GroupedAttentionConfig.normed(shapes.heads(own + "q_proj.weight", headWidth),
                shapes.heads(own + "k_proj.weight", headWidth), headWidth,
                told.stretchedRopeBase(told.number("theta", ROPE_BASE)), epsilon));
    }

    private static ExpertsConfig experts(Shapes shapes, HuggingFaceConfig told, String own)
            throws MalformedFileException {
        return new ExpertsConfig(shapes.length(own + "gate.weight", 0),
                shapes.atMost(told, "num_experts_per_tok", own + "gate.weight"),
                shapes.length(own + "experts.0.w1.weight", 0), Activation.SILU, true, ExpertsConfig.Scoring.SIGMOID,
                shapes.has(own + "expert_bias"),
                told.is("norm_topk_prob", true) ? Optional.of(WEIGHT_EPSILON) : Optional.empty(),
                told.number("routed_scaling_factor", 1), Optional.empty());
    }
}
