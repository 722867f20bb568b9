package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.load.ServeBench;
import tern.cli.load.ServeBench.Row;
import tern.model.Presets;

/** {@code tern bench serve}: a server in another process under load. */
@Command(name = "serve", description = "A server in another process, asked over loopback: tokens a second and latencies of many streams, a long prompt beside running streams, prompts that share beginnings, idle sessions.", mixinStandardHelpOptions = true, sortOptions = false)
final class ServeBenchCommand implements Callable<Integer> {
    @Option(names = "--presets", split = ",", defaultValue = "rwkv7-small,transformer-small", description = "Architectures, with random weights over 95 characters; the others are brought to the first one's size (${DEFAULT-VALUE}).")
    private List<String> presets;

    @Option(names = "--streams", split = ",", defaultValue = "1,8,64,256,1000", description = "Streams at once (${DEFAULT-VALUE}).")
    private List<Integer> streams;

    @Option(names = "--warm", defaultValue = "8", description = "Seconds for each server to warm up, about (${DEFAULT-VALUE}).")
    private double warm;

    @Option(names = "--seconds", defaultValue = "4", description = "How long each is measured, once all streams have begun or four times as long has gone by (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--prompt", defaultValue = "16", description = "Tokens of each stream's prompt (${DEFAULT-VALUE}).")
    private int prompt;

    @Option(names = "--tokens", defaultValue = "128", description = "Tokens of each answer (${DEFAULT-VALUE}).")
    private int tokens;

    @Option(names = "--long-prompt", defaultValue = "16384", description = "Tokens of a prompt that is read while streams run; 0 for none (${DEFAULT-VALUE}).")
    private int longPrompt;

    @Option(names = "--beside", defaultValue = "8", description = "Streams that run meanwhile (${DEFAULT-VALUE}).")
    private int beside;

    @Option(names = "--document", defaultValue = "2000", description = "Tokens of prompts that share beginnings; 0 for none (${DEFAULT-VALUE}).")
    private int document;

    @Option(names = "--sessions", defaultValue = "10000", description = "Idle sessions; 0 for none (${DEFAULT-VALUE}).")
    private int sessions;

    @Option(names = "--session-preset", defaultValue = "rwkv7-tiny", description = "Architecture of the sessions' model (${DEFAULT-VALUE}).")
    private String sessionPreset;

    @Option(names = "--max-memory", defaultValue = "4g", paramLabel = "SIZE", description = "Memory for the server's states (${DEFAULT-VALUE}).")
    private String memory;

    @Mixin
    private ThreadOptions threads;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() throws Exception {
        if (prompt < 1 || tokens < 2 || seconds <= 0 || warm < 0 || longPrompt < 0 || beside < 1
                || document < 0
                || sessions < 0) {
            throw new UserError(
                    "--prompt and --beside must be 1 or more, --tokens 2 or more, --seconds above 0, others 0 or"
                            + " more; found "
                            + List.of(prompt, beside, tokens, seconds, longPrompt, document, sessions));
        }
        streams.forEach(count -> {
            if (count < 1) {
                throw new UserError("--streams has " + count + ", expected 1 or more");
            }
        });
        presets.forEach(Presets::named);
        Presets.named(sessionPreset);
        new ServeBench(
                new ServeBench.Setting(presets, streams, warm, seconds, prompt, tokens, longPrompt, beside, sessions,
                        sessionPreset, document, threads.count(),
                        ServeCommand.size("--max-memory", memory)))
                .run(this::show);
        return Outcome.OK;
    }

    private void show(Row row) {
        shown.row((Record) row, switch (row) {
            case ServeBench.Streams of ->
                "%-18s %5d streams: %,9.0f tokens/s (%.1f times one), all at once: first token p50 %,.0f p99 %,.0f ms, while others run: p50 %,.0f p99 %,.0f ms, between tokens p50 %.1f p99 %.1f ms, %,d MB, %d errors"
                        .formatted(of.model(), of.streams(), of.tokensPerSecond(), of.times(), of.startP50(),
                                of.startP99(), of.firstP50(), of.firstP99(), of.gapP50(), of.gapP99(),
                                of.residentBytes() >> 20, of.errors());
            case ServeBench.LongPrompt of ->
                "%-18s %d streams beside a prompt of %,d tokens (%.1f s): between tokens p50 %.1f p99 %.1f ms, before p50 %.1f p99 %.1f ms, %d errors"
                        .formatted(of.model(), of.streams(), of.promptTokens(), of.readSeconds(), of.duringP50(),
                                of.duringP99(), of.beforeP50(), of.beforeP99(), of.errors());
            case ServeBench.Shared of ->
                "%-18s %-30s %2d requests: %,7d tokens read of %,7d sent (%.1f %%), %.1f s".formatted(of.model(),
                        of.pattern(), of.requests(), of.readTokens(), of.promptTokens(),
                        100.0 * of.readTokens() / of.promptTokens(), of.seconds());
            case ServeBench.Idle of ->
                "%-18s %,d idle sessions of %,d bytes (made %,.0f a second): %,d MB in memory, %,d MB on disk; %d resumed in p50 %.1f p99 %.1f most %.1f ms, %d errors"
                        .formatted(of.model(), of.sessions(), of.stateBytes(), of.createdPerSecond(),
                                of.residentBytes() >> 20, of.diskBytes() >> 20, of.resumed(), of.resumeP50(),
                                of.resumeP99(), of.resumeMost(), of.errors());
        });
    }
}
