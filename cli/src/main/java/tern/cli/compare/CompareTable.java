package tern.cli.compare;

import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.ToDoubleFunction;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Metric;
import tern.tasks.Task;
import tern.train.TaskRun;

/** A comparison as a table that a page or a terminal shows. Immutable. */
final class CompareTable {
    private static final double SOLVED = 0.99;

    private final ComparePlan plan;
    private final Task task;
    private final List<RunRecord> runs;

    CompareTable(ComparePlan plan, Task task, List<RunRecord> runs) {
        this.plan = plan;
        this.task = task;
        this.runs = List.copyOf(runs);
    }

    /** Runs of one architecture. */
    static List<RunRecord> of(String preset, List<RunRecord> runs) {
        return runs.stream().filter(run -> run.preset().equals(preset)).toList();
    }

    /** The table with its baselines, as Markdown. */
    String markdown() {
        StringBuilder text = new StringBuilder();
        text.append("# ").append(task.name()).append("\n\n").append(task.description()).append(" Reads ")
                .append(task.input()).append(", up to ").append(task.length()).append(" positions; asked for: ")
                .append(task.answer()).append(". ").append(plan.budget()).append(", ").append(plan.seeds())
                .append(plan.seeds() == 1 ? " seed" : " seeds").append("; mean")
                .append(plan.seeds() == 1 ? "" : " (min–max)")
                .append(" of ").append(task.metric().title()).append(".\n\n");
        List<Integer> lengths = task.testLengths();
        boolean symbols = task.answer() instanceof Answer.Symbols && task.metric() == Metric.ACCURACY;
        text.append("| model | parameters | validation |");
        lengths.forEach(length -> text.append(" at ").append(length).append(" |"));
        if (symbols) {
            text.append(" whole sequences |");
            text.append(lengths.size() > 1 ? " last position at " + lengths.getLast() + " |" : "");
        }
        if (task.metric() == Metric.ACCURACY) {
            text.append(" steps to 99 % |");
        }
        boolean numbers = task.answer() instanceof Answer.Numbers;
        if (numbers) {
            text.append(" absolute error at ").append(lengths.getFirst()).append(" |");
        }
        text.append(
                " positions/s | forward ns | backward ns | training MiB | decode µs | state floats |\n|---|---|---|");
        int columns = lengths.size() + 6 + (symbols ? lengths.size() > 1 ? 2 : 1 : 0)
                + (task.metric() == Metric.ACCURACY ? 1 : 0) + (numbers ? 1 : 0);
        text.append("---|".repeat(columns)).append('\n');
        for (String preset : plan.presets()) {
            List<RunRecord> own = of(preset, runs);
            if (!own.isEmpty()) {
                row(text, preset, own, symbols);
            }
        }
        List<List<Baseline>> guesses = lengths.stream().map(task::baselines).toList();
        for (int i = 0; i < guesses.getFirst().size(); i++) {
            text.append("| *").append(guesses.getFirst().get(i).name()).append("* | – | – |");
            for (List<Baseline> at : guesses) {
                text.append(' ').append(shown(task.metric(), at.get(i).value())).append(" |");
            }
            text.append(" – |".repeat(columns - lengths.size())).append('\n');
        }
        text.append('\n');
        if (!task.groups().isEmpty()) {
            groups(text);
        }
        return text.toString();
    }

    /** Whole sequences that are right, by group and length. */
    private void groups(StringBuilder text) {
        text.append("Sequences that are right as a whole, in per cent, by group and length:\n\n| model | group |");
        task.testLengths().forEach(length -> text.append(" at ").append(length).append(" |"));
        text.append("\n|---|---|").append("---|".repeat(task.testLengths().size())).append('\n');
        for (String preset : plan.presets()) {
            List<RunRecord> own = of(preset, runs);
            for (int group = 0; !own.isEmpty() && group < task.groups().size(); group++) {
                text.append("| ").append(preset).append(" | ").append(task.groups().get(group)).append(" |");
                for (int i = 0; i < task.testLengths().size(); i++) {
                    int at = i;
                    int of = group;
                    text.append(' ').append(span(own, run -> run.tests().get(at).groups().get(of).exact()))
                            .append(" |");
                }
                text.append('\n');
            }
        }
        text.append('\n');
    }

