package tern.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

import tern.distil.Distillation;
import tern.distil.DistillationResult;
import tern.distil.DistillationResult.Layer;
import tern.distil.DistillationResult.Measured;
import tern.distil.Quality;
import tern.distil.filter.FilterFit;
import tern.distil.filter.OrderChoice.Choice;

/**
 * What {@code tern distil} says at the end; with {@code --json} exactly this record.
 *
 * @param stateFloatsBefore of the whole teacher for a sequence of {@code context} positions
 * @param stateFloatsAfter of the whole student for such a sequence
 * @param filterStateFloats of the recurrences alone
 * @param squaredError Σ‖e‖² over all filters
 * @param relativeError root of {@code squaredError} over Σ‖h‖²
 * @param worstRatio largest ratio of a filter's Hankel error to the bound
 * @param bitsOnOwnText what the student costs in bits a symbol of text that its teacher wrote; null if nobody had to look
 * @param quality null if there was no text to compare on
 */
record DistilSummary(String model, String out, String fingerprint, String teacherFingerprint, String method,
        String target, int context, int filters, long stateFloatsBefore, long stateFloatsAfter,
        boolean stateGrows, long filterStateFloats, double squaredError, double relativeError,
        double worstRelativeError, double worstRatio,
        List<LayerLine> layers, List<FilterLine> perFilter, @Nullable Double bitsOnOwnText,
        @Nullable QualityLine quality, double seconds) {
    /** One layer. */
    record LayerLine(String name, String kind, int filters, long stateFloatsBefore, long stateFloatsAfter,
            boolean stateGrows, int smallestOrder, double meanOrder, int largestOrder, double worstRelativeError) {
        static LayerLine of(Layer layer) {
            List<Choice> choices = layer.choices();
            return new LayerLine(layer.name(), layer.kind(), choices.size(), layer.before(), layer.after(),
                    layer.grows(), choices.stream().mapToInt(choice -> choice.fit().order()).min().orElse(0),
                    choices.stream().mapToInt(choice -> choice.fit().order()).average().orElse(0),
                    choices.stream().mapToInt(choice -> choice.fit().order()).max().orElse(0),
                    choices.stream().mapToDouble(choice -> choice.fit().relativeL2()).max().orElse(0));
        }
    }

    /**
     * One filter.
     *
     * @param hankelError ‖Γ_e‖₂
     * @param bound no recurrence of this order has a smaller {@code hankelError}
     * @param ratio {@code hankelError} over {@code bound}
     */
    record FilterLine(String name, int order, int pairs, int reals, long stateFloats, double relativeError,
            double l2Error, double l1Error, double maxFrequencyError, double hankelError, double bound, double ratio,
            double largestRadius) {
        static FilterLine of(Choice choice) {
            FilterFit fit = choice.fit();
            return new FilterLine(choice.filter().name(), fit.order(), fit.filter().complexModes(),
                    fit.filter().realModes(), Distillation.stateFloats(choice), fit.relativeL2(), fit.l2(), fit.l1(),
                    fit.maxFrequency(), fit.hankel(), fit.hankelBound(), fit.ratioToBound(), fit.maxRadius());
        }
    }

    /** Predictions before and after. */
    record QualityLine(String data, long tokens, double bitsPerByteBefore, double bitsPerByteAfter,
            double bitsPerByteChange, double maxLogitChange, double meanLogitChange, double meanKl, double sameFirst,
            double seconds) {
        static QualityLine of(Measured measured) {
            Quality quality = measured.quality();
            return new QualityLine(measured.text(), quality.tokens(), quality.bitsBefore(), quality.bitsAfter(),
                    quality.bitsChange(), quality.maxLogitChange(), quality.meanLogitChange(), quality.meanKl(),
                    quality.sameFirst(), quality.seconds());
        }
    }

    static DistilSummary of(DistillationResult result) {
        List<Choice> choices = result.choices();
        Optional<QualityLine> quality = result.measured().map(QualityLine::of);
        return new DistilSummary(result.model(), result.out(), result.fingerprint(), result.teacherFingerprint(),
                result.method(), result.target().words(), result.context(), choices.size(), result.before(),
                result.after(), result.layers().stream().anyMatch(Layer::grows), result.filterFloats(),
                result.squaredError(), result.relativeError(), result.worst().fit().relativeL2(),
                choices.stream().mapToDouble(choice -> choice.fit().ratioToBound()).max().orElse(0),
                result.layers().stream().map(LayerLine::of).toList(), choices.stream().map(FilterLine::of).toList(),
                result.bitsOnOwnText().isPresent() ? Double.valueOf(result.bitsOnOwnText().getAsDouble()) : null,
                quality.isPresent() ? quality.get() : null, result.seconds());
    }

    /** The same for people. */
    void print(PrintStream to) {
        List<String> lines = new ArrayList<>();
        lines.add(line("%s → %s: %d filters of %d taps, %s, %s", model, out, filters, context, method, target));
        lines.add(line("%-12s %-12s %8s %16s %14s %12s %12s", "", "", "filters", "orders (mean)", "largest error",
                "floats was", "floats is"));
        for (LayerLine layer : layers) {
            lines.add(line("%-12s %-12s %8d %16s %14s %,12d %,12d%s", layer.name, layer.kind, layer.filters,
                    layer.filters == 0 ? "–" : line("%d–%d (%.1f)", layer.smallestOrder, layer.largestOrder,
                            layer.meanOrder),
                    layer.filters == 0 ? "–" : line("%.2g", layer.worstRelativeError), layer.stateFloatsBefore,
                    layer.stateFloatsAfter, layer.stateGrows ? " and grows" : ""));
        }
        lines.add(line("state of a sequence of %,d positions: %,d floats before, %,d after%s", context,
                stateFloatsBefore, stateFloatsAfter, stateGrows ? ", which still grows" : ", at any length"));
        lines.add(line("relative error %.3g over all filters, %.3g of the worst; Hankel error at most %.3g times the"
                + " theoretical bound", relativeError, worstRelativeError, worstRatio));
        if (bitsOnOwnText != null) {
            lines.add(line("costs %.2g bits a symbol of text that the model wrote itself", bitsOnOwnText));
        }
        if (quality != null) {
            lines.add(line("bits per byte %.4f → %.4f (%+.4f); logits change by at most %.3g, mean KL %.2g nats, same"
                    + " first choice %.2f %% over %,d tokens of %s", quality.bitsPerByteBefore,
                    quality.bitsPerByteAfter, quality.bitsPerByteChange, quality.maxLogitChange, quality.meanKl,
                    100 * quality.sameFirst, quality.tokens, quality.data));
        }
        lines.add(line("fitted in %.1f s", seconds));
        lines.forEach(to::println);
    }

    private static String line(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
