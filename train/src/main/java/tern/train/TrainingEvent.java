package tern.train;

import java.util.List;

/** What happens in a training run, in the order in which it happens; each is also a line of {@code metrics.jsonl}. */
public sealed interface TrainingEvent {
    /** Updates made when it happened. */
    long step();

    /**
     * The run begins or goes on.
     *
     * @param step updates made before
     * @param name what the architecture is called
     * @param parameters number of trained values
     * @param folder where everything is saved
     * @param budget in words
     * @param split the parts of the data, one line each
     * @param memory bytes that the run needs, by what for
     * @param threads in use
     * @param kernels name of the bodies in use
     */
    record Started(long step, String name, long parameters, String folder, String budget,
            List<String> split, MemoryNeed memory, int threads, String kernels) implements TrainingEvent {
    }

    /**
     * One update.
     *
     * @param loss mean cross-entropy in nats a token
     * @param bitsPerByte the same in bits a byte
     * @param learningRate of the update
     * @param gradientNorm before clipping
     * @param tokens read so far
     * @param tokensPerSecond lately
     * @param seconds spent on the run so far, earlier sessions included
     * @param secondsLeft expected until the budget is spent
     * @param memoryBytes held by the process
     */
    record Stepped(long step, double loss, double bitsPerByte, double learningRate, double gradientNorm, long tokens,
            double tokensPerSecond, double seconds, double secondsLeft, long memoryBytes) implements TrainingEvent {
    }

    /**
     * A validation.
     *
     * @param bitsPerByte on the validation part
     * @param best whether this is the best so far
     * @param seconds spent on the run so far
     */
    record Validated(long step, double bitsPerByte, boolean best, double seconds) implements TrainingEvent {
    }

    /** Text that the model wrote after a prompt. */
    record Sampled(long step, String prompt, String text) implements TrainingEvent {
    }

    /** A checkpoint is on disk, whole. */
    record Saved(long step, String folder) implements TrainingEvent {
    }

    /**
     * The run is over.
     *
     * @param tokens read
     * @param seconds spent, earlier sessions included
     * @param interrupted whether it was stopped before its budget was spent
     */
    record Finished(long step, long tokens, double seconds, boolean interrupted) implements TrainingEvent {
    }
}
