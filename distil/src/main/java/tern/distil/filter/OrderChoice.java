package tern.distil.filter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;

/**
 * Chooses the orders of many filters and fits them: one order for all, the smallest order that meets a tolerance for each,
 * or the spread of a total state budget over all filters of all layers that makes the total squared error smallest.
 *
 * <p>
 * Filters are independent pieces of work, so the result does not depend on the number of threads. All fits returned are
 * rounded to float32 and their errors are those of the rounded filter. Immutable and thread-safe.
 *
 * @param method what fits the filters
 * @param maxOrder no filter gets a larger real order, at least 0; filters too short for it get at most half their taps
 * @param threads how many filters are worked on at a time, at least 1
 */
public record OrderChoice(FilterMethod method, int maxOrder, int threads) {
    /** Orders beyond maxOrder that are tried to say what would do. */
    private static final int[] FURTHER = {12, 16, 24, 32, 48, 64, 80, 96, 112, 128};
    private static final int FARTHEST = 128;
    /** Squared relative error below which an error curve is not followed further. */
    private static final double SETTLED = 1e-12;

    public OrderChoice {
        if (maxOrder < 0) {
            throw new IllegalArgumentException("order choice: maxOrder is " + maxOrder + ", expected 0 or more");
        }
        if (threads < 1) {
            throw new IllegalArgumentException("order choice: threads is " + threads + ", expected 1 or more");
        }
    }

    /** The default method with orders up to 64. */
    public OrderChoice(int threads) {
        this(new HankelFit(), 64, threads);
    }

    /**
     * A filter to be distilled.
     *
     * @param name by which reports and messages call it
     * @param taps h_0 … h_{L-1}, at least 3 finite numbers; not copied, not to be changed meanwhile
     * @param weight of its squared error in a total, positive
     * @param floatsPerOrder floats of state that one unit of order costs: the number of channels or head entries (n_h² in
     *            MultiHyena) that share this filter, at least 1
     */
    public record Filter(String name, double[] taps, double weight, int floatsPerOrder) {
        public Filter {
            if (!(weight > 0) || Double.isInfinite(weight)) {
                throw new IllegalArgumentException(
                        "filter " + name + ": weight is " + weight + ", expected a positive number");
            }
            if (floatsPerOrder < 1) {
                throw new IllegalArgumentException("filter " + name + ": floatsPerOrder is " + floatsPerOrder
                        + ", expected 1 or more");
            }
        }

        /** A filter of weight 1 that is used by one channel. */
        public Filter(String name, double[] taps) {
            this(name, taps, 1, 1);
        }
    }

    /**
     * What became of one filter.
     *
     * @param filter the filter
     * @param fit the fit, rounded to float32
     * @param tolerance the relative l2 error asked for; infinite if none was
     * @param wouldDo if the tolerance is not met: an order above maxOrder that meets it, if one was found
     * @param atLeast no order below this can meet the tolerance, as the Hankel spectrum shows; 0 if it shows nothing
     */
    public record Choice(Filter filter, FilterFit fit, double tolerance, OptionalInt wouldDo, int atLeast) {
        /** Whether the fit is within the tolerance. */
        public boolean met() {
            return fit.relativeL2() <= tolerance;
        }

        /** One line: the filter, its order and error, and if the tolerance is not met, what would do. */
        public String summary() {
            String found = "filter %s: order %d, relative error %.3g".formatted(filter.name(), fit.order(),
                    fit.relativeL2());
            if (met()) {
                return found;
            }
            String missed = found + ", not within " + "%.3g".formatted(tolerance) + "; ";
            if (wouldDo.isPresent()) {
                return missed + "order " + wouldDo.getAsInt() + " would do";
            }
            return missed + (atLeast > fit.order()
                    ? "its Hankel spectrum says that no order below " + atLeast + " can; keep it as a convolution"
                    : "no order up to half its taps was found to do; keep it as a convolution");
        }
    }

    /**
     * What a budget was spent on.
     *
     * @param choices one for each filter, in the order given
     * @param floats state floats used, Σ order·floatsPerOrder
     * @param squaredError Σ weight·‖e‖² over the rounded fits
     */
    public record Spread(List<Choice> choices, long floats, double squaredError) {
        public Spread {
            choices = List.copyOf(choices);
        }
    }

    /** Fits every filter at one order (less where a filter is too short for it). */
    public List<Choice> fixed(List<Filter> filters, int order) {
        if (order < 0) {
            throw new IllegalArgumentException("order choice: order is " + order + ", expected 0 or more");
        }
        return each(filters, f -> {
            Filter filter = checked(filters.get(f));
            int possible = Math.min(order, HankelSpectrum.sizeFor(filter.taps().length));
            FilterFit fit = method.fitRounded(filter.taps(), possible);
            return new Choice(filter, fit, Double.POSITIVE_INFINITY, OptionalInt.empty(), 0);
        });
    }

