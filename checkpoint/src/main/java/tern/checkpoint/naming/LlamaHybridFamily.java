package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.TensorFile;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.attention.Slowed;
import tern.mixers.attention.Yarn;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.delta.SharedKeys;
import tern.mixers.experts.ExpertsConfig;
import tern.mixers.experts.SharedExpert;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mamba.Mamba2Variation;
import tern.mixers.mamba.MambaConfig;
import tern.mixers.mamba.MambaVariation;
import tern.mixers.parallel.ParallelConfig;
import tern.mixers.parallel.ParallelPart;
import tern.mixers.shortconv.GatedShortConvConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Hybrids as llama.cpp names them: LFM2, Qwen3-Next, Qwen3.5, Falcon-H1, Nemotron-H, Granite and Jamba, told by {@code general.architecture}.
 * Which layer is which follows from names, most numbers from shapes. Norms hold their 1, decays are exponentials, experts lie in stacks,
 * Falcon-H1's multipliers are in its matrices and Granite's in the metadata, value heads of Qwen3.5 lie by turns, the first of every key
 * head, then the second, and so do the two rows of Granite's queries and keys that turn together.
 */
final class LlamaHybridFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final double ROPE_BASE = 10_000;
    private static final String JAMBA = "jamba";
    private static final Map<String, String> KNOWN = Map.ofEntries(Map.entry("lfm2", "LFM2"),
            Map.entry("lfm2moe", "LFM2, a mixture of experts"),
            Map.entry("qwen3next", "Qwen3-Next, a mixture of experts"), Map.entry("qwen35", "Qwen3.5"),
            Map.entry("qwen35moe", "Qwen3.5, a mixture of experts"), Map.entry("falcon-h1", "Falcon-H1"),
            Map.entry("nemotron_h", "Nemotron-H"), Map.entry("nemotron_h_moe", "Nemotron-H, a mixture of experts"),
            Map.entry("granite", "Granite"), Map.entry("granitemoe", "Granite, a mixture of experts"),
            Map.entry("granitehybrid", "Granite 4.0-H"), Map.entry(JAMBA, "Jamba"));

    @Override
    public String name() {
        return "hybrids of llama.cpp";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        String architecture = file.text("general.architecture").orElse("");
        if (!KNOWN.containsKey(architecture)) {
            return Optional.empty();
        }
        return Optional.of(new Found(new Shapes(file), file, architecture).blueprint());
    }

    private record Found(Shapes shapes, TensorFile file, String architecture) {
        Blueprint blueprint() throws MalformedFileException {
            int all = shapes.layers("blk.{i}.attn_norm.weight");
            int layers = all - (int) Math.min(all, number("nextn_predict_layers", 0));
            boolean single = architecture.startsWith("nemotron_h");
            double epsilon = real("attention.layer_norm_rms_epsilon", EPSILON);
            List<MixerConfig> branches = new ArrayList<>();
            int experts = 0;
            for (int layer = 0; layer < layers; layer++) {
                String own = "blk." + layer + ".";
                List<MixerConfig> found = branches(own, epsilon);
                if (found.size() != (single ? 1 : 2)) {
                    throw new MalformedFileException(file.path() + ": layer " + layer + " (\"" + own + "…\") holds "
                            + found.size() + " kinds of branches that are known, expected " + (single ? 1 : 2)
                            + " of a "
                            + KNOWN.get(architecture));
                }
                branches.addAll(found);
            }
            for (MixerConfig mixer : mixers(branches)) {
                experts = mixer instanceof ExpertsConfig mixture ? mixture.experts() : experts;
            }
            boolean tied = !shapes.has("output.weight");
            StackConfig config = new StackConfig(shapes.length("token_embd.weight", 0),
                    shapes.length("token_embd.weight", 1), Math.clamp(number("context_length", 2048), 1, 1 << 24),
                    NormKind.RMS, epsilon, Optional.empty(), Optional.empty(), tied, branches, Optional.empty(),
                    Optional.empty(), Optional.empty(),
                    Optional.of(multiplier("embedding_scale")).filter(factor -> factor != 1));
            NamingTable names = NamingTable.read("hybrids-gguf",
                    NamingTable.Layers.of(layers, single ? 1 : 2, words(layers, branches)).withExperts(experts),
                    (word, layer) -> has("blk." + layer + ".", word));
            boolean both = architecture.equals("granitehybrid") || architecture.equals(JAMBA);
            String mixture = experts > 0 && both ? ", a mixture of experts" : "";
            return new Blueprint(KNOWN.get(architecture) + mixture + ", naming of llama.cpp", config, names, 0,
                    Map.of());
        }

        /** What braces of the table stand for. */
        private Map<String, String> words(int layers, List<MixerConfig> branches) throws MalformedFileException {
            Map<String, String> words = new HashMap<>();
            words.put("extra", Integer.toString(layers));
            words.put("finalNorm", shapes.has("output_norm.weight") ? "output_norm.weight" : "token_embd_norm.weight");
            String whole = multiplier("residual_scale") == 1 ? "" : ".0";
            words.put("whole", whole);
            words.put("part", architecture.equals("falcon-h1") ? ".0" : whole);
            words.put("beside", architecture.equals("falcon-h1") ? ".1" : whole);
            words.put("logits", Double.toString(1 / multiplier("logit_scale")));
            words.put("secondNorm", shapes.has("blk.0.post_attention_norm.weight") ? "post_attention_norm.weight"
                    : shapes.has("blk.0.ffn_norm") ? "ffn_norm" : "ffn_norm.weight");
            for (MixerConfig branch : mixers(branches)) {
                if (branch instanceof GroupedAttentionConfig attention) {
                    words.put("turnedHeads", Integer.toString(attention.heads()));
                    words.put("turnedKeys", Integer.toString(attention.keyHeads()));
                }
                if (branch instanceof DeltaNetConfig delta) {
                    int keyHeads = delta.shared().orElseThrow().heads();
                    int share = delta.heads() / keyHeads;
                    words.put("keyHeads", Integer.toString(keyHeads));
                    words.put("keyWidth", Integer.toString(delta.keyWidth()));
                    words.put("values", Integer.toString(share * delta.valueWidth()));
                    words.put("share", Integer.toString(share));
                }
                if (branch instanceof ExpertsConfig mixture) {
                    words.put("inner", Integer.toString(mixture.inner()));
                    words.put("both", Integer.toString(2 * mixture.inner()));
                }
            }
            return words;
        }

        /** The mixers of branches, those that lie side by side or under a multiplier too. */
        private static List<MixerConfig> mixers(List<MixerConfig> branches) {
            return branches.stream().flatMap(branch -> branch instanceof ParallelConfig(List<ParallelPart> parts)
                    ? parts.stream().map(ParallelPart::mixer) : Stream.of(branch)).toList();
        }

        /** Whether rotary positions turn neighbours of a head. */
        private boolean turnsByPairs() {
            return granite() && turned();
        }

        private boolean granite() {
            return architecture.startsWith("granite");
        }

        private boolean turned() {
            boolean switched = granite() && file.metadata()
                    .get(architecture + ".rope.scaling.finetuned") instanceof Metadatum.Flag(boolean told) && !told;
            return !switched && !architecture.startsWith("nemotron_h") && !architecture.equals(JAMBA);
        }

        private boolean has(String own, String word) {
            boolean pair = !architecture.startsWith("nemotron_h");
            return switch (word) {
                case "untied" -> shapes.has("output.weight");
                case "second" -> pair;
                case "conv" -> shapes.has(own + "shortconv.conv.weight");
                case "mamba" -> shapes.has(own + "ssm_d") && !shapes.has(own + "ssm_x.weight");
                case "selective" -> shapes.has(own + "ssm_x.weight");
                case "anyMamba" -> shapes.has(own + "ssm_d");
                case "mambaNorm" -> shapes.has(own + "ssm_d") && shapes.has(own + "ssm_norm.weight");
                case "mambaBias" -> shapes.has(own + "ssm_conv1d.bias");
                case "delta" -> shapes.has(own + "ssm_a") && !shapes.has(own + "ssm_d");
                case "apart" -> shapes.has(own + "attn_qkv.weight") && shapes.has(own + "ssm_a");
                case "fused" -> shapes.has(own + "ssm_in.weight") && !shapes.has(own + "ssm_d");
                case "ratesFused" -> shapes.has(own + "ssm_ba.weight");
                case "ratesApart" -> shapes.has(own + "ssm_beta.weight");
                case "attention" -> shapes.has(own + "attn_q.weight");
                case "headNorms" -> shapes.has(own + "attn_q_norm.weight");
                case "halves" -> shapes.has(own + "attn_q.weight") && !turnsByPairs();
                case "pairs" -> shapes.has(own + "attn_q.weight") && turnsByPairs();
                case "queryBias" -> shapes.has(own + "attn_q.bias");
                case "halvesBias" -> shapes.has(own + "attn_q.bias") && !turnsByPairs();
                case "pairsBias" -> shapes.has(own + "attn_q.bias") && turnsByPairs();
                case "outputBias" -> shapes.has(own + "attn_output.bias");
                case "dense" -> shapes.has(own + "ffn_up.weight");
                case "denseGate" -> shapes.has(own + "ffn_gate.weight");
                case "denseBias" -> shapes.has(own + "ffn_up.bias");
                case "denseGateBias" -> shapes.has(own + "ffn_gate.bias");
                case "experts" -> shapes.has(own + "ffn_gate_inp.weight");
                case "corrected" -> shapes.has(own + "exp_probs_b.bias");
                case "single" -> shapes.has(own + "ffn_up_exps.weight");
                case "singleGate" -> shapes.has(own + "ffn_gate_exps.weight");
                case "packed" -> shapes.has(own + "ffn_gate_up_exps.weight");
                case "shared" -> shapes.has(own + "ffn_up_shexp.weight");
                case "sharedMlpGate" -> shapes.has(own + "ffn_gate_shexp.weight");
                case "sharedGate" -> shapes.has(own + "ffn_gate_inp_shexp.weight");
                default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
            };
        }

        /** The branches of a layer: what mixes positions, then what mixes channels, as far as they are there. */
        private List<MixerConfig> branches(String own, double epsilon) throws MalformedFileException {
            List<MixerConfig> time = new ArrayList<>();
            if (shapes.has(own + "shortconv.conv.weight")) {
                time.add(new GatedShortConvConfig(shapes.length(own + "shortconv.conv.weight", -1), false));
            }
            if (shapes.has(own + "ssm_x.weight")) {
                time.add(selective(own, epsilon));
            } else if (shapes.has(own + "ssm_d")) {
                time.add(mamba(own, epsilon));
            } else if (shapes.has(own + "ssm_a")) {
                time.add(delta(own, epsilon));
            }
            if (shapes.has(own + "attn_q.weight")) {
                time.add(attention(own, epsilon));
            }
            List<MixerConfig> all = new ArrayList<>();
            if (architecture.equals("falcon-h1") && time.size() == 2) {
                all.add(ParallelConfig.of(time.toArray(MixerConfig[]::new)));
            } else {
                all.addAll(time);
            }
            if (shapes.has(own + "ffn_gate_inp.weight")) {
                all.add(experts(own));
            } else if (shapes.has(own + "ffn_up.weight")) {
                boolean gated = shapes.has(own + "ffn_gate.weight");
                all.add(new GatedMlpConfig(shapes.length(own + "ffn_up.weight", 0),
                        gated ? Activation.SILU : Activation.RELU_SQUARED, gated, shapes.has(own + "ffn_up.bias")));
            }
            double added = multiplier("residual_scale");
            return added == 1 ? all : all.stream()
                    .map(mixer -> (MixerConfig) new ParallelConfig(List.of(new ParallelPart(mixer, 1, added))))
                    .toList();
        }

        private MixerConfig mamba(String own, double epsilon) throws MalformedFileException {
            Mamba2Sizes sizes = Mamba2Sizes.of(shapes, own + "ssm_a", own + "ssm_out.weight", own + "ssm_conv1d.weight",
                    number("ssm.group_count", 1), architecture + ".ssm.group_count");
            boolean normed = shapes.has(own + "ssm_norm.weight");
            return new Mamba2Config(sizes.heads(), sizes.headWidth(), sizes.keyWidth(), sizes.groups(), sizes.taps(),
                    true, false, epsilon, 0, Double.MAX_VALUE,
                    shapes.has(own + "ssm_conv1d.bias"), false,
                    normed ? Optional.empty() : Optional.of(new Mamba2Variation(false, 1, 1)));
        }

        private MixerConfig selective(String own, double epsilon) throws MalformedFileException {
            int inner = shapes.length(own + "ssm_a", 0);
            return new MambaConfig(inner, shapes.elements(own + "ssm_a") / inner,
                    shapes.elements(own + "ssm_dt_norm.weight"), shapes.elements(own + "ssm_conv1d.weight") / inner,
                    true, epsilon, 1, shapes.has(own + "ssm_conv1d.bias"), false,
                    Optional.of(new MambaVariation(true)));
        }

        private MixerConfig delta(String own, double epsilon) throws MalformedFileException {
            int heads = shapes.elements(own + "ssm_a");
            int valueWidth = shapes.elements(own + "ssm_norm.weight");
            int keys = (shapes.length(own + "ssm_conv1d.weight", 0) - heads * valueWidth) / 2;
            int keyHeads = (int) number("ssm.group_count", 0);
            if (keyHeads < 1 || heads % keyHeads != 0 || keys < keyHeads || keys % keyHeads != 0) {
                throw new MalformedFileException(file.path() + ": " + keyHeads + " key heads (" + architecture
                        + ".ssm.group_count) do not fit " + heads + " value heads of \"" + own + "ssm_a\" and " + keys
                        + " keys of \"" + own + "ssm_conv1d.weight\"");
            }
            return DeltaNetConfig.grouped(heads, new SharedKeys(keyHeads, architecture.startsWith("qwen35")),
                    keys / keyHeads, valueWidth, shapes.length(own + "ssm_conv1d.weight", -1), epsilon);
        }

        private MixerConfig attention(String own, double epsilon) throws MalformedFileException {
            boolean normed = shapes.has(own + "attn_q_norm.weight");
            boolean gated = architecture.startsWith("qwen3");
            int headWidth = normed ? shapes.elements(own + "attn_q_norm.weight")
                    : (int) number("attention.key_length", share(own));
            if (headWidth < 1) {
                throw new MalformedFileException(file.path() + ": " + architecture + ".attention.key_length is "
                        + headWidth + ", expected the width of a head");
            }
            boolean turned = turned();
            int turning = (int) number("rope.dimension_count", headWidth);
            if (turnsByPairs() && turning != headWidth) {
                throw new MalformedFileException(file.path() + ": " + architecture + ".rope.dimension_count is "
                        + turning + " of a head of " + headWidth + ", expected all of it; where a part of each head"
                        + " turns, as in Bamba, take the checkpoint of Hugging Face");
            }
            double scores = real("attention.scale", 0);
            GroupedAttentionConfig plain = new GroupedAttentionConfig(
                    shapes.heads(own + "attn_q.weight", gated ? 2 * headWidth : headWidth),
                    shapes.heads(own + "attn_k.weight", headWidth), headWidth,
                    turned ? real("rope.freq_base", ROPE_BASE) : 0, turning, gated,
                    normed ? Optional.of(epsilon) : Optional.empty(),
                    granite() && scores != 0 ? scores * Math.sqrt(headWidth) : 1, shapes.has(own + "attn_q.bias"),
                    shapes.has(own + "attn_output.bias"));
            return turned ? stretched(plain) : plain;
        }

        /** The share of the width that each query head has. */
        private long share(String own) throws MalformedFileException {
            long heads = number("attention.head_count", 0);
            if (heads < 1 || shapes.length(own + "attn_q.weight", 0) % heads != 0) {
                return 0;
            }
            return shapes.length(own + "attn_q.weight", 0) / heads;
        }

        /** The attention with positions stretched as the file tells, if it does. */
        private GroupedAttentionConfig stretched(GroupedAttentionConfig plain) throws MalformedFileException {
            double factor = real("rope.scaling.factor", 1);
            // What has a factor and no kind is older than the kinds.
            String kind = file.text(architecture + ".rope.scaling.type").orElse(factor == 1 ? "none" : "linear");
            long longest = number("context_length", 0);
            long original = number("rope.scaling.original_context_length", longest);
            List<Double> divisors = divisors(plain.rotaryWidth(), longest > original);
            try {
                return switch (kind) {
                    case "none" -> slowed(plain, divisors, 1, 1);
                    case "linear" -> slowed(plain, divisors, factor, 1);
                    case "longrope" -> slowed(plain, divisors, factor, real("rope.scaling.attn_factor", 1));
                    case "yarn" -> {
                        if (divisors.stream().anyMatch(divisor -> divisor != 1)) {
                            throw new MalformedFileException(file.path() + ": " + architecture
                                    + ".rope.scaling.type is \"yarn\", but there are factors of frequencies too;"
                                    + " expected one of the two");
                        }
                        yield factor == 1 ? plain
                                : plain.stretched(Optional.of(new Yarn(factor,
                                        (int) Math.min(Integer.MAX_VALUE, original),
                                        real("rope.scaling.attn_factor", 1) * Yarn.usualAttention(factor),
                                        real("rope.scaling.yarn_beta_fast", 32),
                                        real("rope.scaling.yarn_beta_slow", 1), true)), Optional.empty());
                    }
                    default -> throw new MalformedFileException(file.path() + ": " + architecture
                            + ".rope.scaling.type is \"" + kind + "\", rotary positions of another kind than those"
                            + " that are known (\"none\", \"linear\", \"yarn\", \"longrope\")");
                };
            } catch (IllegalArgumentException wrong) {
                throw new MalformedFileException(
                        file.path() + ": " + architecture + ".rope.scaling: " + wrong.getMessage());
            }
        }

        private static GroupedAttentionConfig slowed(GroupedAttentionConfig plain, List<Double> divisors,
                double factor, double attention) {
            if (factor == 1 && attention == 1 && divisors.stream().allMatch(divisor -> divisor == 1)) {
                return plain;
            }
            return plain.stretched(Optional.empty(), Optional
                    .of(new Slowed(divisors.stream().map(divisor -> divisor * factor).toList(), attention)));
        }

        /** What the speed of each pair is divided by: Llama 3's, or one of LongRoPE's two lists. */
        private List<Double> divisors(int width, boolean isLong) throws MalformedFileException {
            for (String name : List.of("rope_freqs.weight",
                    isLong ? "rope_factors_long.weight" : "rope_factors_short.weight")) {
                if (shapes.has(name)) {
                    return Arrays.stream(file.tensor(name).toDoubles()).boxed().toList();
                }
            }
            return Collections.nCopies(width / 2, 1.0);
        }

        private MixerConfig experts(String own) throws MalformedFileException {
            int count = shapes.length(own + "ffn_gate_inp.weight", 0);
            long chosen = number("expert_used_count", 0);
            if (chosen < 1 || chosen > count || number("expert_group_count", 1) > 1) {
                throw new MalformedFileException(file.path() + ": " + architecture + ".expert_used_count is " + chosen
                        + ", in " + number("expert_group_count", 1) + " groups, expected 1 to the " + count
                        + " experts of \"" + own + "ffn_gate_inp.weight\", in one group");
            }
            boolean jamba = architecture.equals(JAMBA);
            boolean soft = architecture.startsWith("qwen3") || granite() || jamba;
            boolean gated = !architecture.startsWith("nemotron_h");
            String shared = own + "ffn_up_shexp.weight";
            boolean normed = !(file.metadata()
                    .get(architecture + ".expert_weights_norm") instanceof Metadatum.Flag(boolean told)) || told;
            return new ExpertsConfig(count, (int) chosen, shapes.length(own + "ffn_down_exps.weight", 2),
                    gated ? Activation.SILU : Activation.RELU_SQUARED, gated,
                    soft ? ExpertsConfig.Scoring.SOFTMAX : ExpertsConfig.Scoring.SIGMOID,
                    shapes.has(own + "exp_probs_b.bias"),
                    normed && !jamba ? Optional.of(soft ? 0.0 : 1e-20) : Optional.empty(),
                    real("expert_weights_scale", 1),
                    shapes.has(shared) ? Optional.of(new SharedExpert(shapes.length(shared, 0),
                            shapes.has(own + "ffn_gate_inp_shexp.weight"))) : Optional.empty());
        }

        /** A number of the metadata, which an int holds. */
        private long number(String key, long otherwise) throws MalformedFileException {
            long found = file.whole(architecture + "." + key).orElse(otherwise);
            if (Math.abs(found) > Integer.MAX_VALUE) {
                throw new MalformedFileException(file.path() + ": " + architecture + "." + key + " is " + found
                        + ", expected at most " + Integer.MAX_VALUE);
            }
            return found;
        }

        /** What Granite multiplies with, 1 where the file has nothing or 0. */
        private double multiplier(String key) throws MalformedFileException {
            double found = granite() ? real(key, 1) : 1;
            if (!Double.isFinite(found)) {
                throw new MalformedFileException(file.path() + ": " + architecture + "." + key + " is " + found
                        + ", expected a number");
            }
            return found == 0 ? 1 : found;
        }

        private double real(String key, double otherwise) {
            return file.metadata()
                    .get(architecture + "." + key) instanceof Metadatum.Real(Metadatum.Precision _, double value)
                            ? value : otherwise;
        }
    }
}
