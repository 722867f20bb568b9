package tern.model;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;

import tern.mixers.fourier.FNetConfig;
import tern.mixers.fourier.FourierTransformerConfig;
import tern.mixers.longconv.ConvolutionLayerConfig;
import tern.mixers.longconv.ImplicitConvConfig;
import tern.mixers.longconv.MultiresConfig;
import tern.mixers.longconv.SgConvConfig;
import tern.sequence.MixerConfig;

/** Presets whose layers are long convolutions without gates of the input, and encoders by Fourier transforms. */
final class LongConvolutions {
    private LongConvolutions() {
    }

    /** The families: the mixer of each layer, by the family's name. */
    static Map<String, IntFunction<MixerConfig>> families() {
        Map<String, IntFunction<MixerConfig>> families = new LinkedHashMap<>();
        all(families, "sgconv", new ConvolutionLayerConfig(SgConvConfig.of(32), false));
        all(families, "multires", new ConvolutionLayerConfig(MultiresConfig.of(4), true));
        all(families, "implicit-conv", new ConvolutionLayerConfig(ImplicitConvConfig.of(), false));
        return families;
    }

    /** Families that read in both directions. */
    static Map<String, MixerConfig> encoders(int heads) {
        Map<String, MixerConfig> families = new LinkedHashMap<>();
        families.put("fnet", new FNetConfig());
        families.put("fourier-transformer", new FourierTransformerConfig(heads, 0.2));
        return families;
    }

    private static void all(Map<String, IntFunction<MixerConfig>> families, String family, MixerConfig mixer) {
        families.put(family, layer -> mixer);
    }
}
