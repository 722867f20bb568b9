package tern.distil;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.distil.DistillationResult.Layer;
import tern.distil.filter.FilterFit;
import tern.distil.filter.HankelSpectrum;
import tern.distil.filter.ModalFilter;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.OrderChoice.Filter;
import tern.train.ReportPage;

/**
 * A distillation as a page: one file that needs no network, with spectra, orders, filters, poles, errors beside their bound,
 * state, other methods and predictions. Stateless; safe for use by several threads.
 */
public final class DistillationPage {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String TEMPLATE = "report.html";
    private static final int SHOWN_OF_EACH = 5;
    private static final int SHOWN_OF_A_LAYER = 2;
    private static final int MOST_SHOWN = 60;
    private static final int MOST_POINTS = 512;
    private static final int SPECTRA_OF_A_LAYER = 48;
    private static final int VALUES = 64;

    private DistillationPage() {
    }

    /**
     * The page.
     *
     * @param comparison other methods on some of the filters; may be empty
     * @param threads to compute spectra on
     * @throws IOException if Tern's own files are incomplete
     */
    public static String of(DistillationResult result, List<MethodComparison> comparison, int threads)
            throws IOException {
        ObjectNode data = JSON.createObjectNode();
        data.put("model", result.model());
        data.put("out", result.out());
        data.put("method", result.method());
        data.put("target", result.target().words());
        data.put("context", result.context());
        data.put("seconds", result.seconds());
        data.put("relativeError", brief(result.relativeError()));
        data.put("before", result.before());
        data.put("after", result.after());
        data.put("grows", result.layers().stream().anyMatch(Layer::grows));
        addFilters(result, data.putArray("layers"), data.putArray("filters"));
        addSpectra(result, threads, data.putArray("spectra"));
        addShown(result.choices(), result.layers(), data.putArray("shown"));
        addComparison(comparison, data.putArray("comparison"));
        result.measured().ifPresent(measured -> {
            ObjectNode quality = data.putObject("quality");
            quality.put("text", measured.text());
            quality.put("tokens", measured.quality().tokens());
            quality.put("bitsBefore", measured.quality().bitsBefore());
            quality.put("bitsAfter", measured.quality().bitsAfter());
            quality.put("maxLogitChange", measured.quality().maxLogitChange());
            quality.put("meanLogitChange", measured.quality().meanLogitChange());
            quality.put("meanKl", measured.quality().meanKl());
            quality.put("sameFirst", measured.quality().sameFirst());
        });
        try (InputStream template = DistillationPage.class.getResourceAsStream(TEMPLATE)) {
            return ReportPage.filled(TEMPLATE, template, data);
        }
    }

    private static void addFilters(DistillationResult result, ArrayNode layers, ArrayNode filters) {
        int index = 0;
        for (Layer layer : result.layers()) {
            ObjectNode line = layers.addObject();
            line.put("name", layer.name());
            line.put("kind", layer.kind());
            line.put("filters", layer.choices().size());
            line.put("before", layer.before());
            line.put("after", layer.after());
            line.put("grows", layer.grows());
            line.put("smallest", layer.choices().stream().mapToInt(choice -> choice.fit().order()).min().orElse(0));
            line.put("largest", layer.choices().stream().mapToInt(choice -> choice.fit().order()).max().orElse(0));
            line.put("mean", layer.choices().stream().mapToInt(choice -> choice.fit().order()).average().orElse(0));
            for (Choice choice : layer.choices()) {
                FilterFit fit = choice.fit();
                ObjectNode filter = filters.addObject();
                filter.put("index", index++);
                filter.put("name", choice.filter().name());
                filter.put("layer", layer.name());
                filter.put("order", fit.order());
                filter.put("relativeError", brief(fit.relativeL2()));
                filter.put("l2Error", brief(fit.l2()));
                filter.put("l1Error", brief(fit.l1()));
                filter.put("maxFrequencyError", brief(fit.maxFrequency()));
                filter.put("hankelError", brief(fit.hankel()));
                filter.put("bound", brief(fit.hankelBound()));
                filter.put("ratio", brief(fit.ratioToBound()));
                filter.put("largestRadius", fit.maxRadius());
            }
        }
    }

    private static void addSpectra(DistillationResult result, int threads, ArrayNode spectra) {
        for (Layer layer : result.layers()) {
            if (layer.choices().isEmpty()) {
                continue;
            }
            int count = Math.min(SPECTRA_OF_A_LAYER, layer.choices().size());
            List<Filter> some = IntStream.range(0, count)
                    .mapToObj(i -> layer.choices().get((int) ((long) i * layer.choices().size() / count)).filter())
                    .toList();
            ObjectNode line = spectra.addObject();
            line.put("name", layer.name());
            ArrayNode values = line.putArray("values");
            for (HankelSpectrum spectrum : Fitting.each(some, threads, FitProgress.SILENT,
                    f -> HankelSpectrum.of(some.get(f).taps(), VALUES))) {
                ArrayNode one = values.addArray();
                for (double value : spectrum.values()) {
                    one.add(spectrum.sigma(1) == 0 ? 0 : brief(value / spectrum.sigma(1)));
                }
            }
        }
    }