    /**
     * The smallest order of each filter whose fit has a relative l2 error of at most {@code tolerance}, found from the error
     * of unpolished Hankel fits and verified by the fits themselves. A filter that does not get there by maxOrder comes with
     * its fit at maxOrder and what would do.
     */
    public List<Choice> smallestFor(List<Filter> filters, double tolerance) {
        if (!(tolerance > 0)) {
            throw new IllegalArgumentException("order choice: tolerance is " + tolerance
                    + ", expected a positive relative error such as 1e-3");
        }
        return each(filters, f -> smallest(checked(filters.get(f)), tolerance));
    }

    /**
     * Spreads a total of state floats over all filters so that Σ weight·‖e‖² is smallest, judged by the error curves of
     * unpolished Hankel fits; then fits every filter at the order it got.
     *
     * @param budgetFloats Σ order·floatsPerOrder allowed, 0 or more
     */
    public Spread spread(List<Filter> filters, long budgetFloats) {
        if (budgetFloats < 0) {
            throw new IllegalArgumentException("order choice: budget is " + budgetFloats
                    + " floats of state, expected 0 or more");
        }
        List<ErrorCurve> curves = each(filters, f -> new ErrorCurve(checked(filters.get(f)), limit(filters.get(f))));
        int[] orders = orders(curves, budgetFloats);
        while (true) {
            int[] reached = orders;
            List<Boolean> grown = each(filters, f -> curves.get(f).grownBeyond(reached[f]));
            orders = orders(curves, budgetFloats);
            if (!grown.contains(true)) {
                break;
            }
        }
        int[] settled = orders;
        List<Choice> choices = each(filters, f -> new Choice(filters.get(f),
                fit(curves.get(f).search(settled[f]), filters.get(f).taps(), settled[f]), Double.POSITIVE_INFINITY,
                OptionalInt.empty(),
                0));
        long floats = 0;
        double squaredError = 0;
        for (Choice choice : choices) {
            floats += (long) choice.fit().order() * choice.filter().floatsPerOrder();
            squaredError += choice.filter().weight() * choice.fit().l2() * choice.fit().l2();
        }
        return new Spread(choices, floats, squaredError);
    }

    private static int[] orders(List<ErrorCurve> curves, long budget) {
        List<Allocation.Curve> points = curves.stream().map(ErrorCurve::points).toList();
        int[] taken = Allocation.allocate(points, budget);
        int[] orders = new int[taken.length];
        for (int f = 0; f < orders.length; f++) {
            orders[f] = curves.get(f).order(taken[f]);
        }
        return orders;
    }

    private int limit(Filter filter) {
        return Math.min(maxOrder, HankelSpectrum.sizeFor(filter.taps().length));
    }

    private Choice smallest(Filter filter, double tolerance) {
        double[] taps = filter.taps();
        int limit = limit(filter);
        PoleSearch search = new PoleSearch(taps, limit + 1, PoleSearch.FLOAT32);
        double target = tolerance * tolerance * search.energy();
        int atLeast = excluded(search.spectrum(limit + 1), taps, tolerance, limit);
        FilterFit fit = fit(search, taps, atLeast == limit ? limit : reached(search, limit, target));
        if (fit.relativeL2() > tolerance && fit.order() < limit) {
            fit = fit(search, taps, limit);
        }
        if (fit.relativeL2() > tolerance) {
            return unmet(filter, fit, tolerance, target, limit);
        }
        int misses = 0;
        for (int order = fit.order() - 1; order >= atLeast && misses < 2; order--) {
            FilterFit smaller = fit(search, taps, order);
            if (smaller.relativeL2() <= tolerance) {
                fit = smaller;
                order = smaller.order();
                misses = 0;
            } else {
                misses++;
            }
        }
        return new Choice(filter, fit, tolerance, OptionalInt.empty(), atLeast);
    }

    private FilterFit fit(PoleSearch search, double[] taps, int order) {
        return method instanceof HankelFit hankel && hankel.polished()
                ? hankel.fitRounded(search, taps, order)
                : method.fitRounded(taps, order);
    }

    /** The order at which the chain of starts comes within the target; {@code limit} if it does not. */
    private static int reached(PoleSearch search, int limit, double target) {
        int order = 0;
        while (order < limit && search.chain(order).cost() > target) {
            order = Math.min(limit, order + 2);
        }
        return order;
    }

