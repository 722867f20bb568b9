package tern.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.LongFunction;
import java.util.stream.IntStream;

import tern.mixers.NearestName;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.goldfinch.FinchC2Config;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.goldfinch.GoldConfig;
import tern.mixers.goldfinch.GptAlphaConfig;
import tern.mixers.goldfinch.Positions;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.mega.GatedAttentionConfig;
import tern.mixers.mega.MegalodonConfig;
import tern.mixers.mega.MovingAverageConfig;
import tern.mixers.mega.Normalisation;
import tern.mixers.mega.NormalisedMlpConfig;
import tern.mixers.mega.RelativeBias;
import tern.mixers.mega.SumMoverConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.rwkv.Rwkv4Config;
import tern.mixers.rwkv.Rwkv5Config;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.mixers.tcn.DilatedStackConfig;
import tern.mixers.tcn.TcnBlockConfig;
import tern.mixers.tcn.TcncaSimpleConfig;
import tern.mixers.universal.UniversalConfig;
import tern.ops.Activation;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;

/**
 * Architectures by name, family and size: {@code transformer-tiny}, {@code hyena-base} … Byte vocabulary, RMS norms, tied
 * head; every layer is a sequence mixer and a SwiGLU of 8/3 the width, so that models of one size have nearly equal numbers
 * of parameters in every family.
 */
public final class Presets {
    private static final Map<String, StackConfig> ALL = new LinkedHashMap<>();
    /** Deviation of dilated filters of three taps at the start: the variance of a layer's sum is then about a fifth. */
    private static final double FELT = 0.25;
    /** What papers call families that have other names here. */
    private static final Map<String, String> ALSO_CALLED = Map.of("eagle", "rwkv5", "finch", "rwkv6", "goose",
            "rwkv7");

    /** A size: micro about 0.1 million parameters, for tasks; nano 0.3, tiny 1, small 10, base 100. */
    private enum Size {
        MICRO(64, 2, 256, 2, 4, ImplicitFilterConfig.small()), NANO(64, 6, 256, 2, 4,
                ImplicitFilterConfig.small()), TINY(128, 5, 512, 4, 4,
                        ImplicitFilterConfig.small()), SMALL(256, 12, 1024, 4, 8,
                                ImplicitFilterConfig.published()), BASE(768, 14, 1024, 12, 8,
                                        ImplicitFilterConfig.published());

        private final int width;
        private final int layers;
        private final int context;
        private final int heads;
        private final int headWidth;
        private final ImplicitFilterConfig filter;

        Size(int width, int layers, int context, int heads, int headWidth, ImplicitFilterConfig filter) {
            this.width = width;
            this.layers = layers;
            this.context = context;
            this.heads = heads;
            this.headWidth = headWidth;
            this.filter = filter;
        }
    }

