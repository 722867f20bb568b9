package tern.text;

import java.util.Locale;

/**
 * Where data is cut, once, into a training, a validation and a test part that follow one another. Cuts are byte positions,
 * so they do not depend on the tokenizer. Immutable.
 */
public sealed interface SplitRule {
    /** 90 % to train on, 5 % to validate, 5 % to test. */
    SplitRule USUAL = new Fractions(90, 5, 5, false);

    /**
     * Parts by percentage; a cut between bytes is rounded down.
     *
     * @param train percent to train on
     * @param validation percent to validate
     * @param test percent to test
     * @param atLineEnds whether a cut moves forward to just behind the next line feed
     */
    record Fractions(double train, double validation, double test, boolean atLineEnds) implements SplitRule {
        /** Checks that the three are parts of 100. */
        public Fractions {
            boolean negative = !(train >= 0 && validation >= 0 && test >= 0);
            if (negative || Math.abs(train + validation + test - 100) > 1e-6) {
                throw new IllegalArgumentException(
                        "split: " + percent(train) + "/" + percent(validation) + "/" + percent(test)
                                + " is not a division, expected three percentages that sum to 100, such as 90/5/5");
            }
        }

        @Override
        public String toString() {
            return percent(train) + "/" + percent(validation) + "/" + percent(test) + (atLineEnds ? ",lines" : "");
        }
    }

    /**
     * Parts by position.
     *
     * @param trainEnd bytes to train on
     * @param validationEnd where validation ends and the test part begins
     */
    record Positions(long trainEnd, long validationEnd) implements SplitRule {
        /** Checks that the positions follow one another. */
        public Positions {
            if (trainEnd < 0 || validationEnd < trainEnd) {
                throw new IllegalArgumentException("split: positions @" + trainEnd + "," + validationEnd
                        + " are not in order, expected 0 <= end of train <= end of validation");
            }
        }

        @Override
        public String toString() {
            return "@" + trainEnd + "," + validationEnd;
        }
    }

    /**
     * A rule as users write it: {@code 90/5/5}, {@code 80/10/10,lines} (cut at line ends) or {@code @3600000,3800000}
     * (byte positions). What {@link Object#toString} of a rule prints is read back as the same rule.
     *
     * @throws IllegalArgumentException if the text is none of these
     */
    static SplitRule parse(String text) {
        try {
            if (text.startsWith("@")) {
                String[] ends = text.substring(1).split(",", -1);
                if (ends.length == 2) {
                    return new Positions(Long.parseLong(ends[0].strip()), Long.parseLong(ends[1].strip()));
                }
            } else {
                boolean lines = text.endsWith(",lines");
                String[] parts = (lines ? text.substring(0, text.length() - ",lines".length()) : text).split("/", -1);
                if (parts.length == 3) {
                    return new Fractions(Double.parseDouble(parts[0]), Double.parseDouble(parts[1]),
                            Double.parseDouble(parts[2]), lines);
                }
            }
        } catch (NumberFormatException notANumber) {
            throw unknown(text, notANumber);
        }
        throw unknown(text, null);
    }

    private static IllegalArgumentException unknown(String text, @org.jspecify.annotations.Nullable Throwable cause) {
        return new IllegalArgumentException("split \"" + text
                + "\" is not understood, expected percentages such as 90/5/5 or 80/10/10,lines, or positions such as @3600000,3800000",
                cause);
    }

    private static String percent(double value) {
        return value == Math.rint(value) ? String.format(Locale.ROOT, "%.0f", value) : Double.toString(value);
    }
}
