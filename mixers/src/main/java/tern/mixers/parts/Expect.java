package tern.mixers.parts;

/** Checks that a config makes of its own numbers, with messages that name the kind, the component and what to do. */
public final class Expect {
    private static final int MOST_CHANNELS = 1 << 28;

    private Expect() {
    }

    /**
     * Checks a count.
     *
     * @param kind of mixer, as the catalogue names it
     * @param component of the config
     * @param advice what the smallest value means or what to do
     * @throws IllegalArgumentException if {@code value} is less than {@code least}
     */
    public static void atLeast(String kind, String component, int value, int least, String advice) {
        if (value < least) {
            throw new IllegalArgumentException(
                    "%s: %s is %d, expected %d or more (%s)".formatted(kind, component, value, least,
                            advice));
        }
    }

    /**
     * Checks that a number is finite and lies above {@code low} and at or below {@code high}.
     *
     * @throws IllegalArgumentException if it does not
     */
    public static void within(String kind, String component, double value, double low, double high, String advice) {
        if (!(value > low && value <= high) || Double.isInfinite(value)) {
            throw new IllegalArgumentException("%s: %s is %s, expected more than %s and at most %s (%s)".formatted(kind,
                    component, value, low, high, advice));
        }
    }

    /**
     * Checks that one number divides another.
     *
     * @return the quotient
     * @throws IllegalArgumentException if it does not divide
     */
    public static int divides(String kind, String component, int divisor, String what, int number) {
        if (divisor < 1 || number % divisor != 0) {
            throw new IllegalArgumentException(
                    "%s: %s is %d, which does not divide the %s %d; choose one of its divisors"
                            .formatted(kind, component, divisor, what, number));
        }
        return number / divisor;
    }

    /**
     * Checks that so many times so many are channels that can be counted, and a few times as many too.
     *
     * @return the product
     * @throws IllegalArgumentException if they are more than 2²⁸
     */
    public static int product(String kind, String component, int number, String what, int times) {
        long product = (long) number * times;
        if (product > MOST_CHANNELS) {
            throw new IllegalArgumentException("%s: %s is %d, times %s %d that is %d channels, expected %d or fewer"
                    .formatted(kind, component, number, what, times, product, MOST_CHANNELS));
        }
        return (int) product;
    }

    /**
     * Checks anything else.
     *
     * @throws IllegalArgumentException with this message if {@code holds} is false
     */
    public static void that(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
