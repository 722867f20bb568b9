package tern.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

import tern.inference.Engine;
import tern.inference.LivePrediction;
import tern.inference.Predictor;
import tern.inference.Snapshot;
import tern.kernels.KernelSet;
import tern.tasks.data.TableReader;
import tern.text.Columns;

/** {@code tern predict}: what a model says that ends in a head of its own. */
@Command(name = "predict", description = {"Ask a model for a class, a number or a forecast.",
    "For models that tern compare trained on tasks that do not ask for the next token: --text or --ids for tokens, --table for"
            + " measurements. A forecast is in the units of the table."}, mixinStandardHelpOptions = true, sortOptions = false)
final class PredictCommand implements Callable<Integer> {
    private static final int PIECE = 1024;

    @ParentCommand
    private Tern tern;

    @Parameters(index = "0", paramLabel = "MODEL", description = "A model's folder or file.")
    private Path path;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--text", paramLabel = "TEXT|@FILE|-", description = "A text to read; two for a model that compares them.")
    private List<String> texts = new ArrayList<>();

    @Option(names = "--ids", paramLabel = "N,N…", description = "Symbols to read; twice for a model that compares sequences.")
    private List<String> ids = new ArrayList<>();

    @Option(names = "--table", paramLabel = "FILE|-", description = "A table with commas: names of columns, then a row a step; the first column (dates) is not read. A model of certain columns finds them by name, and reads as many of the last rows as a window had that it was trained on.")
    private @Nullable String table;

    @Option(names = "--every", description = "An answer after every position, as it comes: from the first on in constant memory, or, where windows are told less their last row, from the first whole window on.")
    private boolean every;

    @Option(names = "--load-state", paramLabel = "FILE", description = "Go on from a saved state with all that is given.")
    private @Nullable Path loadState;

    @Option(names = "--save-state", paramLabel = "FILE", description = "Read all that is given as a stream, and write the state after it.")
    private @Nullable Path saveState;

    @Option(names = "--json", description = "Print one JSON object a line.")
    private boolean json;

    private boolean headed;

    @Override
    public Integer call() throws Exception {
        if ((texts.isEmpty() ? 0 : 1) + (ids.isEmpty() ? 0 : 1) + (table == null ? 0 : 1) != 1) {
            throw new UserError("give one of --text, --ids and --table");
        }
        if (saveState != null) {
            Destination.requireFile("--save-state", saveState);
            Destination.requireApart("--save-state", saveState, path);
            if (table != null && !table.equals("-")) {
                Destination.requireOther("--save-state", saveState, "the table", Path.of(table));
            }
            for (String text : texts) {
                Prompts.requireApart("--save-state", saveState, text);
            }
        }
        try (Engine engine = new Engine(threads.count(), KernelSet.fastest());
                Predictor model = Predictor.open(path, engine)) {
            if (table != null) {
                try (TableReader rows = open(table)) {
                    ofTable(model, rows);
                }
            } else {
                ofTokens(model);
            }
        }
        return Outcome.OK;
    }

    private boolean streams() {
        return every || loadState != null || saveState != null;
    }

    // ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────

    private void ofTokens(Predictor model) throws IOException {
        List<int[]> given = new ArrayList<>();
        for (String text : texts) {
            given.add(model.tokens(Prompts.bytes(text)));
        }
        for (String some : ids) {
            given.add(Prompts.parse(some));
        }
        if (given.size() != model.sequences()) {
            throw new UserError(given.size() + " sequences were given, this model answers about " + model.sequences());
        }
        int[] first = given.getFirst();
        if (first.length == 0) {
            throw new UserError("there is nothing to read; give at least one symbol");
        }
        if (!streams()) {
            tell(model, first.length, given.size() == 2 ? model.compare(first, given.getLast())
                    : model.predict(first));
            return;
        }
        try (LivePrediction sequence = begun(model)) {
            int piece = every ? 1 : PIECE;
            for (int from = 0; from < first.length; from += piece) {
                int to = Math.min(first.length, from + piece);
                double[] said = sequence.read(Arrays.copyOfRange(first, from, to));
                if (every || to == first.length) {
                    tell(model, sequence.position(), said);
                }
            }
            save(sequence);
        }
    }

    // ── measurements ────────────────────────────────────────────────────────────────────────────────────────────────

    private static String named(@Nullable String file) {
        return "-".equals(file) ? "standard input" : String.valueOf(file);
    }

