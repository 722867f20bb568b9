package tern.distil;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import tern.distil.Distillation.Place;
import tern.distil.filter.FilterLadder;
import tern.distil.filter.ModalFilter;
import tern.distil.filter.OrderChoice;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.OrderChoice.Filter;
import tern.kernels.EagerOps;
import tern.model.Stack;
import tern.tensor.Memory;

/**
 * Orders for {@link Target.Automatic}, which says what they are: a price for a float of state decides all of them, and the
 * highest price is sought at which the student still predicts as its teacher does. Confined to one thread.
 */
final class AutomaticOrders {
    /** Symbols that predictions are compared on. */
    private static final int SYMBOLS = 4096;
    private static final int FEWEST_ROWS = 4;
    private static final int MOST_ROWS = 64;
    /** Ladders grow this far before the first comparison, and to twice as far while the finest is not fine enough. */
    private static final int FIRST_ORDERS = 16;
    /** The finest rungs must be this much better than asked for, or filters that need more would go without. */
    private static final double ROOM = 0.5;
    /** The price is sought to within this factor. */
    private static final double CLOSE = 1.12;
    /** By what a price that proved too high falls at most, whatever the fits at it cost. */
    private static final double STEEPEST = 1.0 / 16;
    /** By what it falls at least. */
    private static final double SLIGHTEST = 0.9;
    private static final long SEED = 1;

    private final Stack teacher;
    private final EagerOps ops;
    private final OrderChoice how;
    private final List<Place> places;
    private final List<Filter> filters;
    private final FitProgress progress;
    private final List<FilterLadder> ladders;
    private final int[][] text;
    /** How far the ladders have grown. */
    private int limit = FIRST_ORDERS;

    /**
     * Filters at their orders.
     *
     * @param bits what the student with these filters costs a symbol of the text that the teacher wrote
     */
    record Fitted(List<Choice> choices, double bits) {
    }

    /** Has the teacher write, and looks at every filter at small orders. */
    AutomaticOrders(Stack teacher, EagerOps ops, OrderChoice how, List<Place> places, List<Filter> filters,
            FitProgress progress) {
        this.teacher = teacher;
        this.ops = ops;
        this.how = how;
        this.places = places;
        this.progress = progress;
        this.ladders = filters.stream().map(filter -> new FilterLadder(filter.taps())).toList();
        progress.at("letting the teacher write", 0, filters.size());
        int time = Math.min(teacher.config().context(), OwnText.longest(teacher));
        this.text = OwnText.of(teacher, ops, Math.clamp(SYMBOLS / time, FEWEST_ROWS, MOST_ROWS), time, SEED);
        grow(filters);
        this.filters = new Sensitivity(teacher, ops, places, ladders, text, progress).weighted(filters);
    }

    /** The filters with the weights that their errors have in predictions. */
    List<Filter> weighted() {
        return filters;
    }

    /**
     * The filters at their orders, fitted by the method. Orders come from the Hankel factors' own fits; where those of the
     * method, or an unlucky few of better ones, cost more than is allowed, the price falls until they do not, or until every
     * filter has the largest order that brings anything.
     */
    Fitted fitted() {
        double price = find();
        while (true) {
            int[] orders = orders(price);
            List<Choice> choices = Fitting.at(orders, filters, how, progress);
            double cost = costOf(choices);
            while (cost > Target.Automatic.BITS_PER_SYMBOL && Arrays.equals(orders, orders(0))
                    && limit < how.maxOrder()) {
                growFurther();
            }
            if (cost <= Target.Automatic.BITS_PER_SYMBOL || Arrays.equals(orders, orders(0))) {
                return new Fitted(choices, cost);
            }
            price *= Math.clamp(SLIGHTEST * Target.Automatic.BITS_PER_SYMBOL / cost, STEEPEST, SLIGHTEST);
            price = price < lowestPrice() ? 0 : price;
        }
    }

    /** The highest price that the Hankel factors' fits bear; 0 if there is none. */
    private double find() {
        while (limit < how.maxOrder() && cost(0) > ROOM * Target.Automatic.BITS_PER_SYMBOL) {
            growFurther();
        }
        double low = lowestPrice();
        double high = highestPrice();
        if (!(low > 0 && high > low) || cost(low) > Target.Automatic.BITS_PER_SYMBOL) {
            return 0;
        }
        while (high > CLOSE * low) {
            double price = Math.sqrt(low * high);
            if (cost(price) <= Target.Automatic.BITS_PER_SYMBOL) {
                low = price;
            } else {
                high = price;
            }
        }
        return low;
    }

    private void growFurther() {
        limit *= 2;
        grow(filters);
    }

    private void grow(List<Filter> all) {
        int most = Math.min(limit, how.maxOrder());
        Fitting.each(all, how.threads(), (doing, done, total) -> progress.at("weighing", done, total), f -> {
            ladders.get(f).growTo(most);
            return f;
        });
    }

    /** Below this price every filter stands on its last rung, or as near to it as makes no difference. */
    private double lowestPrice() {
        double least = Double.POSITIVE_INFINITY;
        for (int f = 0; f < filters.size(); f++) {
            List<FilterLadder.Rung> rungs = ladders.get(f).rungs();
            for (int r = 1; r < rungs.size(); r++) {
                double gain = rungs.get(r - 1).squaredError() - rungs.get(r).squaredError();
                least = Math.min(least, price(f, gain, rungs.get(r).order() - rungs.get(r - 1).order()));
            }
        }
        return Double.isInfinite(least) ? 0 : Math.max(least, 1e-9 * highestPrice());
    }

    /** Above this price no filter has a memory. */
    private double highestPrice() {
        double most = 0;
        for (int f = 0; f < filters.size(); f++) {
            most = Math.max(most, price(f, ladders.get(f).rungs().getFirst().squaredError(), 1));
        }
        return most;
    }

    private double price(int f, double gain, int orders) {
        return filters.get(f).weight() * gain / ((double) orders * filters.get(f).floatsPerOrder());
    }

    private FilterLadder.Rung rung(int f, double price) {
        return ladders.get(f).best(price * filters.get(f).floatsPerOrder() / filters.get(f).weight());
    }

    private int[] orders(double price) {
        return IntStream.range(0, filters.size()).map(f -> rung(f, price).order()).toArray();
    }

    /** What a student at this price costs, in bits a symbol. */
    private double cost(double price) {
        return cost(IntStream.range(0, filters.size()).mapToObj(f -> rung(f, price).filter()).toList());
    }

    /** What the student with these filters costs, in bits a symbol of the text that the teacher wrote. */
    double costOf(List<Choice> choices) {
        return cost(choices.stream().map(choice -> choice.fit().filter()).toList());
    }

    private double cost(List<ModalFilter> chosen) {
        try (Memory memory = new Memory()) {
            Stack student = Distillation.assembled(teacher, places, chosen, memory, ops);
            double bits = Quality.of(teacher, student, text, ops).meanKl() / Math.log(2);
            return Double.isNaN(bits) ? Double.POSITIVE_INFINITY : bits;
        }
    }
}
