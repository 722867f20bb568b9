package tern.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

import tern.checkpoint.AtomicFiles;
import tern.checkpoint.RecordJson;
import tern.text.SplitData;
import tern.text.TextData;

/**
 * What a run was asked to do, as its folder keeps it in {@code training.json} so that it can go on. Immutable.
 *
 * @param name what the architecture is called
 * @param training the run's numbers
 * @param budgetKind {@code steps}, {@code tokens} or {@code minutes}
 * @param budgetAmount how many
 * @param data the files and folders given
 * @param split how the data is cut, as users write it
 * @param fingerprint length and check sum of the data
 * @param from the model whose weights the run began with; absent if they were drawn
 * @param tune {@code states} if those weights stand still and states are trained; else absent
 */
public record RunDescription(String name, TrainingConfig training, String budgetKind, double budgetAmount,
        List<String> data, String split, String fingerprint, Optional<String> from, Optional<String> tune) {
    /** The file in the run's folder. */
    public static final String FILE = "training.json";

    private static final String STATES = "states";
    private static final int SAMPLES = 64;
    private static final int SAMPLE_BYTES = 1 << 16;

    /** Keeps the list from changing. */
    public RunDescription {
        data = List.copyOf(data);
    }

    /** Whether weights stand still and states are trained. */
    public boolean states() {
        return tune.filter(STATES::equals).isPresent();
    }

    static RunDescription of(TrainingPlan plan) {
        double amount = switch (plan.budget()) {
            case Budget.Steps(long steps) -> steps;
            case Budget.Tokens(long tokens) -> tokens;
            case Budget.Minutes(double minutes) -> minutes;
        };
        String kind = switch (plan.budget()) {
            case Budget.Steps ignored -> "steps";
            case Budget.Tokens ignored -> "tokens";
            case Budget.Minutes ignored -> "minutes";
        };
        return new RunDescription(plan.name(), plan.training(), kind, amount, plan.files(),
                plan.data().rule().toString(), fingerprint(plan.data()),
                plan.from().map(Path::toString), plan.states() ? Optional.of(STATES) : Optional.empty());
    }

    /** The budget. */
    public Budget budget() {
        return switch (budgetKind) {
            case "steps" -> new Budget.Steps((long) budgetAmount);
            case "tokens" -> new Budget.Tokens((long) budgetAmount);
            case "minutes" -> new Budget.Minutes(budgetAmount);
            default -> throw new IllegalArgumentException(FILE + ": budgetKind is \"" + budgetKind
                    + "\", expected steps, tokens or minutes");
        };
    }

    /**
     * Length, cuts and a check sum over pieces spread over the data: tells that a run goes on with the data it began with,
     * without reading all of it.
     */
    static String fingerprint(SplitData split) {
        TextData data = split.data();
        CRC32C sum = new CRC32C();
        int piece = (int) Math.min(SAMPLE_BYTES, data.size());
        for (int i = 0; i < SAMPLES; i++) {
            sum.update(data.bytes((data.size() - piece) * i / (SAMPLES - 1), piece));
        }
        return "%d bytes, cut at %d and %d, sum %08x".formatted(data.size(), split.trainEnd(), split.validationEnd(),
                sum.getValue());
    }

    void write(Path folder) throws IOException {
        AtomicFiles.write(folder.resolve(FILE), RecordJson.write(this) + "\n");
    }

    /**
     * The description in a run's folder.
     *
     * @throws IOException if there is none, or it cannot be read
     */
    public static RunDescription read(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            throw new IOException(folder + ": there is no run to go on with, " + FILE
                    + " is missing; leave --resume out to begin one");
        }
        try {
            return RecordJson.read(RunDescription.class, Files.readString(file), file.toString());
        } catch (IllegalArgumentException damaged) {
            throw new IOException(damaged.getMessage(), damaged);
        }
    }
}
