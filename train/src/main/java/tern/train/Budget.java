package tern.train;

/**
 * How long to train. {@link Steps} and {@link Tokens} are exactly reproducible; with {@link Minutes} the learning rate
 * follows the clock, so two runs differ as the machine's speed does.
 */
public sealed interface Budget {
    /** The fraction of the budget spent after so many steps, tokens and seconds; 1 or more when it is used up. */
    double spent(long steps, long tokens, double seconds);

    /** Whether another step would go beyond the budget. */
    default boolean isSpent(long steps, long tokens, double seconds) {
        return spent(steps, tokens, seconds) >= 1;
    }

    /**
     * A number of updates.
     *
     * @param steps 1 or more
     */
    record Steps(long steps) implements Budget {
        /** Checks the range. */
        public Steps {
            Budget.require("steps", steps > 0, steps);
        }

        @Override
        public double spent(long done, long tokens, double seconds) {
            return (double) done / steps;
        }

        @Override
        public String toString() {
            return steps + " steps";
        }
    }

    /**
     * A number of tokens read, rounded up to whole steps.
     *
     * @param tokens 1 or more
     */
    record Tokens(long tokens) implements Budget {
        /** Checks the range. */
        public Tokens {
            Budget.require("tokens", tokens > 0, tokens);
        }

        @Override
        public double spent(long steps, long done, double seconds) {
            return (double) done / tokens;
        }

        @Override
        public String toString() {
            return tokens + " tokens";
        }
    }

    /**
     * Time on the wall, validation included.
     *
     * @param minutes above 0
     */
    record Minutes(double minutes) implements Budget {
        /** Checks the range. */
        public Minutes {
            Budget.require("minutes", minutes > 0 && minutes < 1e7, minutes);
        }

        @Override
        public double spent(long steps, long tokens, double seconds) {
            return seconds / (60 * minutes);
        }

        @Override
        public String toString() {
            return minutes + " minutes";
        }
    }

    private static void require(String name, boolean fits, Number value) {
        if (!fits) {
            throw new IllegalArgumentException("budget: " + name + " is " + value + ", expected a number above 0");
        }
    }
}
