package tern.text;

/**
 * A part of the data from beginning to end, in windows that follow one another without overlap, so that every symbol but
 * the first is predicted exactly once. Reads as it goes, whatever the length of the data. Immutable; safe for use by
 * several threads.
 */
public final class EvaluationWindows {
    private final TokenStore tokens;
    private final int time;

    /**
     * Windows of {@code time} inputs; the last may be shorter.
     *
     * @throws IllegalArgumentException if there are fewer than two symbols
     */
    public EvaluationWindows(TokenStore tokens, int time) {
        if (time < 1) {
            throw new IllegalArgumentException("windows: time " + time + ", expected 1 or more");
        }
        CutWindows.requireFit(tokens, 1, 1, 1);
        this.tokens = tokens;
        this.time = time;
    }

    /** What the windows are cut from. */
    public TokenStore tokens() {
        return tokens;
    }

    /** Number of windows. */
    public long count() {
        return (predictions() + time - 1) / time;
    }

    /** Number of symbols predicted in all windows together: all but the first. */
    public long predictions() {
        return tokens.size() - 1;
    }

    /**
     * One window.
     *
     * @param window from 0 to {@link #count}
     * @param inputs receives up to T symbols, from entry {@code at} on
     * @param targets receives the symbol after each of them
     * @return number of inputs: T, or fewer in the last window
     */
    public int read(long window, int[] inputs, int[] targets, int at) {
        if (window < 0 || window >= count()) {
            throw new IndexOutOfBoundsException("window " + window + " of " + count());
        }
        long start = window * time;
        int length = (int) Math.min(time, predictions() - start);
        tokens.copy(start, inputs, at, length);
        tokens.copy(start + 1, targets, at, length);
        return length;
    }
}
