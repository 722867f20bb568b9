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
import tern.tensor.Tensor;

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

    /** Window n begins at byte 3·n of the text, around its end and on. */
    static Batches batches(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return (first, ids, targets) -> {
            for (int row = 0; row < ids.dim(0); row++) {
                for (int t = 0; t < ids.dim(1); t++) {
                    long at = 3 * (first + row) + t;
                    set(ids, row, t, bytes[(int) (at % bytes.length)]);
                    set(targets, row, t, bytes[(int) ((at + 1) % bytes.length)]);
                }
            }
        };
    }

    private static void set(Tensor tensor, int row, int t, int value) {
        tensor.set((long) row * tensor.dim(1) + t, value);
    }
}
