package tern.distil;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.IntFunction;

import tern.distil.filter.FilterFit;
import tern.distil.filter.FilterMethod;
import tern.distil.filter.HankelSpectrum;
import tern.distil.filter.OrderChoice;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.OrderChoice.Filter;

/**
 * Fits many filters towards one target. Every filter is a piece of work of its own, so neither the number of threads nor
 * their timing changes the result. Stateless; safe for use by several threads.
 */
public final class Fitting {
    private static final int FEWEST_TAPS = 3;
    /** Leaves room for residues, which may be larger than the taps that they make. */
    private static final double LARGEST = Float.MAX_VALUE / 1e6;

    private Fitting() {
    }

    /**
     * Fits all filters.
     *
     * @param how fits filters and chooses orders
     * @return one choice a filter, in the order given
     * @throws IllegalArgumentException if the target cannot be met, or taps are too few or not finite; the message names the
     *             filter and what would do
     */
    public static List<Choice> of(List<Filter> filters, OrderChoice how, Target target, FitProgress progress) {
        requireSound(filters);
        OrderChoice alone = new OrderChoice(how.method(), how.maxOrder(), 1);
        return switch (target) {
            case Target.Automatic automatic ->
                each(filters, how.threads(), progress,
                        f -> one(alone.smallestFor(filters.subList(f, f + 1), Target.Automatic.RELATIVE_ERROR)));
            case Target.Order order -> {
                requirePossible(filters, order.order());
                yield each(filters, how.threads(), progress,
                        f -> one(alone.fixed(filters.subList(f, f + 1), order.order())));
            }
            case Target.Tolerance tolerance -> requireMet(each(filters, how.threads(), progress,
                    f -> one(alone.smallestFor(filters.subList(f, f + 1), tolerance.relativeError()))));
            case Target.Budget budget -> {
                requireEnough(filters, budget.floats());
                yield spread(filters, how, budget.floats(), progress);
            }
        };
    }

    /** Fits every filter at the order given for it. */
    static List<Choice> at(int[] orders, List<Filter> filters, OrderChoice how, FitProgress progress) {
        OrderChoice alone = new OrderChoice(how.method(), how.maxOrder(), 1);
        return each(filters, how.threads(), progress,
                f -> one(alone.fixed(filters.subList(f, f + 1), orders[f])));
    }

    static void requireSound(List<Filter> filters) {
        filters.forEach(Fitting::requireSound);
    }

    private static void requireSound(Filter filter) {
        double[] taps = filter.taps();
        if (taps.length < FEWEST_TAPS) {
            throw new IllegalArgumentException("distil: filter " + filter.name() + " has " + taps.length
                    + " taps, expected " + FEWEST_TAPS + " or more; there is nothing to distil in a shorter one");
        }
        for (int t = 0; t < taps.length; t++) {
            if (!Double.isFinite(taps[t])) {
                throw new IllegalArgumentException("distil: tap " + t + " of filter " + filter.name() + " is "
                        + taps[t] + ", expected a finite number; go back to an earlier checkpoint, or repair the file");
            }
            if (Math.abs(taps[t]) > LARGEST) {
                throw new IllegalArgumentException("distil: tap " + t + " of filter " + filter.name() + " is "
                        + taps[t]
                        + ", beyond what recurrences in float32 can follow; divide the filters by a number and"
                        + " multiply what they are used on by it");
            }
        }
    }

    private static Choice one(List<Choice> choices) {
        return choices.getFirst();
    }

    private static void requirePossible(List<Filter> filters, int order) {
        for (Filter filter : filters) {
            int most = HankelSpectrum.sizeFor(filter.taps().length);
            if (order > most) {
                throw new IllegalArgumentException("distil: order is " + order + ", but filter " + filter.name()
                        + " has " + filter.taps().length + " taps, which determine at most order " + most + "; give "
                        + most + " or less");
            }
        }
    }

