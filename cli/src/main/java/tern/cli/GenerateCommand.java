package tern.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.inference.Engine;
import tern.inference.Generator;
import tern.inference.Generator.Generated;
import tern.inference.LanguageModel;
import tern.inference.LiveSequence;
import tern.inference.NotANumberException;
import tern.inference.Sampling;
import tern.inference.Snapshot;

/** {@code tern generate}: continues a text. */
@Command(name = "generate", description = "Continue a text, from a prompt or from a saved state.", mixinStandardHelpOptions = true, sortOptions = false)
final class GenerateCommand implements Callable<Integer> {
    @ParentCommand
    private Tern tern;

    @Mixin
    private RunOptions run;

    @Mixin
    private CacheOptions cache;

    @Option(names = "--prompt", paramLabel = "TEXT|@FILE|-", description = "What to continue: a text, @ and a file, or - for standard input.")
    private @Nullable String prompt;

    @Option(names = "--read-twice", description = "Read the prompt twice before going on: what a recurrence keeps of it then depends less on its order (Just Read Twice).")
    private boolean readTwice;

    @Option(names = "--tokens", defaultValue = "200", description = "How many tokens to generate (${DEFAULT-VALUE}).")
    private int tokens;

    @Option(names = "--temperature", defaultValue = "0.8", description = "0 always takes the most likely token (${DEFAULT-VALUE}).")
    private double temperature;

    @Option(names = "--top-k", defaultValue = "0", description = "Only the K most likely tokens; 0 for all.")
    private int topK;

    @Option(names = "--top-p", defaultValue = "1", description = "Only the most likely tokens that together have this probability.")
    private double topP;

    @Option(names = "--min-p", defaultValue = "0", description = "Only tokens at least this fraction as likely as the most likely.")
    private double minP;

    @Option(names = "--repetition-penalty", defaultValue = "1", description = "Above 1, tokens seen lately become less likely.")
    private double repetitionPenalty;

    @Option(names = "--stop", description = "End before this text; may be given several times.")
    private List<String> stops = List.of();

    @Option(names = "--seed", defaultValue = "0", description = "The same seed gives the same text (${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--stream", description = "Print the text as it is made.")
    private boolean stream;

    @Option(names = "--save-state", paramLabel = "FILE", description = "Write the state after the last token.")
    private @Nullable Path saveState;

    @Option(names = "--load-state", paramLabel = "FILE", description = "Go on from a saved state; or begin with one tuned for this RWKV model (a .pth of blocks.N.att.time_state).")
    private @Nullable Path loadState;

    @Option(names = "--json", description = "Print one JSON object; with --stream, one line a piece before it.")
    private boolean json;

    /** What {@code --json} prints. */
    record Report(String text, List<Integer> ids, int promptTokens, boolean stopped, boolean interrupted, long position,
            long seed,
            double prefillSeconds, double decodeSeconds, double tokensPerSecond, long stateBytes, String fingerprint) {
    }

    /** One piece of a stream. */
    record Piece(String piece) {
    }

    @Override
    public Integer call() throws Exception {
        Generator.Request request = new Generator.Request(tokens,
                new Sampling(temperature, topK, topP, minP, repetitionPenalty), seed, stops);
        if (prompt == null && loadState == null) {
            throw new UserError("there is nothing to continue: give --prompt TEXT, @FILE or -, or --load-state FILE");
        }
        if (saveState != null) {
            Destination.requireFile("--save-state", saveState);
            Destination.requireApart("--save-state", saveState, run.model);
            Prompts.requireApart("--save-state", saveState, prompt);
        }
        try (Engine engine = run.engine();
                LanguageModel opened = run.open(engine)) {
            int[] once = prompt == null ? new int[0] : Prompts.encode(opened.tokenizer(), prompt);
            int[] ids = readTwice ? IntStream.concat(Arrays.stream(once), Arrays.stream(once)).toArray() : once;
            long read = ids.length + (loadState == null ? 0 : Snapshot.positionIn(loadState));
            requireWithinLimit(opened, read);
            LanguageModel model = loadState == null ? cache.apply(opened, read + tokens)
                    : cache.apply(opened, read + tokens, loadState);
            // Where a text may end the answer, it need not become as long as it may.
            RunOptions.requireMemory(model, read + (stops.isEmpty() ? tokens : 0L));
            return generate(model, ids, request);
        }
    }

    /** Said before anything is computed: a model that met its limit half-way would leave nothing of what it wrote. */
    private void requireWithinLimit(LanguageModel model, long read) {
        int limit = model.network().limit();
        if (read + tokens > limit) {
            throw new UserError("this model reads at most " + limit + " tokens, but the prompt and what was read before"
                    + " are " + read + " and --tokens is " + tokens + "; "
                    + (read < limit ? "ask for " + (limit - read) + " or fewer" : "shorten the prompt"));
        }
    }

    private int generate(LanguageModel model, int[] ids, Generator.Request request) throws IOException {
        try (Ending ending = new Ending();
                LiveSequence sequence = model.sequence()) {
            if (loadState != null) {
                try (Snapshot snapshot = Snapshot.load(loadState, model)) {
                    sequence.restore(snapshot);
                }
            }
            Generated made = new Generator(model, sequence).generate(ids, request, this::tell, ending::isRequested);
            if (saveState != null) {
                try (Snapshot snapshot = sequence.snapshot()) {
                    snapshot.save(saveState);
                }
            }
            boolean interrupted = ending.isRequested();
            finish(model, sequence, ids.length, made, interrupted);
            return interrupted ? Outcome.INTERRUPTED : Outcome.OK;
        } catch (NotANumberException damaged) {
            throw new UserError(run.model + ": " + damaged.getMessage());
        }
    }

    /** Waits for Ctrl-C from the first question on: while a prompt is read there is nothing to save, and the JVM may end. */
    private static final class Ending implements AutoCloseable {
        private @Nullable Interrupt interrupt;

        boolean isRequested() {
            if (interrupt == null) {
                interrupt = new Interrupt();
            }
            return interrupt.isRequested();
        }

        @Override
        public void close() {
            if (interrupt != null) {
                interrupt.close();
            }
        }
    }

    private void tell(String piece) {
        if (stream) {
            tern.out().print(json ? Json.line(new Piece(piece)) + "\n" : piece);
            if (tern.out().checkError()) {
                // Nobody reads on (tern … | head), and a text may be as long as one likes.
                throw new UserError(
                        "standard output could not be written to the end: the reader went away or the disk is"
                                + " full");
            }
        }
    }

    private void finish(LanguageModel model, LiveSequence sequence, int promptTokens, Generated made,
            boolean interrupted) {
        double rate = made.ids().isEmpty() ? 0 : made.ids().size() / made.decodeSeconds();
        if (json) {
            tern.out().println(Json.line(new Report(made.text(), made.ids(), promptTokens, made.stopped(), interrupted,
                    sequence.position(), seed, made.prefillSeconds(), made.decodeSeconds(), rate, sequence.stateBytes(),
                    model.fingerprint())));
        } else {
            tern.out().println(stream ? "" : made.text());
            tern.err()
                    .println("%d tokens, %.0f tokens/s, state %,d bytes at position %,d".formatted(made.ids().size(),
                            rate,
                            sequence.stateBytes(), sequence.position())
                            + (interrupted ? "; interrupted" : ""));
        }
    }
}
