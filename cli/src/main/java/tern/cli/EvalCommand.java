package tern.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.Checkpoint;
import tern.inference.Engine;
import tern.inference.Evaluation;
import tern.inference.LanguageModel;
import tern.sequence.Form;
import tern.text.EvaluationWindows;
import tern.text.Split;
import tern.text.SplitData;
import tern.text.TextData;
import tern.text.TokenStore;

/** {@code tern eval}: how well a model predicts a text. */
@Command(name = "eval", description = "Bits per byte and perplexity of a text, in windows that each start afresh.", mixinStandardHelpOptions = true, sortOptions = false)
final class EvalCommand implements Callable<Integer> {
    @ParentCommand
    private Tern tern;

    @Mixin
    private RunOptions run;

    @Mixin
    private CacheOptions cache;

    @Option(names = "--data", paramLabel = "FILE", required = true, arity = "1..*", description = "Text or any bytes, also .gz and .zst.")
    private List<Path> data;

    @Option(names = "--split", defaultValue = "all", description = "all, train, validation or test (${DEFAULT-VALUE}); cut as it was to train the model, if it is the text that the model was trained on.")
    private String split;

    @Option(names = "--form", defaultValue = "parallel", description = "parallel, chunk or step: the same result at another speed (${DEFAULT-VALUE}).")
    private Form form;

    @Option(names = "--window", defaultValue = "0", description = "Symbols a window; 0 for what the model was trained on.")
    private int window;

    @Option(names = "--windows", defaultValue = "0", description = "Only so many windows from the beginning; 0 for all.")
    private long windows;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    /** What {@code --json} prints. */
    record Report(double bitsPerByte, double perplexity, long tokens, long bytes, double seconds, String split,
            String form,
            int window, List<Evaluation.Figure> figures) {
    }

    @Override
    public Integer call() throws Exception {
        Split part = Split.parse(split);
        if (window < 0 || windows < 0) {
            throw new UserError("--window and --windows must be 0 or more, found " + window + " and " + windows);
        }
        try (Engine engine = run.engine();
                LanguageModel opened = run.open(engine);
                TextData text = TextData.open(data)) {
            SplitData parts = part == Split.ALL ? text.split() : HeldOut.cut(text, notes());
            TokenStore tokens = parts.tokens(part, opened.tokenizer());
            int time = window == 0 ? opened.network().config().context() : window;
            LanguageModel model = cache.apply(opened, time);
            RunOptions.requireMemory(model, Math.min(time, tokens.size()));
            long most = windows == 0 ? Long.MAX_VALUE : windows;
            Evaluation found = Evaluation.of(model, new EvaluationWindows(tokens, time), time, form, most);
            if (Double.isNaN(found.bitsPerByte())) {
                throw new UserError(
                        run.model + ": the model's predictions are not numbers; its weights are damaged, check"
                                + " them with inspect --check");
            }
            Report report = new Report(found.bitsPerByte(), found.perplexity(), found.tokens(), found.bytes(),
                    found.seconds(),
                    part.label(), form.name().toLowerCase(Locale.ROOT), time, found.figures());
            tern.out().println(json ? Json.line(report)
                    : "%s of %s: %.4f bits per byte, perplexity %.4f over %,d tokens in %.1f s (%.0f tokens/s)"
                            .formatted(
                                    part.label(), text.name(), report.bitsPerByte, report.perplexity, report.tokens,
                                    report.seconds,
                                    report.tokens / report.seconds));
            if (!json) {
                print(found.figures());
            }
        }
        return Outcome.OK;
    }

    private Map<String, String> notes() throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(run.model)) {
            return checkpoint.notes();
        }
    }

    /** A line for each name, with the means of all layers that have it, in their order. */
    private void print(List<Evaluation.Figure> figures) {
        figures.stream().map(Evaluation.Figure::name).distinct().forEach(name -> tern.out().println(name + ": "
                + figures.stream().filter(figure -> figure.name().equals(name))
                        .map(figure -> String.format(Locale.ROOT, "%.3f", figure.mean()))
                        .collect(Collectors.joining(", "))));
    }
}
