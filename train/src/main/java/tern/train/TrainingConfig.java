package tern.train;

import java.lang.reflect.Constructor;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

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
 * @param noise η of the annealed gradient noise, added after clipping; 0 for none
 * @param noiseDecay γ of the annealed gradient noise
 * @param windows which windows are read
 * @param validateEvery steps between validations, which also save; 0 for one at the end only
 * @param validationWindows windows of a validation
 * @param seed of windows and noise
 */
public record TrainingConfig(double learningRate, double beta1, double beta2, double epsilon, double weightDecay,
        double warmup, double floor, double clip, int batch, int time, int accumulation, boolean recompute,
        double noise,
        double noiseDecay, WindowOrder windows, int validateEvery, int validationWindows, long seed) {
    /** Checks ranges. */
    public TrainingConfig {
        Object unusedBecauseOnlyChecked = List.of(new Schedule(learningRate, warmup, floor),
                new Optimiser.Settings(beta1, beta2, epsilon, weightDecay), new GradientNoise(noise, noiseDecay));
        require("clip", clip, clip >= 0 && clip <= 1e6, "a norm above 0, or 0 for no clipping");
        require("batch", batch, batch >= 1, "1 or more sequences");
        require("time", time, time >= 1, "1 or more positions");
        require("accumulation", accumulation, accumulation >= 1, "1 or more batches an update");
        require("validateEvery", validateEvery, validateEvery >= 0, "a number of steps, or 0 for the end only");
        require("validationWindows", validationWindows, validationWindows >= 1, "1 or more windows");
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
                WindowOrder.RANDOM, 100, 32, 1);
    }

    /** The learning rate over a run. */
    public Schedule schedule() {
        return new Schedule(learningRate, warmup, floor);
    }

    /** The settings of the optimiser. */
    public Optimiser.Settings adamW() {
        return new Optimiser.Settings(beta1, beta2, epsilon, weightDecay);
    }

    /** Tokens read for one update. */
    public long tokensPerStep() {
        return (long) batch * time * accumulation;
    }

    /** The names that {@link #with} knows. */
    public static List<String> keys() {
        return Arrays.stream(TrainingConfig.class.getRecordComponents()).map(RecordComponent::getName).toList();
    }

    /** All values by name, in order: numbers, booleans, and the order of windows as a word. */
    public Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        for (RecordComponent component : TrainingConfig.class.getRecordComponents()) {
            Object value = read(component);
            values.put(component.getName(), value instanceof WindowOrder order ? word(order) : value);
        }
        return values;
    }

    /**
     * The same numbers with one of them changed.
     *
     * @param key one of {@link #keys}
     * @param value as users write it
     * @throws IllegalArgumentException if there is no such key or the value is impossible
     */
    public TrainingConfig with(String key, String value) {
        RecordComponent[] components = TrainingConfig.class.getRecordComponents();
        Object[] values = new Object[components.length];
        boolean found = false;
        for (int i = 0; i < values.length; i++) {
            boolean meant = components[i].getName().equals(key);
            values[i] = meant ? parse(key, value, components[i].getType()) : read(components[i]);
            found |= meant;
        }
        if (!found) {
            throw new IllegalArgumentException("training has no key \"" + key + "\"; it has " + keys());
        }
        return of(components, values);
    }

    private static TrainingConfig of(RecordComponent[] components, Object[] values) {
        try {
            Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
            Constructor<TrainingConfig> constructor = TrainingConfig.class.getDeclaredConstructor(types);
            return constructor.newInstance(values);
        } catch (java.lang.reflect.InvocationTargetException refused) {
            if (refused.getCause() instanceof IllegalArgumentException told) {
                throw told;
            }
            throw new IllegalStateException("a record's constructor can only refuse values", refused);
        } catch (ReflectiveOperationException impossible) {
            throw new IllegalStateException("a record has a constructor of its components", impossible);
        }
    }

    private Object read(RecordComponent component) {
        try {
            return component.getAccessor().invoke(this);
        } catch (ReflectiveOperationException impossible) {
            throw new IllegalStateException("a public record can be read", impossible);
        }
    }

    private static Object parse(String key, String value, Class<?> type) {
        try {
            if (type == double.class) {
                return Double.valueOf(value);
            }
            if (type == int.class) {
                return Integer.valueOf(value);
            }
            if (type == long.class) {
                return Long.valueOf(value);
            }
        } catch (NumberFormatException notANumber) {
            throw new IllegalArgumentException("training: " + key + " is \"" + value + "\", expected "
                    + (type == double.class ? "a number" : "a whole number"), notANumber);
        }
        if (type == boolean.class) {
            if (!value.equals("true") && !value.equals("false")) {
                throw new IllegalArgumentException(
                        "training: " + key + " is \"" + value + "\", expected true or false");
            }
            return Boolean.valueOf(value);
        }
        for (WindowOrder order : WindowOrder.values()) {
            if (word(order).equals(value)) {
                return order;
            }
        }
        throw new IllegalArgumentException("training: " + key + " is \"" + value + "\", expected one of "
                + Arrays.stream(WindowOrder.values()).map(TrainingConfig::word).toList());
    }

    private static String word(WindowOrder order) {
        return order.name().toLowerCase(Locale.ROOT);
    }
}