    static {
        for (Size size : Size.values()) {
            put("transformer", size, AttentionConfig.of(size.heads));
            put("hyena", size, HyenaConfig.of(2, size.filter));
            put("multihyena", size, MultiHyenaConfig.of(size.headWidth, size.filter));
            put("modal", size, ModalRecurrenceConfig.of(2, size.headWidth, 3, List.of(8), List.of(0)));
            // Ranks in the proportion of released models, for which 64 belongs to a width of 1,536.
            int rank = Math.max(8, size.width / 24);
            int headWidth = Math.min(64, size.width / 2);
            putRwkv("rwkv4", size, first -> new Rwkv4Config(), true);
            putRwkv("rwkv5", size, first -> Rwkv5Config.of(headWidth), true);
            putRwkv("rwkv6", size, first -> new Rwkv6Config(headWidth, rank, 2 * rank, 64e-5), true);
            putRwkv("rwkv7", size,
                    first -> new Rwkv7Config(headWidth, 2 * rank, 2 * rank, rank, 4 * rank, first, 64e-5),
                    false);
            putRwkv("finch-c2", size, first -> c2(headWidth, rank), true);
            putOver("goldfinch", size, layer -> c2(headWidth, rank), true);
            putRwkv("gptalpha", size,
                    first -> new GptAlphaConfig(headWidth, rank, Positions.rotary(10_000)), true);
            MatrixStates.families(size.width, size.context)
                    .forEach((family, mixer) -> putBalanced(family, size, mixer));
            RecurrentNetworks.families(size.width, size.context, size.layers)
                    .forEach((family, mixer) -> putBalanced(family, size, mixer));
            Hybrids.families(size.width).forEach((family, mixer) -> putBalanced(family, size, mixer));
            putBalanced("gated-delta-experts", size, Hybrids.gatedDelta(size.width),
                    parameters -> Hybrids.experts(size.width, parameters));
            LongConvolutions.families().forEach((family, mixer) -> putBalanced(family, size, mixer));
            ScanStates.families(size.width, size.context)
                    .forEach((family, mixer) -> putBalanced(family, size, mixer));
            // Each block is used twice, at most.
            ALL.put("universal-" + size.name().toLowerCase(Locale.ROOT), StackConfig.of(size.width, size.context,
                    Collections.nCopies(size.layers, new UniversalConfig(AttentionConfig.of(size.heads),
                            GatedMlpConfig.gated(gatedInner(size), Activation.SILU), 2, 0.01).withPonder(0.01))));
            putMega(size);
            putTcn(size);
        }
        // Encoders read whole sequences: they are for tasks, and of no use as language models.
        LongConvolutions.encoders(Size.MICRO.heads)
                .forEach((family, mixer) -> putBalanced(family, Size.MICRO, layer -> mixer));
        ScanStates.encoders(Size.MICRO.width)
                .forEach((family, mixer) -> putBalanced(family, Size.MICRO, layer -> mixer));
        putOver("gold-over-hyena", Size.TINY, layer -> HyenaConfig.of(2, Size.TINY.filter), false);
        putOver("gold-over-rwkv7", Size.TINY, layer -> new Rwkv7Config(64, 16, 16, 8, 32, layer == 0, 64e-5), false);
        for (LongRange task : LongRange.values()) {
            String name = task.name().toLowerCase(Locale.ROOT);
            ALL.put("mega-lra-" + name, task.over(MovingAverageConfig.bidirectional(16)));
            ALL.put("tcnca-lra-" + name, task.over(DilatedStackConfig.of(9, 8, 4).bothWays()));
        }
        ALL.put("mega-enwik8", enwik8(MovingAverageConfig.of(16)));
        ALL.put("tcnca-enwik8", enwik8(DilatedStackConfig.of(17, 8, 4)));
        putReleased("12x768", new GoldFinches.Size(12, 768, 1024));
        putReleased("24x2048", new GoldFinches.Size(24, 2048, 4096));
    }

    private Presets() {
    }

    /** The architectures of the GoldFinch paper as released; their names tell layers and width. */
    private static void putReleased(String shape, GoldFinches.Size size) {
        ALL.put("goldfinch-" + shape, GoldFinches.goldFinch(size, 16));
        ALL.put("finch-c2-" + shape, GoldFinches.finchC2(size));
        ALL.put("finch-" + shape, GoldFinches.finch(size));
        ALL.put("gptalpha-" + shape, GoldFinches.gptAlpha(size));
    }

    private static MixerConfig c2(int headWidth, int rank) {
        return new FinchC2Config(headWidth, rank, 2 * rank, 2 * rank, true, true);
    }

