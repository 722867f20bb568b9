package tern.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;

import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.goldfinch.FinchC2Config;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.goldfinch.GoldConfig;
import tern.mixers.goldfinch.GptAlphaConfig;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * The architectures of the GoldFinch paper in any size, as released (arXiv 2407.12077): World vocabulary, heads of 64, layer norms,
 * one more after the embedding, a head of its own.
 */
public final class GoldFinches {
    private static final int HEAD_WIDTH = 64;
    private static final int VOCABULARY = 65_536;

    private GoldFinches() {
    }

    /** The size of a model: layers, width and context. */
    public record Size(int layers, int width, int context) {
    }

    /** Layers of Finch-C2 in a GoldFinch: two thirds. */
    public static int recurrentLayers(int layers) {
        return layers * 2 / 3;
    }

    /** Two thirds Finch-C2, one third GOLD over a cache compressed by a ratio, 16 in most released models. */
    public static StackConfig goldFinch(Size size, int ratio) {
        int recurrent = recurrentLayers(size.layers);
        return over(size, recurrent, new CompressorConfig(ratio, GoldCache.FULL),
                layer -> layer < recurrent ? FinchC2Config.of(HEAD_WIDTH) : GoldConfig.of(HEAD_WIDTH, size.width),
                released(size));
    }

    /** Finch-C2 in all layers. */
    public static StackConfig finchC2(Size size) {
        return layers(size, layer -> FinchC2Config.of(HEAD_WIDTH), released(size));
    }

    /** RWKV-6, as the paper compares with it. */
    public static StackConfig finch(Size size) {
        return layers(size, layer -> Rwkv6Config.of(HEAD_WIDTH, size.width), released(size));
    }

    /** Attention with token shift in all layers. */
    public static StackConfig gptAlpha(Size size) {
        return layers(size, layer -> GptAlphaConfig.of(HEAD_WIDTH), released(size));
    }

    /** The Transformer that the paper compares with: layer norms with biases, gated layers of 8/3 the width. */
    public static StackConfig llama(Size size) {
        MixerConfig mlp = GatedMlpConfig.gated(size.width * 4 * 2 / 3 / 32 * 32, Activation.SILU);
        return layers(size, layer -> AttentionConfig.of(size.width / HEAD_WIDTH), mlp);
    }

    private static MixerConfig released(Size size) {
        return new RwkvChannelMixConfig(RwkvChannelMixConfig.threeAndAHalf(size.width), true);
    }

    private static StackConfig layers(Size size, IntFunction<MixerConfig> timeMix, MixerConfig channelMix) {
        return config(VOCABULARY, size.width, size.context, layers(0, size.layers, timeMix, channelMix));
    }

    private static StackConfig over(Size size, int recurrent, MixerConfig cache, IntFunction<MixerConfig> timeMix,
            MixerConfig channelMix) {
        List<MixerConfig> branches = layers(0, recurrent, timeMix, channelMix);
        branches.add(cache);
        branches.addAll(layers(recurrent, size.layers, timeMix, channelMix));
        return config(VOCABULARY, size.width, size.context, branches);
    }

    /** Branches of layers {@code from} to {@code to}. */
    static List<MixerConfig> layers(int from, int to, IntFunction<MixerConfig> timeMix, MixerConfig channelMix) {
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = from; layer < to; layer++) {
            branches.add(timeMix.apply(layer));
            branches.add(channelMix);
        }
        return branches;
    }

    /** A stack with layer norms, one more after the embedding, and a head of its own. */
    static StackConfig config(int vocabulary, int width, int context, List<MixerConfig> branches) {
        return new StackConfig(vocabulary, width, context, NormKind.LAYER, 1e-5, Optional.empty(),
                Optional.of(NormKind.LAYER), false, branches);
    }
}
