package tern.train;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

import tern.checkpoint.RecordJson;

/**
 * The numbers of a training run, apart from its length. Immutable.
 *
 * @param learningRate peak rate
 * @param beta1 AdamW's decay of the first moment
 * @param beta2 AdamW's decay of the second moment
 * @param epsilon added to the root of AdamW's second moment
 * @param weightDecay decay of matrices and embeddings; nothing else decays
 * @param warmup fraction of the run in which the rate rises from 0
 * @param floor last rate as a fraction of the peak
 * @param clip gradients are scaled down to this global norm; 0 for no clipping
 * @param batch sequences read at a time
 * @param time positions of each sequence
 * @param accumulation batches whose gradients are summed for one update
 * @param recompute whether branches are computed again in the backward pass instead of keeping what they computed: less
 *            memory, a third more time
 * @param noise η of the annealed gradient noise; 0 for none
 * @param noiseDecay γ of the annealed gradient noise
 * @param windows which windows are read
 * @param validateEvery steps between validations, which also save; 0 for one at the end only
 * @param validationWindows windows of a validation
 * @param seed of windows and noise
 * @param filterRate rate of {@linkplain tern.sequence.Role#FILTER parameters of filters and recurrences} as a multiple of
 *            {@code learningRate}; 1 where absent. State-space models are often trained with less than 1 (S5), RWKV's decays
 *            with 2
 * @param l2Wrap RWKV's pull on every position's largest logit, 1e-4 there
 *            ({@link tern.ops.Ops#crossEntropy(tern.tensor.Tensor, tern.tensor.Tensor, tern.tensor.Tensor, double, double)});
 *            none where absent
 * @param noiseFirst whether gradients are clipped with their noise; where absent, noise is added to clipped gradients
 */
public record TrainingConfig(double learningRate, double beta1, double beta2, double epsilon, double weightDecay,
        double warmup, double floor, double clip, int batch, int time, int accumulation, boolean recompute,
        double noise,
        double noiseDecay, WindowOrder windows, int validateEvery, int validationWindows, long seed,
        Optional<Double> filterRate, Optional<Double> l2Wrap, Optional<Boolean> noiseFirst) {
    private static final int FURTHER_TIME = 512;

    /** Checks ranges. */
    public TrainingConfig {
        Object unusedBecauseOnlyChecked = List.of(new Schedule(learningRate, warmup, floor),
                new Optimiser.Settings(beta1, beta2, epsilon, weightDecay, filterRate.orElse(1.0)),
                new GradientNoise(noise, noiseDecay));
        require("clip", clip, clip >= 0 && clip <= 1e6, "a norm above 0, or 0 for no clipping");
        require("batch", batch, batch >= 1, "1 or more sequences");
        require("time", time, time >= 1, "1 or more positions");
        require("accumulation", accumulation, accumulation >= 1, "1 or more batches an update");
        require("validateEvery", validateEvery, validateEvery >= 0, "a number of steps, or 0 for the end only");
        require("validationWindows", validationWindows, validationWindows >= 1, "1 or more windows");
        l2Wrap.ifPresent(wrap -> require("l2Wrap", wrap, wrap > 0 && wrap <= 1,
                "a number in (0, 1], such as 1e-4; leave it out for none"));
        require("batch times time", (double) batch * time, (long) batch * time <= 1 << 28, "at most 2^28 tokens");
    }

    private static void require(String name, Number value, boolean fits, String expected) {
        if (!fits) {
            throw new IllegalArgumentException("training: " + name + " is " + value + ", expected " + expected);
        }
    }

    /**
     * What trains small models well: a rate that falls slowly with size (2.5e-3 at a million parameters), 8 sequences.
     *
     * @param parameters number of trained values
     * @param context positions of a sequence
     */
    public static TrainingConfig usual(long parameters, int context) {
        double rate = Math.clamp(2.5e-3 * Math.pow(parameters / 1e6, -0.3), 2e-4, 4e-3);
        double rounded = Double.parseDouble(String.format(Locale.ROOT, "%.1e", rate));
        return new TrainingConfig(rounded, 0.9, 0.98, 1e-8, 0.1, 0.03, 0.05, 1, 8, context, 1, false, 0, 0.55,
                WindowOrder.RANDOM, 100, 32, 1, Optional.empty(), Optional.empty(), Optional.empty());
    }

    /**
     * What changes a trained model without forgetting what it knows: a tenth of the usual rate, on windows of 512 or less.
     *
     * @param parameters number of trained values
     * @param context positions that the model was made for
     */
    public static TrainingConfig further(long parameters, int context) {
        TrainingConfig usual = usual(parameters, Math.min(context, FURTHER_TIME));
        return usual.with("learningRate", String.format(Locale.ROOT, "%.1e", usual.learningRate / 10));
    }

    /**
     * What tunes states, which begin at zero and are large: a rate of 0.01; they do not decay.
     *
     * @param context positions that the model was made for
     */
    public static TrainingConfig ofStates(int context) {
        return further(1_000_000, context).with("learningRate", "0.01");
    }

    /** The learning rate over a run. */
    public Schedule schedule() {
        return new Schedule(learningRate, warmup, floor);
    }

    /** The settings of the optimiser. */
    public Optimiser.Settings adamW() {
        return new Optimiser.Settings(beta1, beta2, epsilon, weightDecay, filterRate.orElse(1.0));
    }

    /** Tokens read for one update. */
    public long tokensPerStep() {
        return (long) batch * time * accumulation;
    }

    /** The names that {@link #with} knows. */
    public static List<String> keys() {
        return Arrays.stream(TrainingConfig.class.getRecordComponents()).map(RecordComponent::getName).toList();
    }

    /**
     * The same numbers with one of them changed.
     *
     * @param key one of {@link #keys}
     * @param value as users write it
     * @throws IllegalArgumentException if there is no such key (the nearest is named) or the value is impossible
     */
    public TrainingConfig with(String key, String value) {
        return RecordJson.with(this, List.of(key + "=" + value));
    }
}
