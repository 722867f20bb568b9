package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * StripedHyena, modal Hyena and attention layers in turn, as released and in the folder of Hugging Face. Which layer is which
 * follows from names; heads, how the streams of a projection lie and the base of the rotary angles come from the configuration.
 */
final class StripedHyenaFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final double ROPE_BASE = 10_000;

    @Override
    public String name() {
        return "StripedHyena";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        String root = shapes.has("backbone.embedding_layer.weight") ? "backbone." : "";
        if (!shapes.has(root + "embedding_layer.weight") || !shapes.any(name -> name.endsWith(".filter.poles"))) {
            return Optional.empty();
        }
        HuggingFaceConfig told = new HuggingFaceConfig(file);
        requireKnown(told);
        int width = shapes.length(root + "embedding_layer.weight", 1);
        int layers = shapes.layers(root + "blocks.{i}.pre_norm.scale");
        int heads = heads(shapes, told, width);
        if (width % heads != 0) {
            throw new MalformedFileException(file.path() + ": " + heads + " heads do not divide the width " + width
                    + "; num_attention_heads of config.json may be wrong");
        }
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            String block = root + "blocks." + layer + ".";
            branches.add(shapes.has(block + "filter.poles") ? hyena(shapes, block, width)
                    : attention(shapes, told, block, heads, width));
            branches.add(GatedMlpConfig.gated(shapes.length(block + "mlp.l1.weight", 0), Activation.SILU));
        }
        boolean tied = !shapes.has(root + "unembed.weight") || told.is("tie_embeddings", false);
        StackConfig config = new StackConfig(shapes.length(root + "embedding_layer.weight", 0), width,
                (int) Math.max(1, told.whole("max_seqlen", 2048)), NormKind.RMS, told.number("eps", EPSILON), tied,
                branches);
        boolean split = told.is("column_split_hyena", true);
        NamingTable names = NamingTable.read("striped-hyena",
                NamingTable.Layers.of(layers, 2,
                        Map.of("root", root, "heads", Integer.toString(split ? heads : 1), "each",
                                Integer.toString(split ? width / heads : width))),
                (word, layer) -> switch (word) {
                    case "tied" -> tied;
                    case "untied" -> !tied;
                    default -> has(shapes, root + "blocks." + layer + ".", word);
                });
        return Optional.of(new Blueprint("StripedHyena", config, names, 0, Map.of()));
    }

    private static boolean has(Shapes shapes, String block, String word) {
        return switch (word) {
            case "hyena" -> shapes.has(block + "filter.poles");
            case "attention" -> shapes.has(block + "inner_mha_cls.Wqkv.weight");
            case "bias" -> shapes.has(block + "inner_mha_cls.Wqkv.bias");
            default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
        };
    }

    /** What would make the mathematics others than those of StripedHyena's first generation for text. */
    private static void requireKnown(HuggingFaceConfig told) throws MalformedFileException {
        String activation = told.word("mlp_activation", "silu");
        double stretched = told.is("use_interpolated_rotary_pos_emb", false)
                ? told.number("rotary_emb_scaling_factor", 1) : 1;
        if (!activation.equals("silu") || stretched != 1) {
            throw new MalformedFileException(told.file().path() + ": a StripedHyena with mlp_activation \"" + activation
                    + "\" and positions divided by " + stretched
                    + ": its mathematics differ from those known, \"silu\" and positions as they are");
        }
    }

    private static int heads(Shapes shapes, HuggingFaceConfig told, int width) throws MalformedFileException {
        int heads = (int) told.whole("num_attention_heads", 0);
        if (heads > 0) {
            return heads;
        }
        String turning = shapes.file().tensors().stream().map(tensor -> tensor.name())
                .filter(name -> name.endsWith(".rotary_emb.inv_freq")).findFirst()
                .orElseThrow(() -> new MalformedFileException(shapes.file().path()
                        + ": a StripedHyena whose number of heads is not known; put its config.json with"
                        + " num_attention_heads beside it"));
        return width / (2 * shapes.elements(turning));
    }

    private static MixerConfig hyena(Shapes shapes, String block, int width) throws MalformedFileException {
        int modes = shapes.elements(block + "filter.poles") / 2;
        if (shapes.length(block + "filter.poles", 0) != width || modes % width != 0) {
            throw new MalformedFileException(shapes.file().path() + ": \"" + block + "filter.poles\" has " + modes
                    + " poles for " + width + " channels; expected as many for each channel (hyena_filter_groups 1)");
        }
        return ModalRecurrenceConfig.of(2, 1, shapes.length(block + "filter.short_filter_weight", -1),
                List.of(modes / width), List.of(0));
    }

    private static MixerConfig attention(Shapes shapes, HuggingFaceConfig told, String block, int heads, int width)
            throws MalformedFileException {
        String fused = block + "inner_mha_cls.Wqkv.weight";
        int headWidth = width / heads;
        int keyHeads = (shapes.length(fused, 0) / headWidth - heads) / 2;
        if (keyHeads < 1 || heads % keyHeads != 0 || (heads + 2 * keyHeads) * headWidth != shapes.length(fused, 0)) {
            throw new MalformedFileException(shapes.file().path() + ": \"" + fused + "\" has "
                    + shapes.length(fused, 0) + " rows, which are not those of " + heads + " heads of " + headWidth
                    + " and their keys and values; num_attention_heads of config.json may be wrong");
        }
        return new AttentionConfig(heads, keyHeads, told.number("rotary_emb_base", ROPE_BASE),
                shapes.has(block + "inner_mha_cls.Wqkv.bias"));
    }
}
