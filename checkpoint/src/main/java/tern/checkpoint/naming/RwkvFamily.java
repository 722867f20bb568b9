package tern.checkpoint.naming;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.mixers.rwkv.Rwkv4Config;
import tern.mixers.rwkv.Rwkv5Config;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;

/**
 * RWKV-4 to 7 in the namings of the released files, of Hugging Face, of llama.cpp and of rwkv.cpp. The version follows from the
 * names of tensors, all numbers from shapes.
 */
final class RwkvFamily implements Family {
    private static final double EPSILON = 1e-5;
    private static final int CONTEXT = 1024;
    /** A beginning of names that tells of another model, and which; the first may have what the second is told by too. */
    private static final List<Map.Entry<String, String>> FOREIGN_VARIANTS = List.of(
            Map.entry("blocks.0.qkv.", "RWKV-7b (with attention)"),
            Map.entry("blocks.0.ffn.s_emb.", "RWKV-7a (embeddings of the channel mixing)"),
            Map.entry("blocks.0.att.time_maa_rkvw_w1", "an experimental RWKV-6 (x060b or x060c)"));

    /** Where the tensors of one naming are. */
    private record Places(String naming, String embedding, String time, String channel, String key) {
        String at(String prefix, int layer) {
            return prefix.replace("{i}", Integer.toString(layer));
        }
    }

    private static final Places RELEASED = new Places("as released", "emb.weight", "blocks.{i}.att.",
            "blocks.{i}.ffn.", "key.weight");
    private static final Places HUGGING_FACE = new Places("naming of Hugging Face", "rwkv.embeddings.weight",
            "rwkv.blocks.{i}.attention.", "rwkv.blocks.{i}.feed_forward.", "key.weight");
    private static final Places LLAMA = new Places("naming of llama.cpp", "token_embd.weight", "blk.{i}.time_mix_",
            "blk.{i}.channel_mix_", "key.weight");
    private static final Places FLASH = new Places("naming of flash-linear-attention", "model.embeddings.weight",
            "model.layers.{i}.attn.", "model.layers.{i}.ffn.", "key.weight");
    private static final Places FLASH_6 = new Places("naming of flash-linear-attention", "model.embeddings.weight",
            "model.layers.{i}.attn.", "model.layers.{i}.ffn.", "key.linear.weight");

    @Override
    public String name() {
        return "RWKV-4 to 7";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (shapes.has("blocks.0.att.time_maa_v2") || shapes.any(name -> name.startsWith("w_kv_cache_"))) {
            return Optional.empty();
        }
        for (Map.Entry<String, String> variant : FOREIGN_VARIANTS) {
            if (shapes.any(name -> name.startsWith(variant.getKey()))) {
                throw new MalformedFileException(file.path() + ": this is " + variant.getValue() + ", told by \""
                        + variant.getKey()
                        + "…\": its mathematics differ from the released RWKV-4 to 7, so it is not opened as one of them");
            }
        }
        if (RwkvAttentionFamily.ARCHITECTURES.contains(file.text("general.architecture").orElse(""))) {
            return Optional.empty();
        }
        for (Places places : List.of(RELEASED, HUGGING_FACE, LLAMA, FLASH, FLASH_6)) {
            if (shapes.has(places.embedding)) {
                Optional<Found> found = find(shapes, places);
                if (found.isPresent()) {
                    return Optional.of(found.get().blueprint());
                }
            }
        }
        return Optional.empty();
    }

    private static Optional<Found> find(Shapes shapes, Places places) throws MalformedFileException {
        int version = version(shapes, places);
        if (version == 0) {
            return Optional.empty();
        }
        int layers = shapes.layers(places.channel + places.key);
        boolean cpp = shapes.file().format().startsWith("rwkv.cpp");
        return Optional.of(new Found(shapes, places, version, layers, cpp));
    }

    /** 4 to 7, or 0 if these are not the tensors of an RWKV. */
    private static int version(Shapes shapes, Places places) {
        String time = places.at(places.time, 0);
        if (places == LLAMA) {
            return shapes.has(time + "w0.weight") ? 7 : shapes.has(time + "w1.weight") ? 6 : 0;
        }
        if (places == FLASH) {
            return shapes.has(time + "r_proj.weight") && shapes.has(time + "k_k") ? 7 : 0;
        }
        if (places == FLASH_6) {
            return shapes.has(time + "x_proj.0.linear.weight") && shapes.has(time + "bonus") ? 6 : 0;
        }
        if (!shapes.has(time + "receptance.weight")) {
            return 0;
        }
        return shapes.has(time + "k_k") ? 7
                : shapes.has(time + "time_maa_x") ? 6 : shapes.has(time + "ln_x.weight") ? 5 : 4;
    }

