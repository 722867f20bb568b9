package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.AtomicFiles;
import tern.checkpoint.Checkpoint;
import tern.checkpoint.ModelFiles;
import tern.checkpoint.Safetensors;
import tern.checkpoint.TensorFile;
import tern.distil.Distillation;
import tern.distil.DistillationPage;
import tern.distil.DistillationResult;
import tern.distil.DistillationResult.Layer;
import tern.distil.DistillationResult.Measured;
import tern.distil.FilterFile;
import tern.distil.Fitting;
import tern.distil.MethodComparison;
import tern.distil.ModalFile;
import tern.distil.Quality;
import tern.distil.Target;
import tern.distil.filter.BalancedTruncation;
import tern.distil.filter.FilterMethod;
import tern.distil.filter.GradientFit;
import tern.distil.filter.HankelFit;
import tern.distil.filter.ModalTruncation;
import tern.distil.filter.OrderChoice;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.PronyFit;
import tern.inference.LanguageModel;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.NearestName;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Workspace;
import tern.text.Split;
import tern.text.Tokenizer;

/** {@code tern distil}: long convolutions become recurrences. */
@Command(name = "distil", description = "Turn every long convolution of a model, or the filters of a safetensors file, into a recurrence with a small fixed state.", mixinStandardHelpOptions = true, sortOptions = false)
final class DistilCommand implements Callable<Integer> {
    private static final List<String> METHODS = List.of("hankel", "gradient", "modal", "balanced", "prony");
    private static final String AUTOMATIC = "auto";
    private static final long WINDOWS = 128;

    @ParentCommand
    private Tern tern;

    @Parameters(index = "0", paramLabel = "MODEL", description = "A model's folder, or a file that was published: safetensors, .pth, GGUF, rwkv.cpp's .bin; or a safetensors file of filters.")
    private Path model;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--out", required = true, paramLabel = "MODEL2", description = "Where the distilled model goes: a folder, or a file if it ends in .safetensors. For filters, a file.")
    private Path out;

    @Option(names = "--order", paramLabel = "auto|N", description = "State floats of every filter; auto chooses for each (the default).")
    private @Nullable String order;

    @Option(names = "--tolerance", paramLabel = "T", description = "The smallest orders with at most this relative error of every filter.")
    private @Nullable Double tolerance;

    @Option(names = "--budget", paramLabel = "FLOATS", description = "So many state floats for all filters together, spread so that the total error is smallest.")
    private @Nullable Long budget;

    @Option(names = "--method", defaultValue = "hankel", description = "hankel, gradient, modal, balanced or prony (${DEFAULT-VALUE}).")
    private String method;

    @Option(names = "--max-order", defaultValue = "64", description = "No filter gets a larger order, unless --order says so (${DEFAULT-VALUE}).")
    private int maxOrder;

    @Option(names = "--polish", negatable = true, defaultValue = "true", fallbackValue = "true", description = "With hankel: search on from the poles of the Hankel factors (the default).")
    private boolean polish;

    @Option(names = "--data", paramLabel = "FILE", arity = "1..*", description = "Text to compare predictions on before and after; for a model trained on the text that comes with Tern, that text.")
    private List<Path> data = List.of();

    @Option(names = "--split", description = "Part of the text: all, train, validation or test (validation); cut as it was to train the model, if it is the text that the model was trained on.")
    private @Nullable String split;

    @Option(names = "--windows", paramLabel = "N", description = "Compare on so many windows of the model's context at most (128).")
    private @Nullable Long windows;

    @Option(names = "--report", paramLabel = "FILE", description = "Write a page (HTML) with spectra, orders, errors and poles.")
    private @Nullable Path report;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() throws Exception {
        Target target = target();
        OrderChoice how = new OrderChoice(method(), largestOrder(target), threads.count());
        if (windows != null && windows < 1) {
            throw new UserError("--windows is " + windows + ", expected 1 or more");
        }
        Split.parse(split());
        Destination.requireFolder("--out", out);
        if (report != null) {
            Destination.requireFile("--report", report);
            Destination.requireApart("--report", report, model);
            Destination.requireOther("--report", report, "--out", out);
            Destination.requireBesides("--report", report, out);
            Destination.requireUnread("--report", report, data);
        }
        try (TensorFile file = TensorFile.open(model)) {
            if (ModalFile.is(file)) {
                throw new UserError(model + ": holds distilled filters already");
            }
            if (FilterFile.is(file)) {
                distilFilters(FilterFile.read(file), how, target);
                return Outcome.OK;
            }
        }
        distilModel(how, target);
        return Outcome.OK;
    }