    /** The worst, the median and the best by what they add to the total error, and the worst two of each layer. */
    private static void addShown(List<Choice> choices, List<Layer> layers, ArrayNode shown) {
        List<Integer> byError = byError(choices, IntStream.range(0, choices.size()).boxed().toList());
        Map<Integer, String> why = new TreeMap<>();
        int first = 0;
        for (Layer layer : layers) {
            List<Integer> own = byError(choices,
                    IntStream.range(first, first + layer.choices().size()).boxed().toList());
            own.stream().limit(SHOWN_OF_A_LAYER).filter(ignored -> why.size() < MOST_SHOWN)
                    .forEach(i -> why.put(i, ""));
            first += layer.choices().size();
        }
        List<Integer> order = new ArrayList<>();
        int count = Math.min(SHOWN_OF_EACH, byError.size());
        int middle = Math.max(0, byError.size() / 2 - count / 2);
        name(why, order, byError.subList(0, count), "worst");
        name(why, order, byError.subList(middle, Math.min(byError.size(), middle + count)), "median");
        name(why, order, byError.reversed().subList(0, count), "best");
        why.keySet().stream().filter(i -> !order.contains(i)).forEach(order::add);
        for (int i : order) {
            add(choices.get(i), i, why.getOrDefault(i, ""), shown.addObject());
        }
    }

    private static List<Integer> byError(List<Choice> choices, List<Integer> some) {
        return some.stream().sorted(
                Comparator.comparingDouble((Integer i) -> choices.get(i).fit().l2()).reversed()).toList();
    }

    private static void name(Map<Integer, String> why, List<Integer> order, List<Integer> some, String word) {
        for (int i = 0; i < some.size(); i++) {
            if (!order.contains(some.get(i))) {
                order.add(some.get(i));
                why.put(some.get(i), i == 0 && !word.equals("median") || word.equals("median") && i == some.size() / 2
                        ? word + ": " : "near " + word + ": ");
            }
        }
    }

    private static void add(Choice choice, int index, String why, ObjectNode line) {
        double[] taps = choice.filter().taps();
        ModalFilter filter = choice.fit().filter();
        double[] fitted = filter.taps(taps.length);
        line.put("index", index);
        line.put("why", why);
        ArrayNode at = line.putArray("at");
        ArrayNode own = line.putArray("taps");
        ArrayNode other = line.putArray("fitted");
        for (int t : lags(taps.length)) {
            at.add(t);
            own.add(brief(taps[t]));
            other.add(brief(fitted[t]));
        }
        ArrayNode poles = line.putArray("poles");
        for (int n = 0; n < filter.complexModes(); n++) {
            poles.addArray().add(filter.poleRe(n)).add(filter.poleIm(n))
                    .add(brief(Math.hypot(filter.residueRe()[n], filter.residueIm()[n]))).add(false);
        }
        for (int m = 0; m < filter.realModes(); m++) {
            poles.addArray().add(filter.realPole(m)).add(0).add(brief(Math.abs(filter.realResidue()[m]))).add(true);
        }
    }

    /** All lags from 1, or the early ones and then ever fewer. */
    private static int[] lags(int time) {
        if (time <= MOST_POINTS) {
            return IntStream.range(1, time).toArray();
        }
        double growth = Math.log((double) time / (MOST_POINTS / 2));
        return IntStream.concat(IntStream.range(1, MOST_POINTS / 2),
                IntStream.rangeClosed(0, MOST_POINTS / 2).map(i -> Math.min(time - 1,
                        (int) Math.round(MOST_POINTS / 2 * Math.exp(growth * i / (MOST_POINTS / 2))))))
                .distinct().toArray();
    }

    private static void addComparison(List<MethodComparison> comparison, ArrayNode lines) {
        for (MethodComparison one : comparison) {
            ObjectNode line = lines.addObject();
            line.put("name", one.choice().filter().name());
            line.put("order", one.order());
            ArrayNode results = line.putArray("results");
            for (MethodComparison.Result result : one.results()) {
                ObjectNode entry = results.addObject();
                entry.put("method", result.method());
                entry.put("relativeError", brief(result.relativeError()));
                entry.put("seconds", brief(result.seconds()));
            }
        }
    }

    /** Five digits, which is more than a plot can show. */
    private static double brief(double value) {
        if (value == 0 || !Double.isFinite(value)) {
            return Double.isNaN(value) ? 0 : Math.clamp(value, -Double.MAX_VALUE, Double.MAX_VALUE);
        }
        double scale = Math.pow(10, 4 - Math.floor(Math.log10(Math.abs(value))));
        return Double.isFinite(scale) && scale > 0 ? Math.rint(value * scale) / scale : value;
    }
}
