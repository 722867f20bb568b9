package tern.cli;

import java.util.Locale;

import tern.distil.FitProgress;

/**
 * Shows on standard error how far a distillation is: on a terminal one line that is written over and over, elsewhere a line
 * every few seconds. Confined to one thread.
 */
final class ProgressLine implements FitProgress, AutoCloseable {
    private static final double TERMINAL_SECONDS = 0.1;
    private static final double LOG_SECONDS = 5;

    private final Tern tern;
    private final long begun = System.nanoTime();
    private long shown = begun;
    private final LiveLine line;

    ProgressLine(Tern tern) {
        this.tern = tern;
        this.line = new LiveLine(tern.err(), tern.isTerminal());
    }

    @Override
    public void at(String doing, int done, int total) {
        long now = System.nanoTime();
        boolean terminal = tern.isTerminal();
        boolean due = (now - shown) * 1e-9 >= (terminal ? TERMINAL_SECONDS : LOG_SECONDS);
        if (!due && !(terminal && done == total)) {
            return;
        }
        shown = now;
        double spent = (now - begun) * 1e-9;
        String left = done == 0 || done == total ? ""
                : ", " + TrainingProgress.duration(spent / done * (total - done)) + " left";
        String text = String.format(Locale.ROOT, "%s: %d of %d filters, %.0f s%s", doing, done, total, spent, left);
        if (terminal) {
            line.show(text);
        } else {
            tern.err().println(text);
        }
    }

    /** Ends the line that is being written over. */
    @Override
    public void close() {
        line.end();
    }
}
