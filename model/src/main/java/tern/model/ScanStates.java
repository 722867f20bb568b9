package tern.model;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;

import tern.mixers.attention.AarenConfig;
import tern.mixers.attention.LocalAttentionConfig;
import tern.mixers.bidirectional.BidirectionalConfig;
import tern.mixers.griffin.RgLruConfig;
import tern.mixers.mamba.MambaConfig;
import tern.mixers.minimal.MinGruConfig;
import tern.mixers.minimal.MinLstmConfig;
import tern.mixers.statespace.ConvS5Config;
import tern.mixers.statespace.LmuConfig;
import tern.mixers.statespace.LsslConfig;
import tern.mixers.statespace.ModeStart;
import tern.mixers.statespace.PrfConfig;
import tern.mixers.statespace.S4dConfig;
import tern.mixers.statespace.S5Config;
import tern.sequence.MixerConfig;

/** Presets whose layers are affine scans of channels: selective and other state spaces, gates that do not look back. */
final class ScanStates {
    private static final int PATTERN = 3;

    private ScanStates() {
    }

    /**
     * The families at a width: the mixer of each layer, by the family's name.
     *
     * @param width D
     * @param context positions trained on; Griffin's window is half of them
     */
    static Map<String, IntFunction<MixerConfig>> families(int width, int context) {
        int headWidth = Math.min(64, width / 2);
        int heads = width / headWidth;
        Map<String, IntFunction<MixerConfig>> families = new LinkedHashMap<>();
        all(families, "mamba", MambaConfig.of(width));
        // Two recurrent layers, one that attends.
        MixerConfig recurrent = RgLruConfig.of(width, heads);
        MixerConfig local = LocalAttentionConfig.griffin(heads, headWidth, context / 2);
        families.put("griffin", layer -> layer % PATTERN == PATTERN - 1 ? local : recurrent);
        all(families, "rg-lru", recurrent);
        all(families, "min-gru", new MinGruConfig(width, 4));
        all(families, "min-lstm", new MinLstmConfig(width, 4));
        all(families, "s4d", new S4dConfig(16, ModeStart.LEGS));
        all(families, "s5", new S5Config(width / 2, width / 32));
        all(families, "conv-s5", new ConvS5Config(4, 4, width / 16, 1, 3));
        all(families, "lssl", new LsslConfig(32, 4, false));
        all(families, "lmu", new LmuConfig(4, 16, context));
        all(families, "prf", new PrfConfig(width, 2, 0.1));
        all(families, "aaren", new AarenConfig(heads));
        return families;
    }

    /** Families that read in both directions: the two of {@link #families} that Long Range Arena is read with. */
    static Map<String, MixerConfig> encoders(int width) {
        Map<String, MixerConfig> families = new LinkedHashMap<>();
        families.put("s4d-bidirectional", new BidirectionalConfig(new S4dConfig(16, ModeStart.LEGS)));
        families.put("s5-bidirectional", new BidirectionalConfig(new S5Config(width / 2, width / 32)));
        return families;
    }

    private static void all(Map<String, IntFunction<MixerConfig>> families, String family, MixerConfig mixer) {
        families.put(family, layer -> mixer);
    }
}
