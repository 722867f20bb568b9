package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv6Variation;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.Rwkv7Variation;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Transformers whose attention became RWKV's time mixing, as llama.cpp names them: {@code rwkv6qwen2} and {@code arwkv7}. Their norms have no
 * bias, their gated layers are those that the Transformer had.
 */
final class RwkvAttentionFamily implements Family {
    /** What {@code general.architecture} says. */
    static final Set<String> ARCHITECTURES = Set.of("rwkv6qwen2", "arwkv7");

    private static final String LAYER = "blk.{i}.time_mix_receptance.weight";
    private static final String TIME = "blk.0.time_mix_";
    private static final double EPSILON = 1e-6;
    private static final double GROUP_EPSILON = 64e-5;

    @Override
    public String name() {
        return "RWKV-6 and 7 in the place of attention";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        String architecture = file.text("general.architecture").orElse("");
        if (!ARCHITECTURES.contains(architecture)) {
            return Optional.empty();
        }
        Shapes shapes = new Shapes(file);
        boolean six = architecture.equals("rwkv6qwen2");
        int layers = shapes.layers(LAYER);
        int width = shapes.length("token_embd.weight", 1);
        int headWidth = headWidth(file, architecture + ".wkv.head_size", width);
        MixerConfig channelMix = GatedMlpConfig.gated(shapes.length("blk.0.ffn_gate.weight", 0), Activation.SILU);
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(six ? six(shapes, headWidth, width) : seven(shapes, headWidth, width, layers, layer));
            branches.add(channelMix);
        }
        double epsilon = LlamaMamba.epsilon(file, architecture + ".attention.layer_norm_rms_epsilon", EPSILON);
        int context = Math.clamp(file.whole(architecture + ".context_length").orElse(2048), 1, 1 << 24);
        boolean tied = !shapes.has("output.weight");
        StackConfig config = new StackConfig(shapes.length("token_embd.weight", 0), width, context, NormKind.RMS,
                epsilon, tied, branches);
        NamingTable names = NamingTable.read(six ? "rwkv6-attention-gguf" : "rwkv7-attention-gguf", layers, 2,
                (word, layer) -> switch (word) {
                    case "biased" -> shapes.has(TIME + "key.bias");
                    case "gated" -> shapes.has(TIME + "g1.weight");
                    case "normalised" -> shapes.has(TIME + "ln.weight");
                    case "first" -> layer == 0;
                    default -> layer > 0;
                });
        String family = (six ? "RWKV-6" : "RWKV-7") + " in the place of attention, naming of llama.cpp";
        return Optional.of(new Blueprint(family, config, names, 0, Map.of()));
    }

    private static int headWidth(TensorFile file, String key, int width) throws MalformedFileException {
        long told = file.whole(key).orElse(0);
        if (told < 1 || told > width || width % told != 0) {
            throw new MalformedFileException(file.path() + ": \"" + key + "\" is " + (told == 0 ? "missing" : told)
                    + ", expected a divisor of " + width + ", the width of \"token_embd.weight\"");
        }
        return (int) told;
    }

    private static MixerConfig six(Shapes shapes, int headWidth, int width) throws MalformedFileException {
        return new Rwkv6Config(headWidth, shapes.elements(TIME + "w2.weight") / 5 / width,
                shapes.elements(TIME + "decay_w1.weight") / width, GROUP_EPSILON,
                Optional.of(new Rwkv6Variation(shapes.heads(TIME + "key.weight", headWidth),
                        shapes.has(TIME + "key.bias"))));
    }

    private static MixerConfig seven(Shapes shapes, int headWidth, int width, int layers, int layer)
            throws MalformedFileException {
        int[] ranks = new int[4];
        List<String> downs = List.of(TIME + "w1.weight", TIME + "a1.weight",
                layers > 1 ? "blk.1.time_mix_v1.weight" : TIME + "v1.weight", TIME + "g1.weight");
        for (int i = 0; i < ranks.length; i++) {
            ranks[i] = shapes.has(downs.get(i)) ? shapes.elements(downs.get(i)) / width : 1;
        }
        return new Rwkv7Config(headWidth, ranks[0], ranks[1], ranks[2], ranks[3], layer == 0, GROUP_EPSILON,
                Optional.of(new Rwkv7Variation(shapes.has(TIME + "g1.weight"), shapes.has(TIME + "ln.weight"))));
    }
}
