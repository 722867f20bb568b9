package tern.cli;

import java.io.IOException;
import java.io.PrintStream;

import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;

/**
 * One line on a terminal that is written over and over: cut to the terminal's width, and without control sequences where
 * {@code TERM} is {@code dumb}. Confined to one thread.
 */
final class LiveLine {
    private static final int USUAL_WIDTH = 80;

    private final PrintStream err;
    private final int columns;
    private final boolean dumb;
    private int length;

    /** @param terminal whether {@code err} is a terminal, whose width is then asked for */
    LiveLine(PrintStream err, boolean terminal) {
        this(err, terminal ? columns() : USUAL_WIDTH, "dumb".equals(System.getenv("TERM")));
    }

    LiveLine(PrintStream err, int columns, boolean dumb) {
        this.err = err;
        this.columns = columns;
        this.dumb = dumb;
    }

    private static int columns() {
        try (Terminal asked = TerminalBuilder.builder().system(true).dumb(true).paused(true).graphemeCluster(false)
                .systemOutput(TerminalBuilder.SystemOutput.SysErrOrSysOut).build()) {
            int columns = asked.getSize().getColumns();
            return columns > 0 ? columns : USUAL_WIDTH;
        } catch (IOException | IllegalStateException unknown) {
            return USUAL_WIDTH;
        }
    }

    /** Writes over what stands there. */
    void show(String text) {
        String cut = text.substring(0, Math.min(text.length(), Math.max(1, columns - 1)));
        err.print("\r" + cut + (dumb ? " ".repeat(Math.max(0, length - cut.length())) : "\033[K"));
        err.flush();
        length = cut.length();
    }

    /** Ends the line, if there is one. */
    void end() {
        if (length > 0) {
            err.println();
            length = 0;
        }
    }
}