    /** Two thirds of one kind of layer, one third GOLD; as many parameters as others of the size, by the channel mixing. */
    private static void putOver(String family, Size size, IntFunction<MixerConfig> below, boolean receptance) {
        int recurrent = GoldFinches.recurrentLayers(size.layers);
        int rank = Math.max(8, size.width / 24);
        MixerConfig gold = new GoldConfig(Math.min(64, size.width / 2), rank, 2 * rank, Positions.NONE,
                GoldCache.FULL);
        List<MixerConfig> timeMixes = IntStream.range(0, size.layers)
                .mapToObj(layer -> layer < recurrent ? below.apply(layer) : gold).toList();
        MixerConfig cache = CompressorConfig.of();
        MixerConfig channelMix = new RwkvChannelMixConfig(channelMixInner(size, timeMixes, cache, receptance),
                receptance);
        List<MixerConfig> branches = GoldFinches.layers(0, recurrent, timeMixes::get, channelMix);
        branches.add(cache);
        branches.addAll(GoldFinches.layers(recurrent, size.layers, timeMixes::get, channelMix));
        ALL.put(family + "-" + size.name().toLowerCase(Locale.ROOT),
                GoldFinches.config(256, size.width, size.context, branches));
    }

    /** {@link #channelMixInner(Size, MixerConfig, boolean)} for layers that differ. */
    private static int channelMixInner(Size size, List<MixerConfig> timeMixes, MixerConfig cache, boolean receptance) {
        long others = parameters(size, cache) + 256L * size.width;
        for (MixerConfig timeMix : timeMixes) {
            others += parameters(size, timeMix);
        }
        long square = (long) size.width * size.width;
        long layer = 4 * square + 3L * size.width * gatedInner(size) - (receptance ? square : 0);
        long left = layer - others / size.layers;
        return Math.toIntExact((left / (2L * size.width) + 4) / 8 * 8);
    }

    private static long parameters(Size size, MixerConfig mixer) {
        Parameters counted = new Parameters(Parameters.Source.shapesOnly());
        mixer.build(new BranchContext(size.width, size.context, 0, 2 * size.layers), counted.scope());
        return counted.count();
    }

