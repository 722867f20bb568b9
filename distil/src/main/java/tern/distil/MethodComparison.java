package tern.distil;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

import tern.distil.filter.BalancedTruncation;
import tern.distil.filter.FilterFit;
import tern.distil.filter.FilterMethod;
import tern.distil.filter.GradientFit;
import tern.distil.filter.HankelFit;
import tern.distil.filter.ModalTruncation;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.OrderChoice.Filter;
import tern.distil.filter.PronyFit;

/**
 * Every method on one filter at one order. Immutable.
 *
 * @param choice the filter as it was distilled
 * @param order real order that all methods were given
 * @param results one a method
 */
public record MethodComparison(Choice choice, int order, List<Result> results) {
    /** Steps of the paper's recipe, at the learning rate that does best in so few. */
    static final FilterMethod RECIPE = new GradientFit(3000, 5e-3, 0);

    private static final List<FilterMethod> METHODS = List.of(new HankelFit(), RECIPE, new ModalTruncation(),
            new BalancedTruncation(), new PronyFit());
    private static final int SAMPLE = 9;

    /** Copies the list. */
    public MethodComparison {
        results = List.copyOf(results);
    }

    /** What one method made of the filter, and how long it took on one thread. */
    public record Result(String method, double relativeError, double seconds) {
    }

    /**
     * Compares all methods on up to nine filters, from the one that adds most to the total error to the one that adds least, each
     * at the order that was chosen for it (the even one below, as the paper's recipe has no real poles; at least 2).
     */
    public static List<MethodComparison> of(List<Choice> choices, int threads, FitProgress progress) {
        List<Choice> sample = sample(choices);
        List<Filter> filters = sample.stream().map(Choice::filter).toList();
        return Fitting.each(filters, threads, (doing, done, total) -> progress.at("comparing methods", done, total),
                f -> compared(sample.get(f)));
    }

    private static List<Choice> sample(List<Choice> choices) {
        List<Choice> ordered = choices.stream().filter(choice -> choice.filter().taps().length > 8).sorted(
                Comparator.comparingDouble((Choice choice) -> choice.fit().l2()).reversed()).toList();
        Set<Choice> sample = new LinkedHashSet<>();
        for (int i = 0; i < SAMPLE && !ordered.isEmpty(); i++) {
            sample.add(ordered.get((int) Math.round(i * (ordered.size() - 1.0) / (SAMPLE - 1))));
        }
        return List.copyOf(sample);
    }

    private static MethodComparison compared(Choice choice) {
        int order = Math.max(2, choice.fit().order() / 2 * 2);
        List<Result> results = new ArrayList<>();
        for (FilterMethod method : METHODS) {
            long begun = System.nanoTime();
            FilterFit fit = method.fit(choice.filter().taps(), order);
            results.add(new Result(method.name(), fit.relativeL2(), (System.nanoTime() - begun) * 1e-9));
        }
        return new MethodComparison(choice, order, results);
    }
}
