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
import tern.mixers.experts.SharedExpert;
import tern.mixers.mamba.Mamba2Config;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Nemotron-H as Hugging Face saves it: layers of one branch each, Mamba-2, attention without positions, plain layers or experts with
 * squared ReLU. Which layer is which follows from names; heads of attention and groups from the configuration.
 */
final class NemotronFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final double WEIGHT_EPSILON = 1e-20;

    @Override
    public String name() {
        return "Nemotron-H";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        String root = shapes.has("backbone.embeddings.weight") ? "backbone." : "model.";
        if (!shapes.has(root + "embeddings.weight") || !shapes.has(root + "layers.0.norm.weight")
                || !shapes.any(name -> name.endsWith(".mixer.q_proj.weight"))) {
            return Optional.empty();
        }
        return Optional.of(new Found(shapes, new HuggingFaceConfig(file), root).blueprint());
    }

    private record Found(Shapes shapes, HuggingFaceConfig told, String root) {
        Blueprint blueprint() throws MalformedFileException {
            told.require("mamba_hidden_act", "silu", "swish");
            int layers = shapes.layers(root + "layers.{i}.norm.weight");
            double epsilon = told.number("layer_norm_epsilon", EPSILON);
            List<MixerConfig> branches = new ArrayList<>();
            int experts = 0;
            for (int layer = 0; layer < layers; layer++) {
                String own = root + "layers." + layer + ".mixer.";
                if (shapes.has(own + "A_log")) {
                    branches.add(mamba(own, epsilon));
                } else if (shapes.has(own + "q_proj.weight")) {
                    branches.add(attention(own));
                } else if (shapes.has(own + "gate.weight")) {
                    ExpertsConfig mixture = experts(own);
                    experts = mixture.experts();
                    branches.add(mixture);
                } else {
                    branches.add(new GatedMlpConfig(shapes.length(own + "up_proj.weight", 0), activation(), false,
                            shapes.has(own + "up_proj.bias")));
                }
            }
            boolean tied = !shapes.has("lm_head.weight");
            StackConfig config = new StackConfig(shapes.length(root + "embeddings.weight", 0),
                    shapes.length(root + "embeddings.weight", 1), told.context(), NormKind.RMS, epsilon, tied,
                    branches);
            NamingTable names = NamingTable.read("nemotron-h",
                    NamingTable.Layers.of(layers, 1, Map.of("root", root)).withExperts(experts),
                    (word, layer) -> word.equals("untied") ? !tied
                            : has(root + "layers." + layer + ".mixer.", word));
            return new Blueprint("Nemotron-H" + (experts > 0 ? ", a mixture of experts" : ""), config, names, 0,
                    Map.of());
        }

        private boolean has(String own, String word) {
            return switch (word) {
                case "mamba" -> shapes.has(own + "A_log");
                case "mambaBias" -> shapes.has(own + "in_proj.bias");
                case "shortBias" -> shapes.has(own + "conv1d.bias");
                case "attention" -> shapes.has(own + "q_proj.weight");
                case "attentionBias" -> shapes.has(own + "q_proj.bias");
                case "outputBias" -> shapes.has(own + "o_proj.bias");
                case "dense" -> shapes.has(own + "up_proj.weight");
                case "denseBias" -> shapes.has(own + "up_proj.bias");
                case "experts" -> shapes.has(own + "gate.weight");
                case "corrected" -> shapes.has(own + "gate.e_score_correction_bias");
                case "packed" -> shapes.has(own + "experts.up_proj");
                case "single" -> shapes.has(own + "experts.0.up_proj.weight");
                case "shared" -> shapes.has(own + "shared_experts.up_proj.weight");
                default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
            };
        }

        private Activation activation() throws MalformedFileException {
            told.require("mlp_hidden_act", "relu2");
            return Activation.RELU_SQUARED;
        }

        private MixerConfig mamba(String own, double epsilon) throws MalformedFileException {
            Mamba2Sizes sizes = Mamba2Sizes.of(shapes, own + "A_log", own + "out_proj.weight", own + "conv1d.weight",
                    told.whole("n_groups", told.whole("mamba_n_groups", 8)), "n_groups of config.json");
            return new Mamba2Config(sizes.heads(), sizes.headWidth(), sizes.keyWidth(), sizes.groups(), sizes.taps(),
                    true, false, epsilon,
                    told.entry("time_step_limit", 0, 0),
                    Math.min(told.entry("time_step_limit", 1, Double.MAX_VALUE), Double.MAX_VALUE),
                    shapes.has(own + "conv1d.bias"), shapes.has(own + "in_proj.bias"));
        }

        private MixerConfig attention(String own) throws MalformedFileException {
            int headWidth = shapes.headWidth(told, own + "q_proj.weight");
            return new GroupedAttentionConfig(shapes.heads(own + "q_proj.weight", headWidth),
                    shapes.heads(own + "k_proj.weight", headWidth), headWidth, 0, 0,
                    false, Optional.empty(), 1, shapes.has(own + "q_proj.bias"), shapes.has(own + "o_proj.bias"));
        }

        private ExpertsConfig experts(String own) throws MalformedFileException {
            if (told.whole("n_group", 1) > 1) {
                throw new MalformedFileException(shapes.file().path() + ": n_group is " + told.whole("n_group", 1)
                        + ": experts are chosen group by group, which differs from the released Nemotron-H (n_group 1)");
            }
            String shared = own + "shared_experts.up_proj.weight";
            boolean packed = shapes.has(own + "experts.up_proj");
            return new ExpertsConfig(shapes.length(own + "gate.weight", 0),
                    shapes.atMost(told, "num_experts_per_tok", own + "gate.weight"),
                    packed ? shapes.length(own + "experts.up_proj", 1)
                            : shapes.length(own + "experts.0.up_proj.weight", 0),
                    activation(), false, ExpertsConfig.Scoring.SIGMOID,
                    shapes.has(own + "gate.e_score_correction_bias"),
                    told.is("norm_topk_prob", true) ? Optional.of(WEIGHT_EPSILON) : Optional.empty(),
                    told.number("routed_scaling_factor", 1), shapes.has(shared)
                            ? Optional.of(new SharedExpert(shapes.length(shared, 0), false)) : Optional.empty());
        }
    }
}
