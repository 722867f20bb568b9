package tern.distil;

/** How large the recurrences may become that take the place of the filters. */
public sealed interface Target {
    /** In a few words, for reports. */
    String words();

    /**
     * The smallest order of each filter that the Hankel spectrum and a verified fit find good enough: relative l2 error at
     * most {@value #RELATIVE_ERROR}, or the largest order allowed if that is not reached.
     */
    record Automatic() implements Target {
        /** What is good enough. */
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

    /** So many state floats for all filters of all layers together, spread so that the total error is smallest. */
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
