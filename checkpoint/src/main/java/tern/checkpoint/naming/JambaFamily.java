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
import tern.mixers.mamba.MambaConfig;
import tern.mixers.mamba.MambaVariation;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Jamba as released and as Hugging Face saves it (arXiv 2403.19887): Mamba whose steps, B and C are normalised, or grouped attention
 * without positions, then SwiGLU or experts, whose weights are those of a softmax over all of them, not divided by their sum. Which
 * layer is which follows from names.
 */
final class JambaFamily implements Family {
    private static final double EPSILON = 1e-6;
    private static final String TABLE = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";

    @Override
    public String name() {
        return "Jamba";
    }

    /** Whether a file holds Mamba, not Mamba-2, in a model under these names. */
    static boolean is(Shapes shapes) {
        return shapes.has(TABLE) && shapes.has("model.layers.0.pre_ff_layernorm.weight")
                && shapes.any(name -> name.endsWith(".mamba.x_proj.weight"));
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        return is(shapes) ? Optional.of(new Found(shapes, new HuggingFaceConfig(file)).blueprint()) : Optional.empty();
    }

    private record Found(Shapes shapes, HuggingFaceConfig told) {
        Blueprint blueprint() throws MalformedFileException {
            told.require("hidden_act", "silu", "swish");
            int layers = shapes.layers("model.layers.{i}.input_layernorm.weight");
            double epsilon = told.number("rms_norm_eps", EPSILON);
            List<MixerConfig> branches = new ArrayList<>();
            int experts = 0;
            for (int layer = 0; layer < layers; layer++) {
                String own = "model.layers." + layer + ".";
                branches.add(shapes.has(own + "mamba.A_log") ? mamba(own + "mamba.", epsilon)
                        : attention(own + "self_attn."));
                if (shapes.has(own + "feed_forward.router.weight")) {
                    ExpertsConfig mixture = experts(own + "feed_forward.");
                    experts = mixture.experts();
                    branches.add(mixture);
                } else {
                    branches.add(GatedMlpConfig.gated(shapes.length(own + "feed_forward.gate_proj.weight", 0),
                            Activation.SILU));
                }
            }
            boolean tied = !shapes.has(HEAD) || told.tied(false);
            StackConfig config = new StackConfig(shapes.length(TABLE, 0), shapes.length(TABLE, 1), told.context(),
                    NormKind.RMS, epsilon, tied, branches);
            NamingTable names = NamingTable.read("jamba",
                    NamingTable.Layers.of(layers, 2, Map.of()).withExperts(experts),
                    (word, layer) -> has("model.layers." + layer + ".", word, tied));
            return new Blueprint("Jamba" + (experts > 0 ? ", a mixture of experts" : ""), config, names, 0, Map.of());
        }

        private boolean has(String own, String word, boolean tied) {
            boolean mixture = shapes.has(own + "feed_forward.router.weight");
            return switch (word) {
                case "untied" -> !tied;
                case "tied" -> tied;
                case "mamba" -> shapes.has(own + "mamba.A_log");
                case "mambaBias" -> shapes.has(own + "mamba.in_proj.bias");
                case "shortBias" -> shapes.has(own + "mamba.conv1d.bias");
                case "attention" -> shapes.has(own + "self_attn.q_proj.weight");
                case "dense" -> !mixture;
                case "experts" -> mixture;
                default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
            };
        }

        private MixerConfig mamba(String own, double epsilon) throws MalformedFileException {
            int inner = shapes.length(own + "A_log", 0);
            return new MambaConfig(inner, shapes.elements(own + "A_log") / inner,
                    shapes.elements(own + "dt_layernorm.weight"), shapes.elements(own + "conv1d.weight") / inner, true,
                    epsilon, 1, shapes.has(own + "conv1d.bias"), shapes.has(own + "in_proj.bias"),
                    Optional.of(new MambaVariation(true)));
        }

        private MixerConfig attention(String own) throws MalformedFileException {
            int headWidth = shapes.headWidth(told, own + "q_proj.weight");
            return new GroupedAttentionConfig(shapes.heads(own + "q_proj.weight", headWidth),
                    shapes.heads(own + "k_proj.weight", headWidth), headWidth, 0, 0, false, Optional.empty(), 1, false,
                    false);
        }

        private ExpertsConfig experts(String own) throws MalformedFileException {
            return new ExpertsConfig(shapes.length(own + "router.weight", 0),
                    shapes.atMost(told, "num_experts_per_tok", own + "router.weight"),
                    shapes.length(own + "experts.0.gate_proj.weight", 0), Activation.SILU, true,
                    ExpertsConfig.Scoring.SOFTMAX, false, Optional.empty(), 1, Optional.empty());
        }
    }
}
