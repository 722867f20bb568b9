package tern.distil;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

import tern.distil.filter.OrderChoice.Choice;

/**
 * All that a distillation found, for reports. Immutable.
 *
 * @param model what was distilled, as the user named it
 * @param out where the result went
 * @param fingerprint of the result; empty for bare filters
 * @param teacherFingerprint of what was distilled; empty for bare filters
 * @param method name of the method that fitted the filters
 * @param target what was asked for
 * @param context positions that the teacher was trained on, the length of its filters
 * @param layers everything that has a state, from the bottom
 * @param bitsOnOwnText as {@link Distillation#bitsOnOwnText}; empty for bare filters too
 * @param measured predictions before and after, if there was text
 * @param seconds that the fits took
 */
public record DistillationResult(String model, String out, String fingerprint, String teacherFingerprint,
        String method, Target target, int context, List<Layer> layers, OptionalDouble bitsOnOwnText,
        Optional<Measured> measured, double seconds) {
    /** Copies the list. */
    public DistillationResult {
        layers = List.copyOf(layers);
    }

    /**
     * One branch of a model, or a file of filters.
     *
     * @param name as messages call it
     * @param kind of mixer
     * @param before state floats of the teacher for a sequence as long as its context
     * @param after state floats of the student for such a sequence
     * @param grows whether the student's state grows with the sequence, as that of a branch which was not distilled may
     * @param choices what became of its filters; empty for a branch that was not distilled
     */
    public record Layer(String name, String kind, long before, long after, boolean grows, List<Choice> choices) {
        /** Copies the list. */
        public Layer {
            choices = List.copyOf(choices);
        }

        /** State floats of the recurrences alone. */
        public long filterFloats() {
            return choices.stream().mapToLong(Distillation::stateFloats).sum();
        }
    }

    /**
     * A comparison of predictions.
     *
     * @param text what was read
     */
    public record Measured(String text, Quality quality) {
    }

    /** What became of every filter, layer by layer. */
    public List<Choice> choices() {
        return layers.stream().flatMap(layer -> layer.choices().stream()).toList();
    }

    /** State floats of the whole teacher for a sequence as long as its context. */
    public long before() {
        return layers.stream().mapToLong(Layer::before).sum();
    }

    /** State floats of the whole student for such a sequence. */
    public long after() {
        return layers.stream().mapToLong(Layer::after).sum();
    }

    /** State floats of the recurrences alone. */
    public long filterFloats() {
        return layers.stream().mapToLong(Layer::filterFloats).sum();
    }

    /** Σ‖e‖² over all filters. */
    public double squaredError() {
        return choices().stream().mapToDouble(choice -> choice.fit().l2() * choice.fit().l2()).sum();
    }

    /** The error of all filters together, relative to all of them: √(Σ‖e‖² / Σ‖h‖²) over t ≥ 1. */
    public double relativeError() {
        double error = 0;
        double energy = 0;
        for (Choice choice : choices()) {
            double[] taps = choice.filter().taps();
            error += choice.fit().l2() * choice.fit().l2();
            for (int t = 1; t < taps.length; t++) {
                energy += taps[t] * taps[t];
            }
        }
        return error == 0 ? 0 : Math.sqrt(error / energy);
    }

    /** The filter with the largest relative error. */
    public Choice worst() {
        return choices().stream().max(Comparator.comparingDouble(choice -> choice.fit().relativeL2())).orElseThrow();
    }

    /** Whether automatic orders of a model end above what they may cost, because the largest order is too small. */
    public boolean tooDear() {
        return target instanceof Target.Automatic
                && bitsOnOwnText.orElse(0) > Target.Automatic.BITS_PER_SYMBOL;
    }

    /** The filters that are not within the tolerance of automatic orders, because the largest order is too small. */
    public List<Choice> unmet() {
        return choices().stream().filter(choice -> !choice.met()).toList();
    }
}