    private record Found(Shapes shapes, Places places, int version, int layers, boolean cpp) {
        Blueprint blueprint() throws MalformedFileException {
            String time = places.at(places.time, 0);
            int vocabulary = shapes.length(places.embedding, 0);
            int width = shapes.length(places.embedding, 1);
            int inner = shapes.length(places.at(places.channel, 0) + places.key, 0);
            IntFunction<MixerConfig> timeMix = switch (version) {
                case 4 -> layer -> new Rwkv4Config();
                case 5 -> five(time, width);
                case 6 -> six(time, width);
                default -> seven(time, width);
            };
            MixerConfig channelMix = new RwkvChannelMixConfig(inner, version != 7);
            List<MixerConfig> branches = new ArrayList<>();
            for (int layer = 0; layer < layers; layer++) {
                branches.add(timeMix.apply(layer));
                branches.add(channelMix);
            }
            int rescale = rescaleEvery();
            double epsilon = epsilon();
            // The last norm of Hugging Face's RWKV is not told the epsilon of the others.
            double last = places == HUGGING_FACE ? EPSILON : epsilon;
            Optional<List<Double>> epsilons = rescale == 0 && last == epsilon ? Optional.empty()
                    : Optional.of(IntStream.rangeClosed(0, 2 * layers)
                            .mapToObj(branch -> (branch < 2 * layers ? epsilon : last)
                                    * (rescale == 0 ? 1 : Math.pow(4, branch / 2 / rescale)))
                            .toList());
            StackConfig config = new StackConfig(vocabulary, width, CONTEXT, NormKind.LAYER, epsilon, epsilons,
                    Optional.of(NormKind.LAYER), library() && told().tied(false), branches);
            String table = "rwkv" + version + (cpp ? "-cpp"
                    : places == RELEASED ? "" : places == LLAMA ? "-gguf" : places == FLASH_6 ? "-flash" : "-hf");
            NamingTable names = NamingTable.read(table, layers, 2,
                    (word, layer) -> word.equals("tied") ? config.tiedHead() : has(word, layer));
            String naming = cpp ? "naming of rwkv.cpp" : places.naming;
            // A file that Hugging Face saved holds whole matrices; only llama.cpp's hold divided ones.
            return new Blueprint("RWKV-" + version + ", " + naming, config, names, places == LLAMA ? rescale : 0,
                    tokenizer(vocabulary));
        }

        private boolean has(String word, int layer) {
            String time = places.at(places.time, layer);
            return switch (word) {
                case "gate" -> shapes.has(time + "gate.weight");
                case "faaaa" -> shapes.has(time + "time_faaaa");
                case "first" -> version == 7 ? layer == 0 : shapes.has(time + "time_first");
                case "later" -> layer > 0;
                case "fused" -> shapes.has(time + "lerp_fused.weight");
                case "apart" -> !shapes.has(time + "lerp_fused.weight");
                default -> throw new IllegalArgumentException("unknown condition [" + word + "]");
            };
        }

        /** Whether a library saved the tensors that keeps a config.json beside them. */
        private boolean library() {
            return places == HUGGING_FACE || places == FLASH || places == FLASH_6;
        }

        private HuggingFaceConfig told() {
            return new HuggingFaceConfig(shapes.file());
        }

        /** What norms add: 1e-5 in every released model. */
        private double epsilon() throws MalformedFileException {
            if (places == LLAMA) {
                String key = "rwkv" + version + ".attention.layer_norm_epsilon";
                return LlamaMamba.epsilon(shapes.file(), key, EPSILON);
            }
            String key = places == HUGGING_FACE ? "layer_norm_epsilon" : "norm_eps";
            return library() ? told().number(key, EPSILON) : EPSILON;
        }

        /**
         * What the norm of heads adds. Most programs divide by 8 before it, or by what the configuration says, and add 1e-5;
         * rwkv.cpp does not divide in version 5, nor flash-linear-attention in version 6.
         */
        private double groupEpsilon(int headWidth) throws MalformedFileException {
            if (cpp && version == 5 || places == FLASH_6) {
                return epsilon();
            }
            if (places == FLASH) {
                return times(epsilon(), headWidth);
            }
            double divisor = places == HUGGING_FACE ? told().number("head_size_divisor", 8) : 8;
            return times(EPSILON, divisor * divisor);
        }

        /** Without the last digit's rounding: 64 times 1e-5 is 64e-5. */
        private static double times(double epsilon, double factor) {
            double product = epsilon * factor;
            return Double.isFinite(product) ? new BigDecimal(product).round(new MathContext(15)).doubleValue()
                    : product;
        }

        /** How many heads a table [H,N] has; rwkv.cpp puts an axis of 1 behind it, and may have squeezed away a single head. */
        private int heads(String name, int width) throws MalformedFileException {
            List<Long> shape = shapes.file().find(name).map(StoredTensor::shape).orElse(List.of());
            boolean single = shape.size() == 1 || cpp && shape.size() == 2 && shape.get(1) == 1;
            if (single && shape.getFirst() == width) {
                return 1;
            }
            return !shape.isEmpty() && shape.getFirst() == 1 ? 1 : shapes.length(name, 0);
        }