    private static TableReader open(String name) throws IOException {
        BufferedReader lines = name.equals("-")
                ? new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))
                : Files.newBufferedReader(Path.of(name));
        try {
            return new TableReader(named(name), lines);
        } catch (IOException refused) {
            lines.close();
            throw refused;
        }
    }

    private void ofTable(Predictor model, TableReader rows) throws IOException {
        if (model.features() == 0) {
            throw new UserError("this model reads tokens, found a table; give --text or --ids");
        }
        int[] which = which(model, rows);
        if (model.columns().filter(Columns::relative).isPresent() || !streams()) {
            windows(model, rows, which);
            return;
        }
        try (LivePrediction sequence = begun(model)) {
            double[] said = new double[0];
            for (Optional<double[]> row = rows.next(); row.isPresent(); row = rows.next()) {
                said = sequence.read(chosen(row.get(), which));
                if (every) {
                    tell(model, sequence.position(), said);
                }
            }
            if (said.length == 0) {
                throw new UserError(named(table) + ": there are no rows; give at least one");
            }
            if (!every) {
                tell(model, sequence.position(), said);
            }
            save(sequence);
        }
    }

    /** Answers from the last rows alone, as the model was trained; from all where it was not trained on windows. */
    private void windows(Predictor model, TableReader rows, int... which) throws IOException {
        if (loadState != null || saveState != null) {
            // Says why.
            begun(model).close();
        }
        int length = model.columns().map(Columns::length).orElse(Integer.MAX_VALUE);
        Deque<double[]> last = new ArrayDeque<>();
        long position = 0;
        for (Optional<double[]> row = rows.next(); row.isPresent(); row = rows.next()) {
            position++;
            if (last.size() == length) {
                last.removeFirst();
            }
            last.addLast(chosen(row.get(), which));
            if (every && last.size() == length) {
                tell(model, position, model.predict(last.toArray(double[][]::new)));
            }
        }
        if (last.isEmpty()) {
            throw new UserError(named(table) + ": there are no rows; give at least one");
        }
        if (last.size() < length && model.columns().isPresent()) {
            throw new UserError(named(table) + ": has " + position + " rows, expected at least " + length
                    + ", as in a window that the model was trained on");
        }
        if (!every) {
            tell(model, position, model.predict(last.toArray(double[][]::new)));
        }
    }

    /** Which columns the model reads, in its order. */
    private int[] which(Predictor model, TableReader rows) {
        if (model.columns().isEmpty()) {
            if (rows.names().size() != model.features()) {
                throw new UserError(named(table) + ": has " + rows.names().size()
                        + " columns behind the first, expected " + model.features());
            }
            return IntStream.range(0, model.features()).toArray();
        }
        List<String> wanted = model.columns().get().names();
        List<String> missing = new ArrayList<>(wanted);
        missing.removeAll(rows.names());
        if (!missing.isEmpty()) {
            throw new UserError(named(table) + ": has no column " + String.join(", ", missing) + "; the model reads "
                    + String.join(", ", wanted) + ", found " + String.join(", ", rows.names()));
        }
        return wanted.stream().mapToInt(rows.names()::indexOf).toArray();
    }

    private static double[] chosen(double[] row, int... which) {
        return Arrays.stream(which).mapToDouble(column -> row[column]).toArray();
    }

    // ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────

    private LivePrediction begun(Predictor model) throws IOException {
        LivePrediction sequence = model.sequence();
        boolean whole = false;
        try {
            if (loadState != null) {
                try (Snapshot snapshot = model.snapshot(loadState)) {
                    sequence.restore(snapshot);
                }
            }
            whole = true;
            return sequence;
        } finally {
            if (!whole) {
                sequence.close();
            }
        }
    }

    private void save(LivePrediction sequence) throws IOException {
        if (saveState != null) {
            try (Snapshot snapshot = sequence.snapshot()) {
                snapshot.save(saveState);
            }
        }
    }

    // ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    private void tell(Predictor model, long position, double... said) {
        if (Arrays.stream(said).anyMatch(number -> !Double.isFinite(number))) {
            throw new UserError(path + ": the model gave no finite number at position " + position
                    + "; tern inspect --check looks for damage");
        }
        PrintStream out = tern.out();
        if (model.classifies()) {
            double[] shares = shares(said);
            int best = best(shares);
            out.println(json ? Json.line(object(position, "class", best, "probabilities", shares))
                    : String.format(Locale.ROOT, "class %d (%.3f)", best, shares[best]));
        } else if (model.columns().isPresent()) {
            forecast(model.columns().get(), position, said);
        } else {
            out.println(json ? Json.line(object(position, "numbers", said, "", ""))
                    : Arrays.stream(said).mapToObj(Double::toString).collect(Collectors.joining(" ")));
        }
        out.flush();
    }

    private void forecast(Columns columns, long position, double... said) {
        int count = columns.count();
        List<Map<String, Double>> rows = new ArrayList<>();
        for (int step = 0; step < columns.horizon(); step++) {
            Map<String, Double> row = new LinkedHashMap<>();
            for (int column = 0; column < count; column++) {
                row.put(columns.names().get(column), said[step * count + column]);
            }
            rows.add(row);
        }
        if (json) {
            tern.out().println(Json.line(object(position, "forecast", rows, "", "")));
            return;
        }
        if (!headed) {
            headed = true;
            tern.out().println("step," + String.join(",", columns.names()));
        }
        for (int step = 0; step < rows.size(); step++) {
            tern.out().println((every ? position + "+" : "+") + (step + 1) + "," + rows.get(step).values().stream()
                    .map(number -> String.format(Locale.ROOT, "%.6g", number)).collect(Collectors.joining(",")));
        }
    }

    private static Map<String, Object> object(long position, String key, Object value, String other, Object more) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("position", position);
        object.put(key, value);
        if (!other.isEmpty()) {
            object.put(other, more);
        }
        return Collections.unmodifiableMap(object);
    }

    private static double[] shares(double... scores) {
        double most = Arrays.stream(scores).max().orElseThrow();
        double[] shares = Arrays.stream(scores).map(score -> Math.exp(score - most)).toArray();
        double sum = Arrays.stream(shares).sum();
        return Arrays.stream(shares).map(share -> share / sum).toArray();
    }

    private static int best(double... shares) {
        int best = 0;
        for (int i = 1; i < shares.length; i++) {
            best = shares[i] > shares[best] ? i : best;
        }
        return best;
    }
}