    private static Choice unmet(Filter filter, FilterFit fit, double tolerance, double target, int limit) {
        double[] taps = filter.taps();
        int farthest = Math.min(FARTHEST, HankelSpectrum.sizeFor(taps.length) - 1);
        PoleSearch search = new PoleSearch(taps, farthest + 1, PoleSearch.FLOAT32);
        int atLeast = excluded(search.spectrum(farthest + 1), taps, tolerance, farthest);
        OptionalInt wouldDo = Arrays.stream(FURTHER).filter(o -> o > limit && o >= atLeast && o <= farthest)
                .filter(o -> search.hankel(o).cost() <= target).findFirst();
        return new Choice(filter, fit, tolerance, wouldDo, atLeast);
    }

    /** The smallest order that the spectrum does not exclude; {@code most} if it excludes all below. */
    private static int excluded(HankelSpectrum spectrum, double[] taps, double tolerance, int most) {
        double norm = 0;
        for (int t = 1; t < taps.length; t++) {
            norm = Math.hypot(norm, taps[t]);
        }
        int order = 0;
        while (order < most && spectrum.l2Bound(order) > tolerance * norm) {
            order++;
        }
        return order;
    }

    private static Filter checked(Filter filter) {
        try {
            FilterChecks.taps(filter.taps(), 3);
        } catch (IllegalArgumentException refused) {
            throw new IllegalArgumentException(refused.getMessage() + " (filter " + filter.name() + ")", refused);
        }
        return filter;
    }

    private <T> List<T> each(List<Filter> filters, IntFunction<T> work) {
        try (ExecutorService pool = Executors.newFixedThreadPool(Math.clamp(filters.size(), 1, threads))) {
            List<Future<T>> running = new ArrayList<>();
            for (int f = 0; f < filters.size(); f++) {
                int index = f;
                running.add(pool.submit(() -> work.apply(index)));
            }
            List<T> done = new ArrayList<>();
            for (Future<T> future : running) {
                done.add(future.get());
            }
            return done;
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(failed.getCause());
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("order choice: interrupted while fitting " + filters.size() + " filters",
                    stopped);
        }
    }

    /**
     * The weighted squared error of one filter as a function of its order, followed along the chain of starts as far as
     * anybody asked. Used by one task at a time.
     */
    private static final class ErrorCurve {
        private static final int FIRST = 8;

        private final Filter filter;
        private final int limit;
        private final double unit;
        private final double settled;
        private final TreeMap<Integer, Double> known = new TreeMap<>();
        private List<VariableProjection.Point> links = List.of();
        private boolean complete;

        ErrorCurve(Filter filter, int limit) {
            this.filter = filter;
            this.limit = limit;
            double peak = 0;
            for (int t = 1; t < filter.taps().length; t++) {
                peak = Math.max(peak, Math.abs(filter.taps()[t]));
            }
            unit = filter.weight() * peak * peak;
            PoleSearch search = search(Math.min(FIRST, limit));
            settled = SETTLED * search.energy();
            known.put(0, unit * search.energy());
            grow(search, Math.min(FIRST, limit));
        }

        /** A search that knows what this curve knows. None is kept: many filters would fill the memory. */
        PoleSearch search(int order) {
            return new PoleSearch(filter.taps(), order + 1, PoleSearch.FLOAT32, links);
        }

        /** Follows the curve to 1.5 times {@code order} and a little more; whether that brought anything new. */
        boolean grownBeyond(int order) {
            int wanted = Math.min(limit, order + Math.max(4, order / 2));
            if (complete || wanted <= known.lastKey()) {
                return false;
            }
            grow(search(wanted), wanted);
            return true;
        }

        private void grow(PoleSearch search, int to) {
            while (!complete && known.lastKey() < to) {
                int size = Math.min(limit, known.lastKey() + 2);
                if (size - known.lastKey() == 2) {
                    known.put(size - 1, unit * search.hankel(size - 1).cost());
                }
                double cost = search.chain(size).cost();
                known.put(size, unit * cost);
                complete = size == limit || cost <= settled;
            }
            complete |= known.lastKey() >= limit;
            links = search.links();
        }

        int order(int point) {
            return known.keySet().stream().skip(point).findFirst().orElse(limit);
        }

        /** The known points, made monotone: a recurrence of lower order is also one of higher order. */
        Allocation.Curve points() {
            long[] cost = known.keySet().stream().mapToLong(o -> (long) o * filter.floatsPerOrder()).toArray();
            double[] error = known.values().stream().mapToDouble(Double::doubleValue).toArray();
            for (int p = 1; p < error.length; p++) {
                error[p] = Math.min(error[p], error[p - 1]);
            }
            return new Allocation.Curve(cost, error);
        }
    }
}
