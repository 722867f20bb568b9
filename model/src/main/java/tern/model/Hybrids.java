package tern.model;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;

import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.delta.SharedKeys;
import tern.mixers.experts.ExpertsConfig;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.parallel.ParallelConfig;
import tern.mixers.shortconv.GatedShortConvConfig;
import tern.sequence.MixerConfig;

/** Presets that mix attention with layers of small states, layer by layer or side by side, as released hybrids do. */
final class Hybrids {
    private static final double ROPE_BASE = 10_000;
    private static final int EXPERTS = 8;
    private static final int CHOSEN = 2;
    private static final double BALANCE = 0.01;

    private Hybrids() {
    }

    /** The families at a width: the sequence mixer of each layer, by the family's name. */
    static Map<String, IntFunction<MixerConfig>> families(int width) {
        int headWidth = Math.min(64, width / 2);
        int heads = width / headWidth;
        int keyHeads = Math.max(1, heads / 4);
        MixerConfig convolution = GatedShortConvConfig.of();
        MixerConfig normed = GroupedAttentionConfig.normed(heads, keyHeads, headWidth, ROPE_BASE, 1e-5);
        // A layer's Mamba-2 is as wide as the stream, so that both together are no wider than one alone.
        MixerConfig both = ParallelConfig.of(
                new Mamba2Config(heads, headWidth, Math.min(128, width), 1, 4, false, false,
                        1e-5, 0, Double.MAX_VALUE, true, false),
                GroupedAttentionConfig.of(heads, keyHeads, headWidth, ROPE_BASE));
        Map<String, IntFunction<MixerConfig>> families = new LinkedHashMap<>();
        families.put("lfm2", layer -> layer % 3 == 2 ? normed : convolution);
        families.put("gated-delta-hybrid", gatedDelta(width));
        families.put("falcon-h1", layer -> both);
        return families;
    }

    /** Gated attention in every fourth layer, gated delta rules whose value heads share keys in the others (Qwen3-Next). */
    static IntFunction<MixerConfig> gatedDelta(int width) {
        int headWidth = Math.min(64, width / 2);
        int heads = width / headWidth;
        return layer -> layer % 4 == 3
                ? GroupedAttentionConfig.gated(heads, Math.max(1, heads / 4), headWidth, ROPE_BASE)
                : DeltaNetConfig.grouped(heads, SharedKeys.byNeighbours(Math.max(1, heads / 2)), headWidth, headWidth,
                        4, 1e-6);
    }

    /** Experts, with the shared one as many parameters as told, of which a position uses a third. */
    static MixerConfig experts(int width, long parameters) {
        return ExpertsConfig.of(EXPERTS, CHOSEN,
                Math.toIntExact((parameters / (3L * width * (EXPERTS + 1)) + 1) / 2 * 2)).withBalance(BALANCE);
    }
}