    // ── what is asked for ───────────────────────────────────────────────────────────────────────────────────────────

    private Target target() {
        if (Stream.of(order, tolerance, budget).filter(given -> given != null).count() > 1) {
            throw new UserError("give one of --order, --tolerance and --budget, not several");
        }
        if (tolerance != null) {
            return new Target.Tolerance(tolerance);
        }
        if (budget != null) {
            return new Target.Budget(budget);
        }
        if (order == null || order.equalsIgnoreCase(AUTOMATIC)) {
            return new Target.Automatic();
        }
        try {
            return new Target.Order(Integer.parseInt(order));
        } catch (NumberFormatException notANumber) {
            throw new UserError("--order is '" + order + "', expected a whole number or " + AUTOMATIC, notANumber);
        }
    }

    private String split() {
        return split == null ? Split.VALIDATION.label() : split;
    }

    private FilterMethod method() {
        return switch (method.toLowerCase(Locale.ROOT)) {
            case "hankel" -> new HankelFit(polish);
            case "gradient" -> new GradientFit();
            case "modal" -> new ModalTruncation();
            case "balanced" -> new BalancedTruncation();
            case "prony" -> new PronyFit();
            default -> throw new UserError("--method is '" + method + "', expected one of " + String.join(", ", METHODS)
                    + NearestName.of(method, METHODS).map(name -> "; did you mean '" + name + "'?").orElse(""));
        };
    }

    private int largestOrder(Target target) {
        if (maxOrder < 1 || maxOrder > 1024) {
            throw new UserError("--max-order is " + maxOrder + ", expected 1 to 1024");
        }
        return target instanceof Target.Order fixed ? Math.max(maxOrder, fixed.order()) : maxOrder;
    }

    /** Refuses to put a distilled model where something else is. */
    private void requireFreeOrDistilled() throws IOException {
        boolean wantsFile = out.toString().endsWith(".safetensors");
        if (wantsFile) {
            Destination.requireFile("--out", out);
        }
        if (!Files.exists(out)) {
            return;
        }
        if (Files.isSameFile(out, model)) {
            throw new UserError("--out " + out + ": is the model itself; choose another name");
        }
        if (!wantsFile && !Files.isDirectory(out)) {
            throw new UserError(
                    "--out " + out + ": is a file, but a model goes into a folder or into a file that ends in"
                            + " .safetensors; choose another name");
        }
        if (wantsFile || Files.exists(out.resolve(Safetensors.MODEL_FILE))) {
            try (Checkpoint before = Checkpoint.open(out)) {
                if (before.notes().containsKey(Distillation.TEACHER_NOTE)) {
                    return;
                }
            } catch (IOException unreadable) {
                throw new UserError("--out " + out + ": there is something else already, which would be lost ("
                        + unreadable.getMessage() + "); choose another name", unreadable);
            }
            throw new UserError("--out " + out + ": there is a model that was not distilled, which would be lost;"
                    + " choose another name");
        }
        try (Stream<Path> held = Files.list(out)) {
            if (held.findAny().isPresent()) {
                throw new UserError("--out " + out + ": is a folder of other things; choose a new or empty one");
            }
        }
    }

    // ── filters ─────────────────────────────────────────────────────────────────────────────────────────────────────

    private void distilFilters(FilterFile file, OrderChoice how, Target target) throws IOException {
        Destination.requireFile("--out", out);
        if (Files.exists(out)) {
            try (TensorFile before = TensorFile.open(out)) {
                if (!ModalFile.is(before)) {
                    throw new UserError("--out " + out + ": there is another file, which would be lost; choose another"
                            + " name");
                }
            } catch (IOException unreadable) {
                throw new UserError("--out " + out + ": there is another file, which would be lost ("
                        + unreadable.getMessage() + "); choose another name", unreadable);
            }
        }
        if (!data.isEmpty() || split != null || windows != null) {
            throw new UserError((data.isEmpty() ? split != null ? "--split" : "--windows" : "--data")
                    + ": filters alone predict nothing; leave it out, or give a model");
        }
        long begun = System.nanoTime();
        List<Choice> choices;
        try (ProgressLine progress = new ProgressLine(tern)) {
            choices = Fitting.of(file.filters(), how, target, progress);
        }
        double seconds = (System.nanoTime() - begun) * 1e-9;
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put(Distillation.TEACHER_NOTE, model.getFileName() + " " + file.tensor());
        notes.put("distilled_by", how.method().name() + ", " + target.words());
        ModalFile.write(out, choices, file.dtype(), notes);
        int taps = file.filters().getFirst().taps().length;
        Layer layer = new Layer(file.tensor(), "filters", (long) file.filters().size() * taps,
                choices.stream().mapToLong(Distillation::stateFloats).sum(), false, choices);
        finish(new DistillationResult(model.toString(), out.toString(), "", "", how.method().name(), target, taps,
                List.of(layer), OptionalDouble.empty(), Optional.empty(), seconds));
    }

    // ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    private void distilModel(OrderChoice how, Target target) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Memory memory = new Memory();
                ThreadTeam team = new ThreadTeam(threads.count())) {
            requireFreeOrDistilled();
            Tokenizer tokenizer = LanguageModel.tokenizerOf(checkpoint);
            Stack teacher = checkpoint.load(DType.F32, memory);
            int context = teacher.config().context();
            try (HeldOut text = HeldOut.open(data, split(), checkpoint.notes(), tokenizer, context)) {
                if (text.windows().isEmpty() && (split != null || windows != null)) {
                    throw new UserError((split != null ? "--split" : "--windows")
                            + ": there is no text to compare predictions on; give --data");
                }
                long begun = System.nanoTime();
                Distillation made;
                try (Workspace scratch = new Workspace();
                        EagerOps ops = new EagerOps(KernelSet.fastest(), team, scratch);
                        ProgressLine progress = new ProgressLine(tern)) {
                    made = Distillation.of(teacher, ops, how, target, memory, progress);
                }
                double seconds = (System.nanoTime() - begun) * 1e-9;
                long most = windows == null ? WINDOWS : windows;
                Optional<Measured> quality = text.windows().map(found -> new Measured(text.name(),
                        Quality.of(teacher, made.student(), tokenizer, found, context, most, KernelSet.fastest(),
                                team)));
                quality.ifPresent(measured -> requireNumbers(measured.quality()));
                ModelFiles.write(out, tokenizer.files());
                String fingerprint = Checkpoint.save(out, made.student(), checkpoint.tokenizer(),
                        made.notes(checkpoint.notes(), checkpoint.fingerprint(), how.method().name(), target));
                finish(new DistillationResult(model.toString(), out.toString(), fingerprint,
                        checkpoint.fingerprint(),
                        how.method().name(), target, context, made.layers(teacher), made.bitsOnOwnText(), quality,
                        seconds));
            }
        }
    }

    private void requireNumbers(Quality quality) {
        if (Double.isNaN(quality.bitsBefore())) {
            throw new UserError(model + ": the model's predictions are not numbers; its weights are damaged, check"
                    + " them with inspect --check");
        }
        if (Double.isNaN(quality.bitsAfter())) {
            throw new UserError("the distilled model's predictions are not numbers, though those of " + model
                    + " are; take another method or other orders");
        }
    }

    // ── what is said ────────────────────────────────────────────────────────────────────────────────────────────────

    private void finish(DistillationResult result) throws IOException {
        if (!result.unmet().isEmpty()) {
            tern.err().println("tern: " + result.unmet().size() + " of " + result.choices().size()
                    + " filters stay above the relative error that automatic orders aim at; the worst is "
                    + result.worst().summary());
        }
        if (result.tooDear()) {
            tern.err().printf(Locale.ROOT,
                    "tern: the distilled model costs %.3g bits a symbol of text that %s wrote, more"
                            + " than the %s that automatic orders aim at; raise --max-order (%d)%s%n",
                    result.bitsOnOwnText().orElseThrow(), model, Target.Automatic.BITS_PER_SYMBOL, maxOrder,
                    method.equalsIgnoreCase("hankel") ? "" : ", or take --method hankel");
        }
        if (report != null) {
            List<MethodComparison> comparison;
            try (ProgressLine progress = new ProgressLine(tern)) {
                comparison = MethodComparison.of(result.choices(), threads.count(), progress);
            }
            AtomicFiles.write(report, DistillationPage.of(result, comparison, threads.count()));
        }
        if (json) {
            tern.out().println(Json.line(DistilSummary.of(result)));
        } else {
            DistilSummary.of(result).print(tern.out());
        }
    }
}