    static void requireEnough(List<Filter> filters, long floats) {
        long least = filters.stream().mapToLong(Filter::floatsPerOrder).sum();
        if (floats < least) {
            Filter first = filters.getFirst();
            throw new IllegalArgumentException("distil: a budget of " + floats + " floats of state is less than order 1"
                    + " for each of the " + filters.size() + " filters takes (filter " + first.name() + " alone "
                    + first.floatsPerOrder() + " floats an order); give " + least + " or more");
        }
    }

    private static List<Choice> requireMet(List<Choice> choices) {
        List<Choice> missed = choices.stream().filter(choice -> !choice.met())
                .sorted(Comparator.comparingDouble((Choice choice) -> choice.fit().relativeL2()).reversed()).toList();
        if (!missed.isEmpty()) {
            throw new IllegalArgumentException("distil: " + missed.size() + " of " + choices.size()
                    + " filters cannot meet the tolerance; the worst is " + missed.getFirst().summary()
                    + "; raise the largest order or the tolerance, or give an order or a budget instead");
        }
        return choices;
    }

    /** The budget needs all filters at a time; its last round fits each of them once, which is what progress counts. */
    private static List<Choice> spread(List<Filter> filters, OrderChoice how, long floats, FitProgress progress) {
        progress.at("weighing", 0, filters.size());
        LinkedBlockingQueue<Integer> finished = new LinkedBlockingQueue<>();
        OrderChoice counted = new OrderChoice(new Counted(how.method(), finished), how.maxOrder(), how.threads());
        try (ExecutorService caller = Executors.newSingleThreadExecutor()) {
            var spread = caller.submit(() -> {
                try {
                    return counted.spread(filters, floats).choices();
                } finally {
                    finished.add(-1);
                }
            });
            int done = 0;
            while (finished.take() >= 0) {
                progress.at("fitting", ++done, filters.size());
            }
            return spread.get();
        } catch (ExecutionException failed) {
            throw unwrapped(failed);
        } catch (InterruptedException stopped) {
            throw interrupted(filters, stopped);
        }
    }

    /** Says when a fit is done. */
    private record Counted(FilterMethod method, LinkedBlockingQueue<Integer> finished) implements FilterMethod {
        @Override
        public FilterFit fit(double[] taps, int order) {
            return method.fit(taps, order);
        }

        @Override
        public FilterFit fitRounded(double[] taps, int order) {
            FilterFit fit = method.fitRounded(taps, order);
            finished.add(fit.order());
            return fit;
        }

        @Override
        public String name() {
            return method.name();
        }
    }

    /** Does independent work on several threads; progress is told here, by the caller's thread. */
    static <T> List<T> each(List<Filter> filters, int threads, FitProgress progress, IntFunction<T> work) {
        try (ExecutorService pool = Executors.newFixedThreadPool(Math.clamp(filters.size(), 1, threads))) {
            CompletionService<T> running = new ExecutorCompletionService<>(pool);
            List<Future<T>> futures = new ArrayList<>();
            for (int f = 0; f < filters.size(); f++) {
                int index = f;
                futures.add(running.submit(() -> work.apply(index)));
            }
            List<T> results = new ArrayList<>();
            try {
                for (int count = 0; count < futures.size(); count++) {
                    progress.at("fitting", count, futures.size());
                    running.take().get();
                }
                for (Future<T> future : futures) {
                    results.add(future.get());
                }
            } catch (ExecutionException failed) {
                pool.shutdownNow();
                throw unwrapped(failed);
            }
            progress.at("fitting", futures.size(), futures.size());
            return results;
        } catch (InterruptedException stopped) {
            throw interrupted(filters, stopped);
        }
    }

    private static RuntimeException unwrapped(ExecutionException failed) {
        if (failed.getCause() instanceof RuntimeException cause) {
            return cause;
        }
        if (failed.getCause() instanceof Error error) {
            throw error;
        }
        return new IllegalStateException(failed.getCause());
    }

    private static IllegalStateException interrupted(List<Filter> filters, InterruptedException stopped) {
        Thread.currentThread().interrupt();
        return new IllegalStateException("distil: interrupted while fitting " + filters.size() + " filters", stopped);
    }
}