    /** Layer norms, one more after the embedding, and a head of its own, as RWKV has them. */
    private static void putRwkv(String family, Size size, Function<Boolean, MixerConfig> timeMix, boolean receptance) {
        int inner = channelMixInner(size, timeMix.apply(false), receptance);
        MixerConfig channelMix = family.equals("rwkv4") ? RwkvChannelMixConfig.four(inner, size.width)
                : new RwkvChannelMixConfig(inner, receptance);
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < size.layers; layer++) {
            branches.add(timeMix.apply(layer == 0));
            branches.add(channelMix);
        }
        ALL.put(family + "-" + size.name().toLowerCase(Locale.ROOT), new StackConfig(256, size.width, size.context,
                NormKind.LAYER, 1e-5, Optional.empty(), Optional.of(NormKind.LAYER), false, branches));
    }

    /**
     * What makes a layer, and its share of the head, as large as a Transformer's layer of this width: released models
     * have 3.5 to 4 times the width instead, and more parameters than a Transformer of as many layers.
     */
    private static int channelMixInner(Size size, MixerConfig timeMix, boolean receptance) {
        long square = (long) size.width * size.width;
        long layer = 4 * square + 3L * size.width * gatedInner(size);
        long left = layer - parameters(size, timeMix) - (receptance ? square : 0) - 256L * size.width / size.layers;
        return Math.toIntExact((left / (2L * size.width) + 4) / 8 * 8);
    }

    /** A gated layer has three matrices; 8/3 of the width makes them as large as two of four times the width. */
    private static int gatedInner(Size size) {
        return (size.width * 8 / 3 + 15) / 16 * 16;
    }

    private static void put(String family, Size size, MixerConfig sequenceMixer) {
        int inner = gatedInner(size);
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < size.layers; layer++) {
            branches.add(sequenceMixer);
            branches.add(GatedMlpConfig.gated(inner, Activation.SILU));
        }
        ALL.put(family + "-" + size.name().toLowerCase(Locale.ROOT),
                StackConfig.of(size.width, size.context, branches));
    }

    /** As {@link #put}, but what a mixer has more or less than attention, the gated layer has less or more. */
    private static void putBalanced(String family, Size size, IntFunction<MixerConfig> sequenceMixer) {
        putBalanced(family, size, sequenceMixer, parameters -> GatedMlpConfig.gated(
                Math.toIntExact((parameters / (3L * size.width) + 2) / 4 * 4), Activation.SILU));
    }

    /** With any channel mixer of so many parameters. */
    private static void putBalanced(String family, Size size, IntFunction<MixerConfig> sequenceMixer,
            LongFunction<MixerConfig> channelMixer) {
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < size.layers; layer++) {
            MixerConfig mixer = sequenceMixer.apply(layer);
            long all = 4L * size.width * size.width + 3L * size.width * gatedInner(size);
            long left = all - parameters(size, mixer);
            branches.add(mixer);
            branches.add(channelMixer.apply(left));
        }
        ALL.put(family + "-" + size.name().toLowerCase(Locale.ROOT),
                StackConfig.of(size.width, size.context, branches));
    }

    /** Mega as published for language but for its sizes, and TCNCA, which is the same over another mover. */
    private static void putMega(Size size) {
        int chunk = Math.min(512, size.context / 2);
        DilatedStackConfig dilated = dilated(size.context);
        putMega("mega", size, GatedAttentionConfig.language(MovingAverageConfig.of(16), size.width / 4,
                2 * size.width, chunk), NormKind.LAYER_PLAIN);
        putMega("tcnca", size, GatedAttentionConfig.language(dilated, size.width / 4, 2 * size.width, chunk),
                NormKind.LAYER_PLAIN);
        putMega("tcnca-simple", size, TcncaSimpleConfig.of(dilated, size.width / 4, chunk), NormKind.LAYER);
        putMega("mega-tcn", size, GatedAttentionConfig.language(new SumMoverConfig(List.of(
                new MovingAverageConfig(16, false, false, Activation.IDENTITY, Optional.empty()),
                dilated.asPartOfASum()), Activation.SILU), size.width / 4, 2 * size.width, chunk),
                NormKind.LAYER_PLAIN);
        putMega("megalodon", size, MegalodonConfig.of(size.width / 4, 2 * size.width, chunk, size.width / 8),
                NormKind.RMS);
        if (size == Size.MICRO) {
            putBothWays(size, chunk, dilated.bothWays());
        }
    }

    /** For tasks whose answer comes at the end: in both directions, with a trained number for every distance. */
    private static void putBothWays(Size size, int chunk, DilatedStackConfig dilated) {
        MovingAverageConfig average = MovingAverageConfig.bidirectional(16);
        int z = size.width / 4;
        int h = 2 * size.width;
        putMega("mega-bidirectional", size, GatedAttentionConfig.classification(average, z, h, chunk, Weighing.SOFTMAX,
                Normalisation.LAYER, true), NormKind.LAYER_PLAIN);
        putMega("tcnca-bidirectional", size, GatedAttentionConfig.classification(dilated, z, h, chunk,
                Weighing.SOFTMAX, Normalisation.LAYER, true), NormKind.LAYER_PLAIN);
        putMega("mega-image", size, GatedAttentionConfig.classification(average, z, h, chunk, Weighing.LAPLACE,
                Normalisation.BATCH, true), NormKind.LAYER_PLAIN);
        putMega("tcnca-image", size, GatedAttentionConfig.classification(dilated, z, h, chunk, Weighing.LAPLACE,
                Normalisation.BATCH, true), NormKind.LAYER_PLAIN);
        putMega("tcnca-simple-bidirectional", size, TcncaSimpleConfig.of(dilated, z, chunk), NormKind.LAYER);
    }

    /** Mega's shapes for Long Range Arena as published, in chunks of 128 (arXiv 2209.10655, appendix). */
    private enum LongRange {
        LISTOPS(6, 80, 64, 2000, Weighing.SOFTMAX, Normalisation.LAYER, false, 0.1), TEXT(4, 128, 64, 4096,
                Weighing.SOFTMAX, Normalisation.SCALE, false, 0.1), RETRIEVAL(6, 128, 64, 4000,
                        Weighing.SOFTMAX, Normalisation.SCALE, false, 0.1), IMAGE(8, 160, 96, 1024, Weighing.LAPLACE,
                                Normalisation.BATCH, true, 0), PATHFINDER(6, 128, 64, 1024, Weighing.LAPLACE,
                                        Normalisation.BATCH, true, 0);

        private final int layers;
        private final int width;
        private final int keyWidth;
        private final int context;
        private final Weighing weighing;
        private final Normalisation norm;
        private final boolean prenorm;
        private final Optional<Double> dropout;

        LongRange(int layers, int width, int keyWidth, int context, Weighing weighing, Normalisation norm,
                boolean prenorm, double dropout) {
            this.layers = layers;
            this.width = width;
            this.keyWidth = keyWidth;
            this.context = context;
            this.weighing = weighing;
            this.norm = norm;
            this.prenorm = prenorm;
            this.dropout = dropout > 0 ? Optional.of(dropout) : Optional.empty();
        }

        StackConfig over(MixerConfig mover) {
            List<MixerConfig> branches = new ArrayList<>();
            for (int layer = 0; layer < layers; layer++) {
                branches.add(new GatedAttentionConfig(mover, keyWidth, 2 * width, weighing, 128, RelativeBias.SIMPLE,
                        false, norm, prenorm, dropout, Optional.empty(), Optional.empty(), Optional.empty()));
                branches.add(new NormalisedMlpConfig(2 * width, norm, prenorm, dropout, Optional.empty(),
                        Optional.empty(), Optional.empty()));
            }
            return new StackConfig(256, width, context, NormKind.LAYER_PLAIN, 1e-5, Optional.empty(), Optional.empty(),
                    true, branches, Optional.empty(), Optional.empty(), Optional.empty(),
                    Optional.of(Math.sqrt(width)));
        }
    }

    /** z = D/4, h = 2D; the feed-forward blocks make layers as large as others of the size, for Mega about 2D. */
    private static void putMega(String family, Size size, MixerConfig attention, NormKind norm) {
        long all = 4L * size.width * size.width + 3L * size.width * gatedInner(size);
        long left = all - parameters(size, attention);
        int inner = Math.toIntExact((left / (2L * size.width) + 4) / 8 * 8);
        ALL.put(family + "-" + size.name().toLowerCase(Locale.ROOT),
                mega(size.width, size.layers, size.context, attention, inner, norm));
    }

    /**
     * Dilated convolutions that reach over the context and are felt from the first step. Many narrow layers learn text
     * better than few wide ones of as many taps: after 300 steps of 16 × 256 bytes of EnWik8's head a tiny TCNCA reads the
     * test part at 2.81 bits a byte with 3 taps, factor 2 and 8 layers, at 2.88 with 5, 4, 4 and at 2.90 with 9, 8, 3
     * (Mega: 2.84; learning rate 4e-3, one seed).
     */
    private static DilatedStackConfig dilated(int context) {
        int layers = Integer.numberOfTrailingZeros(Integer.highestOneBit(context)) - 1;
        return DilatedStackConfig.of(3, 2, layers).starting(FELT);
    }

    /**
     * Mega for language (arXiv 2209.10655, appendix): rotary bias, layer norms in front, a last norm without parameters,
     * embeddings scaled by √D.
     */
    private static StackConfig mega(int width, int layers, int context, MixerConfig attention, int inner,
            NormKind norm) {
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(attention);
            branches.add(feedForward(attention, inner));
        }
        return new StackConfig(256, width, context, norm, 1e-5, Optional.empty(), Optional.empty(),
                true, branches, Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(Math.sqrt(width)));
    }

    /**
     * Mega's block, normalised as the attention is; Megalodon's adds to what the attention read, and has RMS norms and biases
     * here, where the released code has layer norms and none (and a norm over time at the end of the stack).
     */
    private static MixerConfig feedForward(MixerConfig attention, int inner) {
        return switch (attention) {
            case MegalodonConfig megalodon -> new NormalisedMlpConfig(inner, Normalisation.RMS, true, Optional.empty(),
                    Optional.empty(), Optional.empty(), Optional.of(megalodon.twoHop()));
            case GatedAttentionConfig mega -> new NormalisedMlpConfig(inner, mega.norm(), true);
            default -> new NormalisedMlpConfig(inner, Normalisation.LAYER, true);
        };
    }

    /** Mega's shape for EnWik8 over a mover. */
    private static StackConfig enwik8(MixerConfig mover) {
        return mega(512, 12, 4096, GatedAttentionConfig.language(mover, 128, 1024, 2048), 1024, NormKind.LAYER_PLAIN);
    }

    /**
     * The classic TCN (arXiv 1803.01271): two blocks of 3 taps in the place of a layer, dilations doubling until they reach over
     * the context, and from 1 again.
     */
    private static void putTcn(Size size) {
        int doublings = Math.max(1, Integer.numberOfTrailingZeros(size.context) - 2);
        List<MixerConfig> blocks = IntStream.range(0, 2 * size.layers)
                .<MixerConfig>mapToObj(i -> TcnBlockConfig.of(3, 1 << i % doublings)).toList();
        ALL.put("tcn-" + size.name().toLowerCase(Locale.ROOT), StackConfig.of(size.width, size.context, blocks));
    }

    /** A preset's name without its size: {@code transformer} of {@code transformer-tiny}. */
    public static String family(String preset) {
        int last = preset.lastIndexOf('-');
        String size = preset.substring(last + 1).toUpperCase(Locale.ROOT);
        return last > 0 && Arrays.stream(Size.values()).anyMatch(known -> known.name().equals(size))
                ? preset.substring(0, last)
                : preset;
    }

    /**
     * What a preset or a family is called here that may be named as in its paper: {@code rwkv6-tiny} for {@code finch-tiny}. Any
     * other name as it is.
     */
    public static String called(String name) {
        String first = name.split("-", 2)[0];
        String here = ALSO_CALLED.getOrDefault(first, first) + name.substring(first.length());
        return ALL.containsKey(here) || name.equals(first) ? here : name;
    }

    /** All names, family by family within a size. */
    public static Set<String> names() {
        return Collections.unmodifiableSet(ALL.keySet());
    }

    /** What names there are, in a few lines: the families that have every size, the sizes, and the names that are neither. */
    public static String summary() {
        List<String> sizes = Arrays.stream(Size.values()).map(size -> size.name().toLowerCase(Locale.ROOT)).toList();
        Set<String> families = new LinkedHashSet<>();
        List<String> single = new ArrayList<>();
        for (String name : ALL.keySet()) {
            String family = family(name);
            if (sizes.stream().allMatch(size -> ALL.containsKey(family + "-" + size))) {
                families.add(family);
            } else {
                single.add(name);
            }
        }
        return "a family and a size, such as hyena-tiny, of the families " + String.join(", ", families)
                + " and the sizes " + String.join(", ", sizes) + "; and " + String.join(", ", single);
    }

    /**
     * The architecture of this name, also if it is named as in its paper ({@code finch-tiny}).
     *
     * @throws IllegalArgumentException if there is none; names the nearest
     */
    public static StackConfig named(String given) {
        String name = called(given);
        StackConfig config = ALL.get(name);
        if (config == null) {
            List<String> sized = ALL.keySet().stream().filter(known -> family(known).equals(name)).toList();
            if (!sized.isEmpty()) {
                throw new IllegalArgumentException(
                        "preset \"" + name + "\" has no size; known are " + String.join(", ", sized));
            }
            int last = Math.max(0, name.lastIndexOf('-'));
            List<String> others = ALL.keySet().stream().filter(known -> !known.equals(family(known))
                    && family(known).equals(name.substring(0, last))).toList();
            if (!others.isEmpty()) {
                throw new IllegalArgumentException(
                        "unknown preset \"" + name + "\"; " + NearestName.advice(name, others));
            }
            throw new IllegalArgumentException(
                    "unknown preset \"" + name + "\"; " + NearestName.advice(name, ALL.keySet(), summary()));
        }
        return config;
    }
}
