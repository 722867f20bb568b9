package tern.train;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;

import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
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

    private Tiny() {
    }

    static StackConfig config(int width, int time, int branches) {
        List<MixerConfig> mixers = IntStream.range(0, branches).<MixerConfig>mapToObj(i -> new TinyMixer(4)).toList();
        return new StackConfig(128, width, time, NormKind.LAYER, 1e-5, true, mixers);
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
