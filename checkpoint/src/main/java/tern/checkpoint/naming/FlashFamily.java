package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.delta.SharedKeys;
import tern.mixers.gla.GlaConfig;
import tern.mixers.gla.Hgrn2Config;
import tern.mixers.retention.RetNetConfig;
import tern.mixers.retention.RetNetVariation;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * GLA, DeltaNet, Gated DeltaNet, Gated DeltaProduct, HGRN2 and RetNet as flash-linear-attention saves them: the mixer, then a
 * SwiGLU layer. Which of them it is, heads and widths follow from the tensors; only the widths of HGRN2's heads and of shared keys are told. Options that no released
 * model has are refused.
 */
final class FlashFamily implements Family {
    private static final double EPSILON = 1e-6;
    private static final double ROPE_BASE = 10_000;
    private static final double PATIENCE = 16;
    private static final int HEAD_WIDTH = 128;
    private static final String PRODUCT = "gated_deltaproduct";
    private static final String FIRST = "model.layers.0.attn.";

    @Override
    public String name() {
        return "GLA, DeltaNet, HGRN2 and RetNet of flash-linear-attention";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (!shapes.has("model.embeddings.weight") || !shapes.has("model.layers.0.attn_norm.weight")) {
            return Optional.empty();
        }
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        Optional<Kind> kind = Kind.of(shapes);
        if (kind.isEmpty()) {
            return Optional.empty();
        }
        // Other mixers of that library have tensors of the same names.
        String type = told.word("model_type", kind.get().type);
        boolean product = kind.get().isDelta() && type.equals(PRODUCT);
        return product || type.equals(kind.get().type)
                ? Optional.of(new Found(shapes, told, kind.get(), product).blueprint()) : Optional.empty();
    }

    private enum Kind {
        /** Decays by key channel from a map of low rank. */
        GLA("GLA", "gla", "gk_proj.0.weight"),
        /** A delta rule with a decay of each head; DeltaProduct has its tensors too. */
        GATED_DELTA("Gated DeltaNet", "gated_deltanet", "A_log"),
        /** The delta rule. */
        DELTA("DeltaNet", "delta_net", "b_proj.weight"),
        /** Forget gates above bounds that all layers share. */
        HGRN2("HGRN2", "hgrn2", "i_proj.weight"),
        /** Decays that are constants. */
        RETNET("RetNet", "retnet", "g_proj.weight");

        private final String title;
        private final String type;
        private final String own;

        Kind(String title, String type, String own) {
            this.title = title;
            this.type = type;
            this.own = own;
        }

        /** The first of which a tensor is there; all read queries by a projection and give by another. */
        static Optional<Kind> of(Shapes shapes) {
            for (Kind kind : values()) {
                if (shapes.has(FIRST + "q_proj.weight") && shapes.has(FIRST + "o_proj.weight")
                        && shapes.has(FIRST + kind.own)) {
                    return Optional.of(kind);
                }
            }
            return Optional.empty();
        }

        boolean isDelta() {
            return this == DELTA || this == GATED_DELTA;
        }
    }

    private record Found(Shapes shapes, HuggingFaceConfig told, Kind kind, boolean product) {
        Blueprint blueprint() throws MalformedFileException {
            told.require("hidden_act", "swish", "silu");
            for (String key : List.of("attn", "clamp_min", "feature_map", "attnres_block_size")) {
                told.requireNothing(key);
            }
            double epsilon = told.number("norm_eps", EPSILON);
            int width = shapes.length("model.embeddings.weight", 1);
            int layers = shapes.layers("model.layers.{i}.attn_norm.weight");
            MixerConfig mixer = mixer(width, epsilon);
            boolean apart = shapes.has("model.layers.0.mlp.up_proj.weight");
            int rows = shapes.length("model.layers.0.mlp.gate_proj.weight", 0);
            int inner = apart ? rows : rows / 2;
            List<MixerConfig> branches = new ArrayList<>();
            for (int layer = 0; layer < layers; layer++) {
                branches.add(mixer);
                branches.add(GatedMlpConfig.gated(inner, Activation.SILU));
            }
            boolean tied = !shapes.has("lm_head.weight") || told.is("tie_word_embeddings", false);
            StackConfig config = new StackConfig(shapes.length("model.embeddings.weight", 0), width, told.context(),
                    NormKind.RMS, epsilon, tied, branches);
            NamingTable names = NamingTable.read("flash",
                    NamingTable.Layers.of(layers, 2,
                            Map.of("inner", Integer.toString(inner), "both", Integer.toString(2 * inner))),
                    (word, layer) -> switch (word) {
                        case "tied" -> tied;
                        case "untied" -> !tied;
                        case "apart" -> !kind.isDelta();
                        case "keys" -> kind == Kind.GLA || kind == Kind.RETNET;
                        case "decays" -> kind == Kind.GLA;
                        case "gate" -> shapes.has(FIRST + "g_proj.weight");
                        case "swishNorm" -> shapes.has(FIRST + "g_norm_swish_gate.weight");
                        case "gatedNorm" -> shapes.has(FIRST + "g_norm.weight");
                        case "outputNorm" -> shapes.has(FIRST + "o_norm.weight");
                        case "forget" -> kind == Kind.HGRN2;
                        case "bound" -> kind == Kind.HGRN2 && layer > 0;
                        case "delta" -> kind.isDelta();
                        case "decay" -> kind == Kind.GATED_DELTA;
                        case "up" -> apart;
                        case "fused" -> !apart;
                        default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
                    });
            return new Blueprint((product ? "Gated DeltaProduct" : kind.title) + ", naming of flash-linear-attention",
                    config, names, 0, Map.of());
        }

