package tern.ops;

import java.util.Arrays;

/**
 * Which rows each query of {@link Ops#crossAttention} reads: {@code count} of them from {@code first} on, going on at the first row
 * after the last, as in a ring. Immutable as long as nobody changes the arrays.
 *
 * @param first 0 or more and below the number of rows; B·T entries, sequence by sequence
 * @param count 0 to the number of rows, B·T entries; a query that reads nothing gets 0
 */
public record Spans(int[] first, int[] count) {
    /** Checks that there are as many of the one as of the other. */
    public Spans {
        if (first.length != count.length) {
            throw new IllegalArgumentException("spans: " + first.length + " first rows but " + count.length
                    + " counts, expected one of each for every query");
        }
    }

    /** Every query reads all rows. */
    public static Spans all(int queries, int rows) {
        int[] count = new int[queries];
        Arrays.fill(count, rows);
        return new Spans(new int[queries], count);
    }
}
