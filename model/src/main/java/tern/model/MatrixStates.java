package tern.model;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;

import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.gla.GlaConfig;
import tern.mixers.gla.Hgrn2Config;
import tern.mixers.linear.FeatureMapConfig;
import tern.mixers.linear.FeatureMapConfig.Kind;
import tern.mixers.linear.LinearAttentionConfig;
import tern.mixers.linear.Normaliser;
import tern.mixers.linear.PrefixLinearAttentionConfig;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mlstm.MlstmConfig;
import tern.mixers.retention.RetNetConfig;
import tern.mixers.retention.TransNormerConfig;
import tern.sequence.MixerConfig;

/** Presets whose layers keep a matrix a head: linear attention, decays and delta rules, at the widths of their papers. */
final class MatrixStates {
    private MatrixStates() {
    }

    /**
     * The families at a width: the mixer of each layer, by the family's name.
     *
     * @param width D
     * @param context positions trained on; half of them are the prefix of {@code jrt}
     */
    static Map<String, IntFunction<MixerConfig>> families(int width, int context) {
        int headWidth = Math.min(64, width / 2);
        int heads = width / headWidth;
        Map<String, IntFunction<MixerConfig>> families = new LinkedHashMap<>();
        all(families, "linear-attention", LinearAttentionConfig.of(heads, headWidth));
        all(families, "linear-taylor", new LinearAttentionConfig(heads, 16, FeatureMapConfig.of(Kind.TAYLOR),
                Normaliser.SUM, 0));
        all(families, "t2r", new LinearAttentionConfig(heads, headWidth,
                FeatureMapConfig.learned(Kind.LEARNED_RELU, 32), Normaliser.SUM, 0));
        all(families, "hedgehog", new LinearAttentionConfig(heads, headWidth,
                FeatureMapConfig.learned(Kind.HEDGEHOG, headWidth), Normaliser.SUM, 0));
        all(families, "linfusion", LinearAttentionConfig.linFusion(heads, headWidth, width / 4));
        all(families, "jrt", new PrefixLinearAttentionConfig(heads, 16, FeatureMapConfig.of(Kind.TAYLOR),
                context / 2, false));
        all(families, "retnet", new RetNetConfig(heads, 2));
        families.put("transnormer", layer -> new TransNormerConfig(heads, layer == 0));
        all(families, "gla", GlaConfig.of(heads, headWidth / 2));
        all(families, "hgrn2", new Hgrn2Config(headWidth));
        all(families, "mlstm", MlstmConfig.exponential(heads, headWidth / 2));
        all(families, "mlstm-sigmoid", MlstmConfig.sigmoid(heads, headWidth / 2));
        all(families, "mamba2", Mamba2Config.of(width, headWidth, Math.min(128, width)));
        all(families, "delta-net", DeltaNetConfig.plain(heads, headWidth));
        // Keys are 3/4 of the width in all, values twice as wide.
        all(families, "gated-delta-net", DeltaNetConfig.gated(heads, headWidth * 3 / 4));
        all(families, "kimi-delta",
                new DeltaNetConfig(heads, headWidth, headWidth, 4, DeltaNetConfig.Decay.KEY, false));
        return families;
    }

    private static void all(Map<String, IntFunction<MixerConfig>> families, String family, MixerConfig mixer) {
        families.put(family, layer -> mixer);
    }
}
