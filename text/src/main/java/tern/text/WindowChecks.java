package tern.text;

/** What every kind of windows demands of its arguments, and how one is read. */
final class WindowChecks {
    private WindowChecks() {
    }

    /** Refuses sizes below 1, and data that one row of a window does not fit into. */
    static void fits(TokenStore tokens, int batch, int time, long rows) {
        if (batch < 1 || time < 1) {
            throw new IllegalArgumentException(
                    "windows: batch " + batch + " and time " + time + ", expected 1 or more");
        }
        if (tokens.size() == 0) {
            throw new IllegalArgumentException(tokens.name() + " is empty; give more data or another split");
        }
        if (tokens.size() - 1 < (long) time * rows) {
            throw new IllegalArgumentException(
                    tokens.name() + " has " + tokens.size() + " symbols, but windows of " + time
                            + (rows > 1 ? " in " + rows + " streams" : "") + " need " + ((long) time * rows + 1)
                            + "; give more data, a shorter context" + (rows > 1 ? ", fewer streams" : "")
                            + " or another split");
        }
    }

    static void sizes(int[] inputs, int[] targets, int expected) {
        if (inputs.length != expected || targets.length != expected) {
            throw new IllegalArgumentException(
                    "windows: inputs and targets have " + inputs.length + " and " + targets.length
                            + " entries, expected " + expected);
        }
    }

    /** Writes the window that begins at a position, and the symbols after it, into one row. */
    static void window(TokenStore tokens, long start, int row, int time, int[] inputs, int[] targets) {
        int at = row * time;
        tokens.copy(start, inputs, at, time);
        System.arraycopy(inputs, at + 1, targets, at, time - 1);
        tokens.copy(start + time, targets, at + time - 1, 1);
    }
}
