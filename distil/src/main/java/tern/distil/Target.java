package tern.distil;

/** How large the recurrences may become that take the place of the filters. */
public sealed interface Target {
    /** In a few words, for reports. */
    String words();

    /**
     * Orders that differ from filter to filter, as small as predictions allow.
     *
     * <p>
     * For a model: the teacher writes about 4,096 symbols itself, and the student may cost at most {@value #BITS_PER_SYMBOL}
     * bits a symbol on them, which is the mean Kullback–Leibler divergence of its predictions from the teacher's, whatever
     * method fits the filters; or the largest order allowed, if that is not enough, as {@link Distillation#bitsOnOwnText} then
     * tells. No data is needed: the divergence on a model's own text is what the change costs
     * if the world is as the model expects it. Every filter's error is weighted by how much it matters there, all filters
     * share one price for a float of state, each gets the order at which its error and its state cost least together, and the
     * highest price is taken that predictions bear.
     *
     * <p>
     * Why not a tolerance for each filter: measured on models trained on Shakespeare (the fixtures of the tests), a relative
     * error of 1e-3 asks for order 64 and more of nine filters in ten, though order 16 for all changes bits per byte by 0.001;
     * what it reproduces is noise that training left in the taps. At a divergence of 0.0035 nats the state needed was, in
     * floats (hyena, multihyena): one order for all 1,500 and 4,200; one price, all errors equal 1,880 and 4,110; relative
     * errors equal 2,250 and 11,900; errors weighted as here 1,180 and 2,830. The divergence on the teacher's own text was
     * within a fifth of that on held-out text at every size.
     *
     * <p>
     * For bare filters, which predict nothing: the smallest order of each with a relative l2 error of at most
     * {@value #RELATIVE_ERROR}, or the largest order allowed if that is not reached.
     */
    record Automatic() implements Target {
        /** What a model's predictions may lose, by the teacher's own expectation. */
        public static final double BITS_PER_SYMBOL = 0.005;
        /** What is good enough for a bare filter. */
        public static final double RELATIVE_ERROR = 1e-3;

        @Override
        public String words() {
            return "automatic orders";
        }
    }

    /** One real order for all filters. */
    record Order(int order) implements Target {
        /** Checks the range. */
        public Order {
            if (order < 1) {
                throw new IllegalArgumentException("distil: order is " + order + ", expected 1 or more");
            }
        }

        @Override
        public String words() {
            return "order " + order;
        }
    }

    /** The smallest order of each filter with at most this relative l2 error; it is an error if a filter cannot meet it. */
    record Tolerance(double relativeError) implements Target {
        /** Checks the range. */
        public Tolerance {
            if (!(relativeError > 0 && relativeError < 1)) {
                throw new IllegalArgumentException("distil: tolerance is " + relativeError
                        + ", expected a relative error between 0 and 1 such as 1e-3");
            }
        }

        @Override
        public String words() {
            return "tolerance " + relativeError;
        }
    }

    /**
     * So many state floats for all filters of all layers together, spread so that the total error is smallest: in a model
     * each filter's squared error counts by how much it matters to predictions, as for {@link Automatic}; bare filters count
     * alike.
     */
    record Budget(long floats) implements Target {
        /** Checks the range. */
        public Budget {
            if (floats < 1) {
                throw new IllegalArgumentException(
                        "distil: budget is " + floats + " floats of state, expected 1 or more");
            }
        }

        @Override
        public String words() {
            return "a budget of %,d floats".formatted(floats);
        }
    }
}
