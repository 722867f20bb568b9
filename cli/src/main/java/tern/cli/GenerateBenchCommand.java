package tern.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.checkpoint.Placement;
import tern.cli.bench.GenerateBench;
import tern.cli.bench.GenerateBench.Row;
import tern.tensor.DType;

/** {@code tern bench generate}: whole models of published shapes, reading prompts and generating. */
@Command(name = "generate", description = "Tokens per second of models of published shapes with random weights in stored types, and what part of the machine's limits that is.", mixinStandardHelpOptions = true, sortOptions = false)
final class GenerateBenchCommand implements Callable<Integer> {
    @Option(names = "--models", split = ",", defaultValue = "rwkv6,rwkv7,transformer,goldfinch", description = "Models (${DEFAULT-VALUE}); goldfinch-keys and goldfinch-compressed keep less of each position.")
    private List<String> models;

    @Option(names = "--shapes", split = ",", defaultValue = "12x768", paramLabel = "LAYERSxWIDTH", description = "Shapes (${DEFAULT-VALUE}).")
    private List<String> shapes;

    @Option(names = "--types", split = ",", defaultValue = "f32,bf16,q8_0,q4_0", description = "How matrices are stored (${DEFAULT-VALUE}).")
    private List<String> types;

    @Option(names = "--threads", split = ",", defaultValue = "1,0", description = "Numbers of threads; 0 for all cores (${DEFAULT-VALUE}).")
    private List<Integer> threads;

    @Option(names = "--prefill", split = ",", defaultValue = "512,2048", description = "Lengths of prompts (${DEFAULT-VALUE}).")
    private List<Integer> prompts;

    @Option(names = "--decode", defaultValue = "128", description = "Tokens to generate (${DEFAULT-VALUE}).")
    private int decode;

    @Option(names = "--batches", split = ",", defaultValue = "1,8,64", description = "Sequences that generate together (${DEFAULT-VALUE}).")
    private List<Integer> batches;

    @Option(names = "--activations", defaultValue = "f32", description = "What meets weights stored in blocks: f32 or, rounded as ggml rounds them, q8 (${DEFAULT-VALUE}).")
    private String activations;

    @Option(names = "--files", split = ",", paramLabel = "MODEL", description = "Models to measure from files, as they are stored, in place of --models, --shapes and --types.")
    private List<Path> files = List.of();

    @Option(names = "--write", paramLabel = "FOLDER", description = "Write the models as GGUF files there and measure nothing: --files measures them, and so can llama.cpp.")
    private Optional<Path> folder = Optional.empty();

    @Option(names = "--huge-pages", description = "Copy the matrices of files into memory advised for pages of 2 MiB.")
    private boolean hugePages;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() throws IOException {
        if (decode < 2) {
            throw new UserError("--decode is " + decode + ", expected 2 or more");
        }
        prompts.forEach(prompt -> requirePositive("--prefill", prompt));
        batches.forEach(batch -> requirePositive("--batches", batch));
        models.forEach(model -> shapes.forEach(shape -> GenerateBench.config(model, shape)));
        GenerateBench.Setting setting = new GenerateBench.Setting(models, shapes,
                types.stream().map(GenerateBenchCommand::type).toList(),
                threads.stream().map(ThreadOptions::count).distinct().toList(), prompts, decode, batches,
                RunOptions.kernels(activations));
        if (folder.isPresent()) {
            new GenerateBench(setting).write(folder.get(), file -> shown.table(file.toString()));
            return Outcome.OK;
        }
        shown.table("%-20s %-8s %-5s %7s %-8s %6s %12s %10s %10s %12s %9s".formatted("model", "shape",
                "type",
                "threads", "pass", "count", "tokens/s", "weights", "of limit", "model+state", "peak"));
        GenerateBench measured = new GenerateBench(setting);
        if (files.isEmpty()) {
            measured.run(this::show);
        } else {
            measured.run(files, hugePages ? Placement.COPIED : Placement.MAPPED, this::show);
        }
        return Outcome.OK;
    }

    private void show(Row row) {
        shown.row(row, "%-20s %-8s %-5s %7d %-8s %6d %12.1f %7.1fGB/s %9.0f%% %8dMiB %5dMiB".formatted(row.model(),
                row.shape(),
                row.type(), row.threads(), row.pass(), row.count(), row.tokensPerSecond(),
                row.weightGigabytesPerSecond(), 100 * row.fractionOfLimit(),
                row.modelBytes() + row.stateBytes() >> 20, row.peakBytes() >> 20));
    }

    private static void requirePositive(String option, int value) {
        if (value < 1) {
            throw new UserError(option + " is " + value + ", expected 1 or more");
        }
    }

    private static DType type(String name) {
        for (DType type : DType.values()) {
            boolean weight = type == DType.F32 || type == DType.BF16 || type == DType.F16 || type.isBlocked();
            if (weight && type.name().toLowerCase(Locale.ROOT).equals(name.toLowerCase(Locale.ROOT))) {
                return type;
            }
        }
        throw new UserError(
                "--types has \"" + name + "\", expected f32, bf16, f16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_K or q6_K");
    }
}