        private MixerConfig mixer(int width, double epsilon) throws MalformedFileException {
            return switch (kind) {
                case GLA -> {
                    int heads = heads(width, gain());
                    int keys = shapes.length(FIRST + "q_proj.weight", 0);
                    yield new GlaConfig(heads, divided(keys, heads, "q_proj.weight"),
                            shapes.length(FIRST + "gk_proj.0.weight", 0), PATIENCE, Optional.of(epsilon));
                }
                case RETNET -> {
                    int values = shapes.length(FIRST + "v_proj.weight", 0);
                    if (shapes.length(FIRST + "q_proj.weight", 0) != width) {
                        throw unfit("queries are not as wide as the stream, " + width);
                    }
                    yield new RetNetConfig(heads(values, gain()), divided(values, width, "v_proj.weight"),
                            Optional.of(new RetNetVariation(ROPE_BASE, epsilon)));
                }
                case HGRN2 -> new Hgrn2Config((int) told.number("expand_ratio", HEAD_WIDTH), Optional.of(epsilon));
                case DELTA, GATED_DELTA -> delta(epsilon);
            };
        }

        private DeltaNetConfig delta(double epsilon) throws MalformedFileException {
            told.require("qk_norm", "l2");
            told.require("qk_activation", "silu");
            int valueWidth = shapes.elements(FIRST + "o_norm.weight");
            int values = product ? shapes.length(FIRST + "o_proj.weight", -1)
                    : shapes.length(FIRST + "v_proj.weight", 0);
            int heads = heads(values, valueWidth);
            int products = divided(shapes.length(FIRST + "v_proj.weight", 0), values, "v_proj.weight");
            int keyHeads = told.whole("num_v_heads").isEmpty() ? heads
                    : (int) told.number("num_heads", heads);
            int keyWidth = divided(shapes.length(FIRST + "q_proj.weight", 0), keyHeads, "q_proj.weight");
            return new DeltaNetConfig(heads, keyWidth, valueWidth, shapes.length(FIRST + "q_conv1d.weight", -1),
                    kind == Kind.DELTA ? DeltaNetConfig.Decay.NONE : DeltaNetConfig.Decay.HEAD,
                    told.is("allow_neg_eigval", false),
                    keyHeads == heads ? Optional.empty() : Optional.of(SharedKeys.byNeighbours(keyHeads)),
                    Optional.of(epsilon), Optional.of(shapes.has(FIRST + "g_proj.weight")),
                    products == 1 ? Optional.empty() : Optional.of(products));
        }

        /** Width of a head's values, which the gain of the norm has. */
        private int gain() throws MalformedFileException {
            return shapes.elements(FIRST + (shapes.has(FIRST + "g_norm.weight") ? "g_norm" : "g_norm_swish_gate")
                    + ".weight");
        }

        private int heads(int values, int valueWidth) throws MalformedFileException {
            return divided(values, valueWidth, "v_proj.weight");
        }

        private int divided(int rows, int parts, String matrix) throws MalformedFileException {
            if (parts < 1 || rows % parts != 0) {
                throw unfit(parts + " does not divide the " + rows + " rows of \"" + FIRST + matrix + "\"");
            }
            return rows / parts;
        }

        private MalformedFileException unfit(String why) {
            return new MalformedFileException(shapes.file().path() + ": a " + kind.title
                    + " as flash-linear-attention names it, but " + why + "; no released model is so");
        }
    }
}
