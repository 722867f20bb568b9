package tern.mixers;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

import tern.mixers.attention.AarenConfig;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.attention.LocalAttentionConfig;
import tern.mixers.bidirectional.BidirectionalConfig;
import tern.mixers.blockrecurrent.BlockRecurrentConfig;
import tern.mixers.channel.ConstantConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.experts.ExpertsConfig;
import tern.mixers.fourier.FNetConfig;
import tern.mixers.fourier.FourierTransformerConfig;
import tern.mixers.gla.GlaConfig;
import tern.mixers.gla.Hgrn2Config;
import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.goldfinch.FinchC2Config;
import tern.mixers.goldfinch.GoldConfig;
import tern.mixers.goldfinch.GptAlphaConfig;
import tern.mixers.griffin.RgLruConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.linear.LinearAttentionConfig;
import tern.mixers.linear.PrefixLinearAttentionConfig;
import tern.mixers.longconv.ConvolutionLayerConfig;
import tern.mixers.longconv.ImplicitConvConfig;
import tern.mixers.longconv.MultiresConfig;
import tern.mixers.longconv.SgConvConfig;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mamba.MambaConfig;
import tern.mixers.mega.GatedAttentionConfig;
import tern.mixers.mega.MegalodonConfig;
import tern.mixers.mega.MovingAverageConfig;
import tern.mixers.mega.NormalisedMlpConfig;
import tern.mixers.mega.SumMoverConfig;
import tern.mixers.minimal.MinGruConfig;
import tern.mixers.minimal.MinLstmConfig;
import tern.mixers.mlstm.MlstmConfig;
import tern.mixers.modal.ModalMoverConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.parallel.ParallelConfig;
import tern.mixers.recurrent.ParallelRnnConfig;
import tern.mixers.recurrent.RecurrentConfig;
import tern.mixers.retention.RetNetConfig;
import tern.mixers.retention.TransNormerConfig;
import tern.mixers.rwkv.Rwkv4Config;
import tern.mixers.rwkv.Rwkv5Config;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.mixers.shortconv.GatedShortConvConfig;
import tern.mixers.statespace.ConvS5Config;
import tern.mixers.statespace.LmuConfig;
import tern.mixers.statespace.LmuModalConfig;
import tern.mixers.statespace.LsslConfig;
import tern.mixers.statespace.PrfConfig;
import tern.mixers.statespace.S4dConfig;
import tern.mixers.statespace.S5Config;
import tern.mixers.statespace.StateSpaceModalConfig;
import tern.mixers.tcn.DilatedStackConfig;
import tern.mixers.tcn.TcnBlockConfig;
import tern.mixers.tcn.TcncaSimpleConfig;
import tern.mixers.titans.TitansConfig;
import tern.mixers.titans.TitansContextConfig;
import tern.mixers.universal.UniversalConfig;
import tern.sequence.MixerConfig;

/** The kinds of mixers: the name that a saved model uses for each, and the record that configures it. Immutable. */
public final class MixerCatalog {
    private static final Map<String, Class<? extends MixerConfig>> KINDS = new LinkedHashMap<>();

