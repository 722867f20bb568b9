package tern.model;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;

import tern.mixers.attention.LocalAttentionConfig;
import tern.mixers.blockrecurrent.BlockRecurrentConfig;
import tern.mixers.recurrent.ParallelRnnConfig;
import tern.mixers.recurrent.RecurrentConfig;
import tern.mixers.titans.TitansConfig;
import tern.mixers.titans.TitansContextConfig;
import tern.ops.Cell;
import tern.ops.UnitCell;
import tern.sequence.MixerConfig;

/**
 * Presets whose layers are recurrent networks: all units reading each other, or in heads ({@code flash-…}), or each itself ({@code
 * para-…}); memories that learn while they read; and states that each window of attention changes once.
 */
final class RecurrentNetworks {
    private RecurrentNetworks() {
    }

    /** The families at a width, context and number of layers: the mixer of each layer, by the family's name. */
    static Map<String, IntFunction<MixerConfig>> families(int width, int context, int layers) {
        int heads = Math.max(2, width / 64);
        int headWidth = width / heads;
        int window = context / 4;
        Map<String, IntFunction<MixerConfig>> families = new LinkedHashMap<>();
        all(families, "elman", RecurrentConfig.of(Cell.ELMAN));
        all(families, "lstm", RecurrentConfig.of(Cell.LSTM));
        all(families, "gru", RecurrentConfig.of(Cell.GRU));
        all(families, "gru-reset-first", RecurrentConfig.of(Cell.GRU_RESET_FIRST));
        all(families, "slstm", RecurrentConfig.exponential(Math.min(4, heads)));
        all(families, "flash-elman", RecurrentConfig.heads(Cell.ELMAN, heads));
        all(families, "flash-lstm", RecurrentConfig.heads(Cell.LSTM, heads));
        all(families, "flash-gru", RecurrentConfig.heads(Cell.GRU, heads));
        all(families, "flash-slstm", RecurrentConfig.heads(Cell.SLSTM, heads));
        all(families, "para-gru", ParallelRnnConfig.of(UnitCell.PARA_GRU));
        all(families, "para-lstm", ParallelRnnConfig.of(UnitCell.PARA_LSTM));
        all(families, "titans", TitansConfig.memory(heads));
        all(families, "titans-gate", TitansConfig.gate(heads, 64));
        all(families, "titans-layer", TitansConfig.layer(heads, 64));
        all(families, "titans-context", TitansContextConfig.of(heads, 64));
        // One layer is recurrent, the third from the top. Its heads have half the width, since it has thrice the maps of others.
        MixerConfig recurrent = BlockRecurrentConfig.of(heads, headWidth / 2, window, width / 2,
                BlockRecurrentConfig.Gate.FIXED);
        MixerConfig local = new LocalAttentionConfig(heads, heads, headWidth, window, 10_000, headWidth, false);
        families.put("block-recurrent", layer -> layer == Math.max(0, layers - 3) ? recurrent : local);
        return families;
    }

    private static void all(Map<String, IntFunction<MixerConfig>> families, String family, MixerConfig mixer) {
        families.put(family, layer -> mixer);
    }
}
