package tern.train;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.ops.FilterNorm;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;
import tern.text.RandomWindows;
import tern.text.Split;
import tern.text.SplitRule;
import tern.text.TextData;
import tern.text.TokenStore;
import tern.text.Windows;

/** Small models and data for the tests of this room. */
final class Tiny {
    static final String TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom...";

    private static final ImplicitFilterConfig FILTER = new ImplicitFilterConfig(5, 8, 1, 10, true, 1.5, 0.3, 0, true,
            false, FilterNorm.NONE);

    private Tiny() {
    }

    /** Two branches a layer: Hyena or MultiHyena in turn, and a gated layer. The width is a multiple of 4. */
    static StackConfig config(int width, int time, int layers) {
        List<MixerConfig> mixers = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            mixers.add(layer % 2 == 0 ? HyenaConfig.of(2, FILTER) : MultiHyenaConfig.of(4, FILTER));
            mixers.add(GatedMlpConfig.gated(2 * width, Activation.SILU));
        }
        return new StackConfig(256, width, time, NormKind.LAYER, 1e-5, true, mixers);
    }

    /** One branch of every kind. */
    static StackConfig everything(int width, int time) {
        return config(width, time, 1).withBranches(List.of(HyenaConfig.of(2, FILTER), AttentionConfig.of(2),
                GatedMlpConfig.gated(2 * width, Activation.SILU), MultiHyenaConfig.of(4, FILTER),
                ModalRecurrenceConfig.of(4, 2, 1), GatedMlpConfig.plain(2 * width, Activation.GELU)));
    }

    static long parameters(int width) {
        return new Stack(config(width, 16, 2), Parameters.Source.shapesOnly()).parameters().count();
    }

    static Stack model(StackConfig config, DType dtype, Memory memory) {
        return new Stack(config, Parameters.Source.initialised(7, dtype, memory));
    }

    static TrainingConfig training(int batch, int time) {
        return TrainingConfig.usual(100_000, time).with("batch", Integer.toString(batch)).with("warmup", "0");
    }

    static TokenStore tokens(String text) {
        TextData data = TextData.of("text", text.getBytes(StandardCharsets.US_ASCII));
        return data.split(SplitRule.parse("100/0/0")).tokens(Split.TRAIN, ByteTokenizer.ALL);
    }

    static Windows windows(TrainingConfig config) {
        return new RandomWindows(tokens(TEXT), config.batch(), config.time(), config.seed());
    }
}