    static {
        KINDS.put("attention", AttentionConfig.class);
        KINDS.put("hyena", HyenaConfig.class);
        KINDS.put("multihyena", MultiHyenaConfig.class);
        KINDS.put("modal", ModalRecurrenceConfig.class);
        KINDS.put("rwkv4", Rwkv4Config.class);
        KINDS.put("rwkv5", Rwkv5Config.class);
        KINDS.put("rwkv6", Rwkv6Config.class);
        KINDS.put("rwkv7", Rwkv7Config.class);
        KINDS.put("rwkv-channel-mix", RwkvChannelMixConfig.class);
        KINDS.put("mlp", GatedMlpConfig.class);
        KINDS.put("constant", ConstantConfig.class);
        KINDS.put("finch-c2", FinchC2Config.class);
        KINDS.put("gold-cache", CompressorConfig.class);
        KINDS.put("gold", GoldConfig.class);
        KINDS.put("gptalpha", GptAlphaConfig.class);
        KINDS.put("dilated-stack", DilatedStackConfig.class);
        KINDS.put("tcnca-simple", TcncaSimpleConfig.class);
        KINDS.put("tcn", TcnBlockConfig.class);
        KINDS.put("modal-mover", ModalMoverConfig.class);
        KINDS.put("mega", GatedAttentionConfig.class);
        KINDS.put("megalodon", MegalodonConfig.class);
        KINDS.put("sum-mover", SumMoverConfig.class);
        KINDS.put("moving-average", MovingAverageConfig.class);
        KINDS.put("normalised-mlp", NormalisedMlpConfig.class);
        KINDS.put("linear-attention", LinearAttentionConfig.class);
        KINDS.put("prefix-linear-attention", PrefixLinearAttentionConfig.class);
        KINDS.put("retnet", RetNetConfig.class);
        KINDS.put("transnormer", TransNormerConfig.class);
        KINDS.put("gla", GlaConfig.class);
        KINDS.put("hgrn2", Hgrn2Config.class);
        KINDS.put("delta-net", DeltaNetConfig.class);
        KINDS.put("mamba2", Mamba2Config.class);
        KINDS.put("mlstm", MlstmConfig.class);
        KINDS.put("grouped-attention", GroupedAttentionConfig.class);
        KINDS.put("gated-short-conv", GatedShortConvConfig.class);
        KINDS.put("experts", ExpertsConfig.class);
        KINDS.put("recurrent", RecurrentConfig.class);
        KINDS.put("parallel-rnn", ParallelRnnConfig.class);
        KINDS.put("parallel", ParallelConfig.class);
        KINDS.put("sgconv", SgConvConfig.class);
        KINDS.put("multires", MultiresConfig.class);
        KINDS.put("implicit-conv", ImplicitConvConfig.class);
        KINDS.put("convolution-layer", ConvolutionLayerConfig.class);
        KINDS.put("titans", TitansConfig.class);
        KINDS.put("titans-context", TitansContextConfig.class);
        KINDS.put("bidirectional", BidirectionalConfig.class);
        KINDS.put("universal", UniversalConfig.class);
        KINDS.put("block-recurrent", BlockRecurrentConfig.class);
        KINDS.put("fnet", FNetConfig.class);
        KINDS.put("fourier-transformer", FourierTransformerConfig.class);
        KINDS.put("mamba", MambaConfig.class);
        KINDS.put("rg-lru", RgLruConfig.class);
        KINDS.put("local-attention", LocalAttentionConfig.class);
        KINDS.put("min-gru", MinGruConfig.class);
        KINDS.put("min-lstm", MinLstmConfig.class);
        KINDS.put("s4d", S4dConfig.class);
        KINDS.put("state-space-modal", StateSpaceModalConfig.class);
        KINDS.put("s5", S5Config.class);
        KINDS.put("conv-s5", ConvS5Config.class);
        KINDS.put("lssl", LsslConfig.class);
        KINDS.put("lmu", LmuConfig.class);
        KINDS.put("lmu-modal", LmuModalConfig.class);
        KINDS.put("prf", PrfConfig.class);
        KINDS.put("aaren", AarenConfig.class);
    }

    private MixerCatalog() {
    }

    /** The names of all kinds, in the order of the catalogue. */
    public static Set<String> kinds() {
        return Collections.unmodifiableSet(KINDS.keySet());
    }

    /**
     * The record that configures a kind.
     *
     * @throws IllegalArgumentException naming the nearest kind, if there is none of this name
     */
    public static Class<? extends MixerConfig> config(String kind) {
        Class<? extends MixerConfig> config = KINDS.get(kind);
        if (config == null) {
            throw new IllegalArgumentException("unknown kind of mixer \"" + kind + "\"; "
                    + NearestName.advice(kind, KINDS.keySet()));
        }
        return config;
    }

    /**
     * The name of the kind that a config belongs to.
     *
     * @throws IllegalArgumentException if its class is not in the catalogue
     */
    public static String kind(MixerConfig config) {
        for (Map.Entry<String, Class<? extends MixerConfig>> entry : KINDS.entrySet()) {
            if (entry.getValue() == config.getClass()) {
                return entry.getKey();
            }
        }
        throw new IllegalArgumentException(
                config.getClass().getName() + " is not in the catalogue of mixers, which has "
                        + KINDS.keySet() + "; add one line to MixerCatalog");
    }
}
