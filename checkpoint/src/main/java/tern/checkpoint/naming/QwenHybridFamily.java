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
import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.delta.SharedKeys;
import tern.mixers.experts.ExpertsConfig;
import tern.mixers.experts.SharedExpert;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Qwen3-Next and the text models of Qwen3.5: gated delta rules, every fourth layer gated attention, over SwiGLU layers or experts, as
 * Hugging Face saves them. What sees images and what guesses further tokens is left out. Shapes tell all but the number of key heads,
 * rotary positions and how many experts are chosen.
 */
final class QwenHybridFamily implements Family {
    private static final double EPSILON = 1e-6;
    private static final double ROPE_BASE = 10_000;
    private static final double TURNING = 0.25;

    @Override
    public String name() {
        return "Qwen3-Next and Qwen3.5";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        String root = shapes.has("model.language_model.embed_tokens.weight") ? "model.language_model." : "model.";
        if (!shapes.has(root + "embed_tokens.weight") || !shapes.any(name -> name.endsWith(".linear_attn.A_log"))) {
            return Optional.empty();
        }
        return Optional.of(new Found(shapes, new HuggingFaceConfig(file), root).blueprint());
    }

    private record Found(Shapes shapes, HuggingFaceConfig told, String root) {
        Blueprint blueprint() throws MalformedFileException {
            told.require("hidden_act", "silu", "swish");
            int layers = shapes.layers(root + "layers.{i}.input_layernorm.weight");
            double epsilon = told.number("rms_norm_eps", EPSILON);
            List<MixerConfig> branches = new ArrayList<>();
            int experts = 0;
            int inner = 0;
            Map<String, String> words = Map.of();
            for (int layer = 0; layer < layers; layer++) {
                String own = root + "layers." + layer + ".";
                if (shapes.has(own + "linear_attn.A_log")) {
                    DeltaNetConfig delta = delta(own + "linear_attn.", epsilon);
                    words = words(delta);
                    branches.add(delta);
                } else {
                    branches.add(attention(own + "self_attn.", epsilon));
                }
                if (shapes.has(own + "mlp.gate.weight")) {
                    ExpertsConfig mixture = experts(own + "mlp.");
                    experts = mixture.experts();
                    inner = mixture.inner();
                    branches.add(mixture);
                } else {
                    branches.add(GatedMlpConfig.gated(shapes.length(own + "mlp.gate_proj.weight", 0), Activation.SILU));
                }
            }
            boolean tied = !shapes.has("lm_head.weight");
            StackConfig config = new StackConfig(shapes.length(root + "embed_tokens.weight", 0),
                    shapes.length(root + "embed_tokens.weight", 1), told.context(), NormKind.RMS, epsilon, tied,
                    branches);
            Map<String, String> all = new HashMap<>(words);
            all.put("root", root);
            all.put("inner", Integer.toString(inner));
            all.put("both", Integer.toString(2 * inner));
            NamingTable names = NamingTable.read("qwen-hybrid",
                    NamingTable.Layers.of(layers, 2, all).withExperts(experts),
                    (word, layer) -> word.equals("untied") ? !tied : has(root + "layers." + layer + ".", word));
            String kind = shapes.any(name -> name.endsWith(".in_proj_qkvz.weight")) ? "Qwen3-Next" : "Qwen3.5";
            return new Blueprint(kind + (experts > 0 ? ", a mixture of experts" : ""), config, names, 0, Map.of());
        }

        private boolean has(String layer, String word) {
            return switch (word) {
                case "delta" -> shapes.has(layer + "linear_attn.A_log");
                case "fused" -> shapes.has(layer + "linear_attn.in_proj_qkvz.weight");
                case "apart" -> shapes.has(layer + "linear_attn.in_proj_qkv.weight");
                case "attention" -> shapes.has(layer + "self_attn.q_proj.weight");
                case "dense" -> shapes.has(layer + "mlp.gate_proj.weight");
                case "experts" -> shapes.has(layer + "mlp.gate.weight");
                case "packed" -> shapes.has(layer + "mlp.experts.gate_up_proj");
                case "single" -> shapes.has(layer + "mlp.experts.0.gate_proj.weight");
                case "shared" -> shapes.has(layer + "mlp.shared_expert.gate_proj.weight");
                case "sharedGate" -> shapes.has(layer + "mlp.shared_expert_gate.weight");
                default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
            };
        }

        /** Where the parts of fused projections lie: rows of a key head's query, key, values and gates. */
        private static Map<String, String> words(DeltaNetConfig delta) {
            int keyHeads = delta.shared().orElseThrow().heads();
            int share = delta.heads() / keyHeads;
            String values = Integer.toString(share * delta.valueWidth());
            return Map.of("keyHeads", Integer.toString(keyHeads), "keyWidth", Integer.toString(delta.keyWidth()),
                    "values", values, "share", Integer.toString(share));
        }

        private DeltaNetConfig delta(String own, double epsilon) throws MalformedFileException {
            int heads = shapes.elements(own + "A_log");
            int valueWidth = shapes.elements(own + "norm.weight");
            int keys = (shapes.length(own + "conv1d.weight", 0) - heads * valueWidth) / 2;
            int keyHeads = (int) told.whole("linear_num_key_heads", 0);
            if (keyHeads < 1 || heads % keyHeads != 0 || keys < keyHeads || keys % keyHeads != 0) {
                throw new MalformedFileException(shapes.file().path() + ": " + keyHeads
                        + " key heads (linear_num_key_heads of config.json, which must lie beside the tensors) do not fit "
                        + heads + " value heads of \"" + own + "A_log\" and " + keys + " keys of \"" + own
                        + "conv1d.weight\"");
            }
            return DeltaNetConfig.grouped(heads, SharedKeys.byNeighbours(keyHeads), keys / keyHeads, valueWidth,
                    shapes.length(own + "conv1d.weight", -1), epsilon);
        }

        private MixerConfig attention(String own, double epsilon) throws MalformedFileException {
            int headWidth = shapes.elements(own + "q_norm.weight");
            double turning = told.number("rope_parameters.partial_rotary_factor",
                    told.number("partial_rotary_factor", TURNING));
            return told.stretched(new GroupedAttentionConfig(shapes.heads(own + "q_proj.weight", 2 * headWidth),
                    shapes.heads(own + "k_proj.weight", headWidth), headWidth, told.stretchedRopeBase(ROPE_BASE),
                    (int) (headWidth * turning), true, Optional.of(epsilon), 1, shapes.has(own + "q_proj.bias"),
                    shapes.has(own + "o_proj.bias")));
        }

        private ExpertsConfig experts(String own) throws MalformedFileException {
            boolean packed = shapes.has(own + "experts.down_proj");
            int inner = packed ? shapes.length(own + "experts.down_proj", -1)
                    : shapes.length(own + "experts.0.gate_proj.weight", 0);
            String shared = own + "shared_expert.gate_proj.weight";
            return new ExpertsConfig(shapes.length(own + "gate.weight", 0),
                    shapes.atMost(told, "num_experts_per_tok", own + "gate.weight"), inner, Activation.SILU, true,
                    ExpertsConfig.Scoring.SOFTMAX, false,
                    told.is("norm_topk_prob", true) ? Optional.of(0.0) : Optional.empty(), 1,
                    shapes.has(shared) ? Optional.of(new SharedExpert(shapes.length(shared, 0),
                            shapes.has(own + "shared_expert_gate.weight"))) : Optional.empty());
        }
    }
}
