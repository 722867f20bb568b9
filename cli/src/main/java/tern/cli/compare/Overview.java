package tern.cli.compare;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.checkpoint.AtomicFiles;
import tern.model.Presets;
import tern.tasks.Baseline;
import tern.tasks.Metric;
import tern.tasks.Task;
import tern.train.ReportPage;

/**
 * Several tasks beside one another: a row an architecture, a column a task at its trained length. Tasks may have been given to
 * different architectures; who was ahead of the largest share of the others, over the tasks it was given, stands first. One
 * architecture is one row, in whichever size it was given to a task. Immutable.
 */
public final class Overview {
    private static final String TEMPLATE = "overview.html";
    private static final JsonMapper JSON = new JsonMapper();

    private final List<Column> columns;
    private final List<String> presets;

    /**
     * One task.
     *
     * @param folder of its comparison
     * @param scores mean over seeds, of architectures that were run
     * @param guess the best trivial one
     */
    private record Column(String folder, Task task, ComparePlan plan, Map<String, Double> scores,
            Map<String, List<RunRecord>> runs,
            Baseline guess) {
        /** Where an architecture stands, 1 the best; those that are equal share their places. */
        double place(String preset) {
            double own = signed(scores.getOrDefault(preset, 0.0));
            double better = scores.values().stream().filter(other -> signed(other) > own).count();
            double equal = scores.values().stream().filter(other -> signed(other) == own).count();
            return better + (equal + 1) / 2;
        }

        /** What share of the others an architecture is ahead of; half of those that are equal count. */
        double ahead(String preset) {
            return scores.size() == 1 ? 1 : (scores.size() - place(preset)) / (scores.size() - 1);
        }

        private double signed(double score) {
            return task.metric().higherIsBetter() ? score : -score;
        }
    }

    private Overview(List<Column> columns) {
        this.columns = columns;
        this.presets = columns.stream().flatMap(column -> column.scores.keySet().stream()).distinct()
                .sorted(Comparator.comparingDouble(preset -> -ahead(preset).orElse(-1))).toList();
    }

    /** The row of an architecture: its family, unless it was compared with another size of itself. */
    static String row(String preset, List<String> compared) {
        String family = Presets.family(preset);
        boolean alone = compared.stream().filter(other -> Presets.family(other).equals(family)).count() == 1;
        return alone ? family : preset;
    }

    /** Of what is done of these comparisons, one or more. */
    public static Overview of(List<Comparison> comparisons) throws IOException {
        List<Column> columns = new ArrayList<>();
        for (Comparison comparison : comparisons) {
            List<RunRecord> done = comparison.done();
            Map<String, Double> scores = new LinkedHashMap<>();
            Map<String, List<RunRecord>> runs = new LinkedHashMap<>();
            for (String preset : comparison.plan().presets()) {
                List<RunRecord> own = CompareTable.of(preset, done);
                if (!own.isEmpty()) {
                    String row = row(preset, comparison.plan().presets());
                    scores.put(row, own.stream().mapToDouble(RunRecord::score).average().orElseThrow());
                    runs.put(row, own);
                }
            }
            Task task = comparison.task();
            Comparator<Baseline> byValue = Comparator.comparingDouble(Baseline::value);
            columns.add(new Column(comparison.folderName(), task, comparison.plan(), scores, runs,
                    task.baselines(task.testLengths().getFirst())
                            .stream().max(task.metric().higherIsBetter() ? byValue : byValue.reversed())
                            .orElseThrow()));
        }
        return new Overview(columns);
    }

    /** Writes {@code table.md} and {@code report.html}. */
    public void write(Path folder) throws IOException {
        AtomicFiles.write(folder.resolve("table.md"), markdown());
        try (InputStream template = Overview.class.getResourceAsStream(TEMPLATE)) {
            AtomicFiles.write(folder.resolve("report.html"), ReportPage.filled(TEMPLATE, template, data()));
        }
    }

