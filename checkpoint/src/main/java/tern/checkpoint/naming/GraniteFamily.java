package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.experts.ExpertsConfig;
import tern.mixers.experts.SharedExpert;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.parallel.ParallelConfig;
import tern.mixers.parallel.ParallelPart;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Granite 4.0, hybrid or of attention alone, and Bamba as Hugging Face saves them: Mamba-2 or grouped attention, then SwiGLU or experts
 * beside a shared one. The norm of Mamba-2 is over all channels. Multipliers come from the configuration: of logits it is folded into
 * the last norm, of scores it is on the keys, of branches it multiplies what they give.
 */
final class GraniteFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final double ROPE_BASE = 10_000;
    /** Share of a head that turns in Bamba, whatever its configuration says. */
    private static final double BAMBA_TURNING = 0.5;
    private static final String TABLE = "model.embed_tokens.weight";

    @Override
    public String name() {
        return "Granite 4.0 and Bamba";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        boolean mamba = shapes.any(name -> name.endsWith(".mamba.A_log"));
        boolean granite = shapes.has("model.layers.0.shared_mlp.input_linear.weight")
                && (mamba || told.word("model_type", "").equals("granitemoehybrid"));
        boolean bamba = mamba && !JambaFamily.is(shapes) && shapes.has("model.layers.0.feed_forward.gate_proj.weight")
                && shapes.has("model.layers.0.pre_ff_layernorm.weight")
                && !shapes.has("model.layers.0.self_attn.q_proj.weight");
        if (!shapes.has(TABLE) || !granite && !bamba) {
            return Optional.empty();
        }
        return Optional.of(new Found(shapes, told, granite, mamba).blueprint());
    }

    private record Found(Shapes shapes, HuggingFaceConfig told, boolean granite, boolean mamba) {
        Blueprint blueprint() throws MalformedFileException {
            told.require("hidden_act", "silu", "swish");
            int layers = shapes.layers("model.layers.{i}.input_layernorm.weight");
            double epsilon = told.number("rms_norm_eps", EPSILON);
            double residual = granite ? told.number("residual_multiplier", 1) : 1;
            List<MixerConfig> branches = new ArrayList<>();
            Map<String, String> words = new HashMap<>();
            words.put("part", residual == 1 ? "" : "0.");
            words.put("finalNorm", granite ? "norm" : "final_layernorm");
            words.put("secondNorm", granite ? "post_attention_layernorm" : "pre_ff_layernorm");
            words.put("logits", Double.toString(granite ? 1 / told.number("logits_scaling", 1) : 1));
            words.put("inner", "0");
            words.put("both", "0");
            int experts = 0;
            for (int layer = 0; layer < layers; layer++) {
                String own = "model.layers." + layer + ".";
                branches.add(scaled(shapes.has(own + "mamba.A_log") ? mamba(own + "mamba.", epsilon)
                        : attention(own + "self_attn."), residual));
                int shared = granite ? shapes.length(own + "shared_mlp.output_linear.weight", 1)
                        : shapes.length(own + "feed_forward.gate_proj.weight", 0);
                words.put("shared", Integer.toString(shared));
                words.put("sharedBoth", Integer.toString(2 * shared));
                if (shapes.has(own + "block_sparse_moe.router.layer.weight")) {
                    ExpertsConfig mixture = experts(own + "block_sparse_moe.", shared);
                    experts = mixture.experts();
                    words.put("inner", Integer.toString(mixture.inner()));
                    words.put("both", Integer.toString(2 * mixture.inner()));
                    branches.add(scaled(mixture, residual));
                } else {
                    branches.add(scaled(GatedMlpConfig.gated(shared, Activation.SILU), residual));
                }
            }
            boolean tied = !shapes.has("lm_head.weight");
            double embedding = granite ? told.number("embedding_multiplier", 1) : 1;
            StackConfig config = new StackConfig(shapes.length(TABLE, 0), shapes.length(TABLE, 1), told.context(),
                    NormKind.RMS, epsilon, Optional.empty(), Optional.empty(), tied, branches, Optional.empty(),
                    Optional.empty(), Optional.empty(), Optional.of(embedding).filter(factor -> factor != 1));
            NamingTable names = NamingTable.read("granite",
                    NamingTable.Layers.of(layers, 2, words).withExperts(experts),
                    (word, layer) -> word.equals("untied") ? !tied : has("model.layers." + layer + ".", word));
            String kind = granite ? mamba ? "Granite 4.0-H" : "Granite 4.0" : "Bamba";
            return new Blueprint(kind + (experts > 0 ? ", a mixture of experts" : ""), config, names, 0, Map.of());
        }

        private static MixerConfig scaled(MixerConfig mixer, double factor) {
            return factor == 1 ? mixer : new ParallelConfig(List.of(new ParallelPart(mixer, 1, factor)));
        }

        private boolean has(String own, String word) {
            boolean mixture = shapes.has(own + "block_sparse_moe.router.layer.weight");
            return switch (word) {
                case "mamba" -> shapes.has(own + "mamba.A_log");
                case "mambaBias" -> shapes.has(own + "mamba.in_proj.bias");
                case "shortBias" -> shapes.has(own + "mamba.conv1d.bias");
                case "attention" -> shapes.has(own + "self_attn.q_proj.weight");
                case "attentionBias" -> shapes.has(own + "self_attn.q_proj.bias");
                case "outputBias" -> shapes.has(own + "self_attn.o_proj.bias");
                case "experts" -> mixture;
                case "dense" -> granite && !mixture;
                case "apart" -> !granite;
                default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
            };
        }

        private MixerConfig mamba(String own, double epsilon) throws MalformedFileException {
            Mamba2Sizes sizes = Mamba2Sizes.of(shapes, own + "A_log", own + "out_proj.weight", own + "conv1d.weight",
                    told.whole("mamba_n_groups", 1), "mamba_n_groups of config.json");
            return new Mamba2Config(sizes.heads(), sizes.headWidth(), sizes.keyWidth(), sizes.groups(), sizes.taps(),
                    false, false, epsilon,
                    told.entry("time_step_limit", 0, 0),
                    Math.min(told.entry("time_step_limit", 1, Double.MAX_VALUE), Double.MAX_VALUE),
                    shapes.has(own + "conv1d.bias"), shapes.has(own + "in_proj.bias"));
        }

        private MixerConfig attention(String own) throws MalformedFileException {
            int headWidth = shapes.headWidth(told, own + "q_proj.weight");
            boolean turned = !granite || told.word("position_embedding_type", "nope").equals("rope");
            double keyScale = granite ? told.number("attention_multiplier", 1) * Math.sqrt(headWidth) : 1;
            GroupedAttentionConfig plain = new GroupedAttentionConfig(shapes.heads(own + "q_proj.weight", headWidth),
                    shapes.heads(own + "k_proj.weight", headWidth), headWidth,
                    turned ? told.stretchedRopeBase(ROPE_BASE) : 0,
                    granite ? headWidth : (int) (headWidth * BAMBA_TURNING), false, Optional.empty(), keyScale,
                    shapes.has(own + "q_proj.bias"), shapes.has(own + "o_proj.bias"));
            return turned ? told.stretched(plain) : plain;
        }

        private ExpertsConfig experts(String own, int shared) throws MalformedFileException {
            return new ExpertsConfig(shapes.length(own + "router.layer.weight", 0),
                    shapes.atMost(told, "num_experts_per_tok", own + "router.layer.weight"),
                    shapes.length(own + "output_linear.weight", -1), Activation.SILU, true,
                    ExpertsConfig.Scoring.SOFTMAX, false, Optional.of(0.0), 1,
                    Optional.of(new SharedExpert(shared, false)));
        }
    }
}
