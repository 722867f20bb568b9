package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.goldfinch.FinchC2Config;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.goldfinch.GoldConfig;
import tern.mixers.goldfinch.GptAlphaConfig;
import tern.mixers.goldfinch.Positions;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;

/**
 * GoldFinch, Finch-C2, GPTAlpha and Finch-C2 with GPTAlpha above, as released. The kind of each layer follows from the names of
 * its tensors, all numbers from shapes, but for two that no tensor tells: the width of heads in a model without Finch-C2
 * layers, taken as 64, and positions: GOLD layers are taken to have none and GPTAlpha layers rotary ones with base 10000, as
 * most released models.
 */
final class GoldFinchFamily implements Family {
    private static final String TIME = "blocks.{i}.att.";
    private static final int CONTEXT = 1024;
    private static final int HEAD_WIDTH = 64;

    /** What a layer's time mixing is. */
    private enum Kind {
        FINCH_C2("finch-c2"), GOLD("gold"), GPT_ALPHA("gptalpha");

        private final String flag;

        Kind(String flag) {
            this.flag = flag;
        }
    }

    @Override
    public String name() {
        return "GoldFinch, Finch-C2 and GPTAlpha";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (!shapes.has("emb.weight")) {
            return Optional.empty();
        }
        int layers = shapes.layers("blocks.{i}.ffn.key.weight");
        List<Kind> kinds = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            Optional<Kind> kind = kind(shapes, at(layer));
            if (kind.isEmpty()) {
                return Optional.empty();
            }
            kinds.add(kind.get());
        }
        return kinds.isEmpty() ? Optional.empty() : Optional.of(blueprint(shapes, kinds));
    }

    private static String at(int layer) {
        return TIME.replace("{i}", Integer.toString(layer));
    }

    private static Optional<Kind> kind(Shapes shapes, String time) {
        if (shapes.has(time + "time_maa_v2")) {
            return Optional.of(Kind.FINCH_C2);
        }
        if (!shapes.has(time + "query.weight")) {
            return Optional.empty();
        }
        if (!shapes.has(time + "key.weight")) {
            return Optional.of(Kind.GOLD);
        }
        return shapes.has(time + "ln_r.weight") ? Optional.of(Kind.GPT_ALPHA) : Optional.empty();
    }

    private static Blueprint blueprint(Shapes shapes, List<Kind> kinds) throws MalformedFileException {
        int width = shapes.length("emb.weight", 1);
        int vocabulary = shapes.length("emb.weight", 0);
        int headWidth = headWidth(shapes, kinds, width);
        int gold = kinds.contains(Kind.GOLD) ? kinds.indexOf(Kind.GOLD) : kinds.size();
        MixerConfig channelMix = new RwkvChannelMixConfig(shapes.length("blocks.0.ffn.key.weight", 0), true);
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < kinds.size(); layer++) {
            if (layer == gold) {
                branches.add(new CompressorConfig(ratio(shapes, width), GoldCache.FULL));
            }
            String time = at(layer);
            branches.add(switch (kinds.get(layer)) {
                case FINCH_C2 -> new FinchC2Config(headWidth, shapes.length(time + "time_maa_w1", 1) / 5,
                        shapes.length(time + "time_decay_w1", 1), shapes.length(time + "time_value2_w1", 1), true,
                        true);
                case GOLD -> new GoldConfig(headWidth, shapes.length(time + "time_maa_q_w1", 1),
                        shapes.length(time + "time_key_w1", 1), Positions.NONE, GoldCache.FULL);
                case GPT_ALPHA -> new GptAlphaConfig(headWidth, shapes.length(time + "time_maa_w1", 1) / 3,
                        Positions.rotary(10_000));
            });
            branches.add(channelMix);
        }
        StackConfig config = new StackConfig(vocabulary, width, CONTEXT, NormKind.LAYER, 1e-5, Optional.empty(),
                Optional.of(NormKind.LAYER), false, branches);
        NamingTable names = NamingTable.read("goldfinch", kinds.size(), 2, gold,
                (word, layer) -> word.equals("cache") ? gold < kinds.size() : kinds.get(layer).flag.equals(word));
        Map<String, String> tokenizer = vocabulary == 65_536
                ? Map.of("kind", "world", "vocabulary", "rwkv_vocab_v20230424")
                : Map.of();
        return new Blueprint(name(kinds), config, names, 0, tokenizer);
    }

    private static String name(List<Kind> kinds) {
        if (kinds.contains(Kind.GOLD)) {
            return "GoldFinch, as released";
        }
        if (!kinds.contains(Kind.GPT_ALPHA)) {
            return "Finch-C2, as released";
        }
        return kinds.contains(Kind.FINCH_C2) ? "Finch-C2 with GPTAlpha, as released" : "GPTAlpha, as released";
    }

    private static int headWidth(Shapes shapes, List<Kind> kinds, int width) throws MalformedFileException {
        int first = kinds.indexOf(Kind.FINCH_C2);
        int headWidth = first < 0 ? HEAD_WIDTH : shapes.length(at(first) + "time_faaaa", -1);
        return divisor(shapes, "a head's width", headWidth, width);
    }

    private static int ratio(Shapes shapes, int width) throws MalformedFileException {
        int compressed = divisor(shapes, "the number of rows of \"w_kv_cache_a.weight\"",
                shapes.length("w_kv_cache_a.weight", 0), width);
        return width / compressed;
    }

    private static int divisor(Shapes shapes, String what, int found, int width) throws MalformedFileException {
        if (width % found != 0) {
            throw new MalformedFileException(shapes.file().path() + ": " + what + " is " + found
                    + ", expected a divisor of " + width + ", the width of \"emb.weight\"");
        }
        return found;
    }
}