    /** Of the runs of one architecture the least: what disturbs a measurement only adds to it. */
    static double least(List<RunRecord> own, ToDoubleFunction<RunRecord> time) {
        return own.stream().mapToDouble(time).min().orElseThrow();
    }

    private void row(StringBuilder text, String preset, List<RunRecord> own, boolean symbols) {
        RunRecord first = own.getFirst();
        text.append("| ").append(preset).append(" | ").append(String.format(Locale.ROOT, "%,d", first.parameters()))
                .append(" | ").append(span(own, run -> run.looks().getLast().score())).append(" |");
        for (int i = 0; i < task.testLengths().size(); i++) {
            int at = i;
            text.append(' ').append(span(own, run -> run.tests().get(at).scores().in(task.metric()))).append(" |");
        }
        if (symbols) {
            text.append(' ').append(span(own, run -> run.tests().getFirst().scores().exact())).append(" |");
            if (task.testLengths().size() > 1) {
                text.append(' ').append(span(own, run -> run.tests().getLast().scores().last())).append(" |");
            }
        }
        if (task.metric() == Metric.ACCURACY) {
            text.append(' ').append(solved(own)).append(" |");
        }
        if (task.answer() instanceof Answer.Numbers) {
            text.append(' ').append(span(own, run -> run.tests().getFirst().scores().absoluteError())).append(" |");
        }
        text.append(String.format(Locale.ROOT, " %,.0f |",
                own.stream().mapToDouble(RunRecord::positionsPerSecond).average().orElse(0)));
        text.append(String.format(Locale.ROOT, " %,.0f | %,.0f | %,d |", least(own, run -> run.cost().forwardNanos()),
                least(own, run -> run.cost().backwardNanos()), first.cost().bytes() >> 20));
        text.append(
                first.causal()
                        ? String.format(Locale.ROOT, " %.1f | %,d |", least(own, RunRecord::decodeMicros),
                                first.stateFloats())
                        : " – | – |")
                .append('\n');
    }

    private String span(List<RunRecord> own, ToDoubleFunction<RunRecord> value) {
        double mean = own.stream().mapToDouble(value).average().orElse(0);
        if (own.size() == 1) {
            return shown(task.metric(), mean);
        }
        return shown(task.metric(), mean) + " (" + shown(task.metric(), own.stream().mapToDouble(value).min().orElse(0))
                + "–" + shown(task.metric(), own.stream().mapToDouble(value).max().orElse(0)) + ")";
    }

    /** A value of a metric as people read it. */
    static String shown(Metric metric, double value) {
        return switch (metric) {
            case ACCURACY -> decimal(100 * value);
            case SQUARED_ERROR -> value < 0.01 ? String.format(Locale.ROOT, "%.1e", value)
                    : String.format(Locale.ROOT, "%.4f", value);
            case BITS -> String.format(Locale.ROOT, "%.3f", value);
        };
    }

    /** With one decimal. */
    static String decimal(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }

    /** The first look at or above 99 %, the median over seeds; a dash if half of them never got there. */
    private static String solved(List<RunRecord> own) {
        long[] steps = own.stream().map(CompareTable::firstSolved).filter(OptionalLong::isPresent)
                .mapToLong(OptionalLong::getAsLong).sorted().toArray();
        int middle = own.size() / 2;
        return middle < steps.length ? String.format(Locale.ROOT, "%,d", steps[middle]) : "–";
    }

    private static OptionalLong firstSolved(RunRecord run) {
        return run.looks().stream().filter(look -> look.score() >= SOLVED).mapToLong(TaskRun.Look::step).findFirst();
    }
}
