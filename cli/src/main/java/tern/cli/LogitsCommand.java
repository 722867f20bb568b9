package tern.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.AtomicFiles;
import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.inference.LiveSequence;
import tern.inference.Snapshot;
import tern.sequence.Form;

/** {@code tern logits}: raw logits, for anyone who wants to compare with another implementation. */
@Command(name = "logits", description = "Write logits as raw little-endian f32.", mixinStandardHelpOptions = true, sortOptions = false)
final class LogitsCommand implements Callable<Integer> {
    @ParentCommand
    private Tern tern;

    @Mixin
    private RunOptions run;

    @Mixin
    private CacheOptions cache;

    @Option(names = "--ids", paramLabel = "N,N…", description = "Symbols to read.")
    private @Nullable String ids;

    @Option(names = "--prompt", paramLabel = "TEXT|@FILE|-", description = "A text to read.")
    private @Nullable String prompt;

    @Option(names = "--all", description = "Logits after every symbol, not only after the last.")
    private boolean all;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "Where to write [positions, vocabulary] floats.")
    private Path out;

    @Option(names = "--form", defaultValue = "parallel", description = "parallel, chunk or step (${DEFAULT-VALUE}).")
    private Form form;

    @Option(names = "--save-state", paramLabel = "FILE", description = "Write the state after the last symbol.")
    private @Nullable Path saveState;

    @Override
    public Integer call() throws Exception {
        if (ids == null == (prompt == null)) {
            throw new UserError("give either --ids or --prompt");
        }
        requireFree("--out", out);
        if (saveState != null) {
            requireFree("--save-state", saveState);
            Destination.requireOther("--save-state", saveState, "--out", out);
        }
        try (Engine engine = run.engine();
                LanguageModel opened = run.open(engine)) {
            int[] read = ids != null ? Prompts.parse(ids) : Prompts.encode(opened.tokenizer(), String.valueOf(prompt));
            if (read.length == 0) {
                throw new UserError("there are no symbols to read; give at least one");
            }
            LanguageModel model = cache.apply(opened, read.length);
            RunOptions.requireMemory(model, read.length);
            write(model, read);
        }
        return Outcome.OK;
    }

    private void requireFree(String option, Path path) throws IOException {
        Destination.requireFile(option, path);
        Destination.requireApart(option, path, run.model);
        Prompts.requireApart(option, path, prompt);
    }

    private void write(LanguageModel model, int[] read) throws IOException {
        try (LiveSequence sequence = model.sequence()) {
            int vocabulary = model.network().config().vocabulary();
            AtomicFiles.write(out, channel -> {
                RawFloats floats = new RawFloats(channel);
                if (all) {
                    sequence.prefill(form, read, logits -> floats.write(logits.data()));
                } else {
                    floats.write(sequence.prefill(form, read));
                }
            });
            if (saveState != null) {
                try (Snapshot snapshot = sequence.snapshot()) {
                    snapshot.save(saveState);
                }
            }
            tern.err().printf("%s: logits [%d, %d] of %d symbols%n", out, all ? read.length : 1, vocabulary,
                    read.length);
        }
    }
}
