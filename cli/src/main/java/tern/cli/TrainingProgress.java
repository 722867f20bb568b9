package tern.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

import tern.train.MetricsLog;
import tern.train.TrainingEvent;

/**
 * Shows a training run: on a terminal one line that is written over and over, elsewhere JSON lines on standard output, the
 * steps among them at most one a second. What a person should know once goes to standard error in both cases. Confined to
 * one thread.
 */
final class TrainingProgress implements Consumer<TrainingEvent>, AutoCloseable {
    private static final long LINE_NANOS = 100_000_000L;
    private static final long JSON_NANOS = 1_000_000_000L;

    private final PrintStream out;
    private final PrintStream err;
    private final boolean json;
    private final boolean terminal;
    private long shown = System.nanoTime() - JSON_NANOS;
    private Optional<TrainingEvent.Stepped> passedOver = Optional.empty();
    private final LiveLine line;

    /**
     * @param json whether events go to {@code out} as JSON lines
     * @param terminal whether {@code err} is a terminal
     */
    TrainingProgress(PrintStream out, PrintStream err, boolean json, boolean terminal) {
        this.out = out;
        this.err = err;
        this.json = json;
        this.terminal = terminal && !json;
        this.line = new LiveLine(err, this.terminal);
    }

    @Override
    public void accept(TrainingEvent event) {
        if (event instanceof TrainingEvent.Stepped step) {
            boolean due = System.nanoTime() - shown >= (json ? JSON_NANOS : LINE_NANOS);
            passedOver = due ? Optional.empty() : Optional.of(step);
            if (!due) {
                return;
            }
            shown = System.nanoTime();
        }
        if (event instanceof TrainingEvent.Finished && passedOver.isPresent()) {
            // The last step is shown in any case.
            shown -= JSON_NANOS;
            accept(passedOver.get());
        }
        if (json) {
            out.println(MetricsLog.line(event));
            out.flush();
        }
        show(event);
    }

    private void show(TrainingEvent event) {
        switch (event) {
            case TrainingEvent.Started started -> {
                say("%s: %,d parameters; %s; %d threads, %s kernels; needs %,d MiB of memory (%s)", started.name(),
                        started.parameters(), started.budget(), started.threads(), started.kernels(),
                        (started.memory().total() >> 20) + 1, started.memory());
                started.split().forEach(part -> say("  %s", part));
                if (started.step() > 0) {
                    say("goes on after step %,d", started.step());
                }
            }
            case TrainingEvent.Stepped step -> line(step);
            case TrainingEvent.Validated validated -> {
                if (!json) {
                    say("step %,d: %.4f bits/byte on the validation part%s", validated.step(), validated.bitsPerByte(),
                            validated.best() ? ", the best so far" : "");
                }
            }
            case TrainingEvent.Sampled ignored -> {
            }
            case TrainingEvent.Saved ignored -> {
            }
            case TrainingEvent.Finished ignored -> close();
        }
    }

    private void line(TrainingEvent.Stepped step) {
        if (!terminal) {
            return;
        }
        String text = String.format(Locale.ROOT,
                "step %,d  loss %.4f  %.3f bits/byte  %s tokens/s  %s left  %,d MiB", step.step(), step.loss(),
                step.bitsPerByte(),
                count(step.tokensPerSecond()), duration(step.secondsLeft()), step.memoryBytes() >> 20);
        line.show(text);
    }

    private void say(String format, Object... parts) {
        close();
        err.println(String.format(Locale.ROOT, format, parts));
    }

    /** Ends the line that is being written over. */
    @Override
    public void close() {
        line.end();
    }

    private static String count(double number) {
        return number < 10_000 ? String.format(Locale.ROOT, "%,.0f", number)
                : String.format(Locale.ROOT, "%,.1fk", number / 1000);
    }

    /** Seconds as people read them: 45 s, 3:20, 2:05:00. */
    static String duration(double seconds) {
        if (!Double.isFinite(seconds)) {
            return "?";
        }
        long whole = Math.round(seconds);
        return whole < 60 ? whole + " s"
                : whole < 3600 ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    }
}