    /** The mean of the shares that an architecture is ahead of, if it was given a third of the tasks at least. */
    private OptionalDouble ahead(String preset) {
        List<Column> own = columns.stream().filter(column -> column.scores.containsKey(preset)).toList();
        return 3 * own.size() < columns.size() ? OptionalDouble.empty()
                : own.stream().mapToDouble(column -> column.ahead(preset)).average();
    }

    private String markdown() {
        StringBuilder text = new StringBuilder("# ").append(columns.size()).append(" tasks, ").append(presets.size())
                .append(" architectures\n\nMeans over seeds at the trained length, equal parameters. First who was ahead of the")
                .append(" largest share of the others, in per cent, mean over tasks; the best of each task in bold. Accuracy in per cent, otherwise bits a symbol or squared errors, which are")
                .append(" better when less.\n\n| model | ahead of |");
        columns.forEach(column -> text.append(' ').append(link(column)).append(" |"));
        text.append("\n|---|---|").append("---|".repeat(columns.size())).append('\n');
        for (String preset : presets) {
            OptionalDouble ahead = ahead(preset);
            text.append("| ").append(preset).append(" | ")
                    .append(ahead.isPresent() ? String.format(Locale.ROOT, "%.0f", 100 * ahead.getAsDouble()) : "–")
                    .append(" |");
            for (Column column : columns) {
                Double score = column.scores.get(preset);
                String shown = score == null ? "–" : CompareTable.shown(column.task.metric(), score);
                boolean best = score != null && column.scores.values().stream()
                        .allMatch(other -> column.signed(other) <= column.signed(score));
                text.append(best ? " **" + shown + "** |" : " " + shown + " |");
            }
            text.append('\n');
        }
        text.append("| *the best trivial guess* | – |");
        columns.forEach(column -> text.append(" *")
                .append(CompareTable.shown(column.task.metric(), column.guess.value())).append("* |"));
        text.append("\n\n");
        columns.forEach(column -> text.append("- ").append(link(column)).append(": ").append(column.task.description())
                .append(' ').append(column.task.metric().title()).append("; ").append(column.plan.budget()).append(", ")
                .append(column.runs.values().stream().mapToInt(List::size).max().orElse(0))
                .append(" of ").append(column.plan.seeds()).append(" seeds.\n"));
        return text.toString();
    }

    private static String link(Column column) {
        return "[" + column.folder + "](" + column.folder + "/table.md)";
    }

    private ObjectNode data() {
        ObjectNode data = JSON.createObjectNode();
        ArrayNode tasks = data.putArray("tasks");
        for (Column column : columns) {
            tasks.addObject().put("name", column.folder).put("description", column.task.description())
                    .put("metric", column.task.metric().title()).put("budget", column.plan.budget())
                    .put("seeds", column.plan.seeds()).put("length", column.task.length())
                    .put("guess", CompareTable.shown(column.task.metric(), column.guess.value()))
                    .put("guessName", column.guess.name()).put("percent", column.task.metric() == Metric.ACCURACY);
        }
        ArrayNode models = data.putArray("models");
        for (String preset : presets) {
            ObjectNode model = models.addObject().put("name", preset);
            ahead(preset).ifPresent(share -> model.put("ahead", share));
            ArrayNode cells = model.putArray("cells");
            for (Column column : columns) {
                cell(cells.addObject(), column, preset);
            }
        }
        return data;
    }

    private static void cell(ObjectNode cell, Column column, String preset) {
        List<RunRecord> own = column.runs.getOrDefault(preset, List.of());
        if (own.isEmpty()) {
            return;
        }
        Metric metric = column.task.metric();
        cell.put("shown", CompareTable.shown(metric, column.scores.getOrDefault(preset, 0.0)))
                .put("place", column.place(preset)).put("of", column.scores.size())
                .put("least", CompareTable.shown(metric, own.stream().mapToDouble(RunRecord::score).min().orElse(0)))
                .put("most", CompareTable.shown(metric, own.stream().mapToDouble(RunRecord::score).max().orElse(0)))
                .put("runs", own.size()).put("parameters", own.getFirst().parameters())
                .put("stateFloats", own.getFirst().stateFloats())
                .put("decodeMicros", CompareTable.least(own, RunRecord::decodeMicros));
    }
}