        private int headWidth(int width, int heads, String told) throws MalformedFileException {
            if (width % heads != 0) {
                throw new MalformedFileException(shapes.file().path() + ": \"" + told + "\" tells of " + heads
                        + " heads, which do not divide the width " + width + " of \"" + places.embedding + "\"");
            }
            return width / heads;
        }

        private IntFunction<MixerConfig> five(String time, int width) throws MalformedFileException {
            int perHead = shapes.elements(time + "time_decay");
            boolean channels = perHead == width;
            int heads = channels ? heads(time + "time_decay", width) : perHead;
            int headWidth = headWidth(width, heads, time + "time_decay");
            MixerConfig config = new Rwkv5Config(headWidth, shapes.has(time + "gate.weight"), channels,
                    groupEpsilon(headWidth));
            return layer -> config;
        }

        private IntFunction<MixerConfig> six(String time, int width) throws MalformedFileException {
            boolean llama = places == LLAMA;
            boolean flash = places == FLASH_6;
            String first = time + (llama ? "first.weight" : flash ? "bonus" : "time_faaaa");
            String mix = time + (llama ? "w2.weight" : flash ? "x_proj.2.weight" : "time_maa_w2");
            String decay = time + (llama ? "decay_w1.weight" : flash ? "w_proj.linear.lora.0.weight" : "time_decay_w1");
            // Of the matrices of low rank one axis is the width: the other one is the rank, wherever it stands.
            int mixRank = shapes.elements(mix) / 5 / width;
            int decayRank = shapes.elements(decay) / width;
            int headWidth = headWidth(width, heads(first, width), first);
            requireHeadSize(headWidth);
            MixerConfig config = new Rwkv6Config(headWidth, mixRank, decayRank, groupEpsilon(headWidth));
            return layer -> config;
        }

        private IntFunction<MixerConfig> seven(String time, int width) throws MalformedFileException {
            boolean flash = places == FLASH;
            String ending = places == LLAMA ? ".weight" : "";
            String bonus = time + "r_k" + ending;
            int headWidth = shapes.file().find(bonus).map(tensor -> tensor.shape().size() > 1).orElse(false)
                    ? headWidth(width, heads(bonus, width), bonus)
                    : (int) Math.min(Integer.MAX_VALUE, shapes.file().whole("rwkv7.wkv.head_size").orElse(64));
            requireHeadSize(headWidth);
            double groupEpsilon = groupEpsilon(headWidth);
            int[] ranks = new int[4];
            String[] letters = {"w", "a", "v", "g"};
            for (int i = 0; i < ranks.length; i++) {
                String later = i == 2 && layers > 1 ? places.at(places.time, 1) : time;
                String down = flash ? later + letters[i] + "_lora.lora.0.weight" : later + letters[i] + "1" + ending;
                ranks[i] = shapes.has(down) ? shapes.elements(down) / width : 1;
            }
            return layer -> new Rwkv7Config(headWidth, ranks[0], ranks[1], ranks[2], ranks[3], layer == 0,
                    groupEpsilon);
        }

        private void requireHeadSize(int headWidth) throws MalformedFileException {
            String key = "rwkv" + version + ".wkv.head_size";
            OptionalLong told = places == LLAMA ? shapes.file().whole(key) : OptionalLong.empty();
            if (told.isPresent() && told.getAsLong() != headWidth) {
                throw new MalformedFileException(
                        shapes.file().path() + ": its configuration contradicts its tensors: \""
                                + key + "\" is " + told.getAsLong() + ", but the tensors have heads of " + headWidth
                                + "; the file is damaged, or the configuration belongs to another model");
            }
        }

        /** After how many layers the publisher's own program halves the residual stream, which its norms' epsilon tells. */
        private int rescaleEvery() throws MalformedFileException {
            long every = places == LLAMA ? shapes.file().whole("rwkv" + version + ".rescale_every_n_layers").orElse(0)
                    : places == HUGGING_FACE ? told().whole("rescale_every", 6) : 0;
            if (every < 0 || every > layers && every > 1_000) {
                throw new MalformedFileException(shapes.file().path() + ": rescale_every_n_layers is " + every
                        + ", expected 0 for never, or a number of layers");
            }
            return (int) every;
        }

        private static Map<String, String> tokenizer(int vocabulary) {
            return switch (vocabulary) {
                case 256 -> Map.of("kind", "bytes");
                case 65_536 -> Map.of("kind", "world", "vocabulary", "rwkv_vocab_v20230424");
                default -> Collections.emptyMap();
            };
        }
    }
}
