package tern.inference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

import tern.kernels.Note;
import tern.model.ModelState;
import tern.model.Outputs;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.text.EvaluationWindows;

/**
 * How well a model predicts a text, measured in windows that each start from the empty state, in constant memory. The form
 * does not change the result, only the speed.
 *
 * @param tokens number of symbols predicted
 * @param bytes number of bytes that they stand for
 * @param nats sum of the negative log-likelihoods
 * @param seconds time it took
 * @param figures what layers came to beside their outputs, layer by layer; what fills up the last window is counted
 */
public record Evaluation(long tokens, long bytes, double nats, double seconds, List<Figure> figures) {
    private static final int ROWS_TIMES_TIME = 8192;
    /** Windows longer than this are read in pieces also in the parallel form, so that what a layer holds stays bounded. */
    static final int LONGEST_WHOLE = 32_768;
    private static final int CHUNK = 64;

    /** A copy of the figures. */
    public Evaluation {
        figures = List.copyOf(figures);
    }

    /**
     * What a layer came to beside its outputs, such as the steps that its positions took.
     *
     * @param name in words for people
     * @param mean over positions
     */
    public record Figure(String name, double mean) {
    }

    /** Bits per byte: the negative log-likelihood of the text in bits, divided by its length in bytes. */
    public double bitsPerByte() {
        return nats / Math.log(2) / bytes;
    }

    /** Perplexity per symbol: e to the mean negative log-likelihood. */
    public double perplexity() {
        return Math.exp(nats / tokens);
    }

    /** Measures all windows. */
    public static Evaluation of(LanguageModel model, EvaluationWindows windows, int time, Form form) {
        return of(model, windows, time, form, windows.count());
    }

    /**
     * Measures the first windows.
     *
     * @param windowTime T that the windows were made with
     * @param form how each window is read: whole, in chunks of 64, or step by step
     * @param most how many windows at most
     */
    public static Evaluation of(LanguageModel model, EvaluationWindows windows, int windowTime, Form form, long most) {
        return of(model, windows, windowTime, form, most, LONGEST_WHOLE);
    }

    static Evaluation of(LanguageModel model, EvaluationWindows windows, int windowTime, Form form, long most,
            int longestWhole) {
        long begun = System.nanoTime();
        int time = (int) Math.min(windowTime, windows.predictions());
        boolean atOnce = form == Form.PARALLEL && time <= longestWhole;
        int piece = switch (form) {
            case PARALLEL -> longestWhole;
            case CHUNK -> CHUNK;
            case STEP -> 1;
        };
        long count = Math.min(most, windows.count());
        int rows = (int) Math.clamp(ROWS_TIMES_TIME / time, 1, Math.max(1, Math.min(count, 64)));
        int[] inputs = new int[rows * time];
        int[] targets = new int[rows * time];
        long tokens = 0;
        long bytes = 0;
        double nats = 0;
        model.step(() -> model.engine().ops().takeNotes());
        try (Running running = new Running(model.network(), model.engine(), atOnce ? 1 : rows)) {
            for (long first = 0; first < count; first += rows) {
                int filled = (int) Math.min(rows, count - first);
                Arrays.fill(targets, -1);
                Arrays.fill(inputs, 0);
                for (int row = 0; row < filled; row++) {
                    int length = windows.read(first + row, inputs, targets, row * time);
                    tokens += length;
                    bytes += windows.tokens().bytes(targets, row * time, length);
                }
                model.requireVocabulary(inputs);
                nats += atOnce ? whole(model, inputs, targets, filled, time)
                        : pieces(model, running, inputs, targets, filled, time, form, piece);
            }
        }
        return new Evaluation(tokens, bytes, nats, (System.nanoTime() - begun) * 1e-9, figures(model));
    }

    private static List<Figure> figures(LanguageModel model) {
        List<Note> notes = model.step(() -> model.engine().ops().takeNotes());
        return notes.stream().map(note -> new Figure(note.name(), note.mean())).toList();
    }

    private static double whole(LanguageModel model, int[] inputs, int[] targets, int rows, int time) {
        return model.step(() -> {
            Ops ops = model.engine().ops();
            ModelState empty = ModelState.empty(model.network().stateLayouts(), DType.F32, rows, 0,
                    model.engine().ops().results());
            Tensor ids = integers(model, inputs, 0, rows, time, time);
            Tensor hidden = model.network().forward(Form.PARALLEL, ops, ids, empty).hidden();
            return sum(model, hidden, integers(model, targets, 0, rows, time, time));
        });
    }

    private static double pieces(LanguageModel model, Running running, int[] inputs, int[] targets, int rows, int time,
            Form form, int piece) {
        for (int row = 0; row < rows; row++) {
            running.state().clearSequence(row);
        }
        double nats = 0;
        for (int from = 0; from < time; from += piece) {
            int at = from;
            int length = Math.min(piece, time - from);
            nats += model.step(() -> {
                Tensor hidden = running.advance(form, integers(model, inputs, at, rows, length, time), 0, rows,
                        Outputs.ALL);
                return sum(model, hidden, integers(model, targets, at, rows, length, time));
            });
        }
        return nats;
    }

    private static double sum(LanguageModel model, Tensor hidden, Tensor targets) {
        Ops ops = model.engine().ops();
        int rows = hidden.dim(0) * hidden.dim(1);
        Tensor losses = model.network().crossEntropy(ops, hidden.reshape(rows, hidden.dim(2)),
                targets.reshape(rows));
        double nats = 0;
        for (int i = 0; i < rows; i++) {
            nats += losses.get(i);
        }
        return nats;
    }

    /** Columns {@code from}… of a matrix [rows, stride] of integers, as a tensor [rows, length]. */
    private static Tensor integers(LanguageModel model, int[] values, int from, int rows, int length, int stride) {
        Tensor tensor = model.engine().ops().results().allocate(DType.I32, Shape.of(rows, length));
        for (int row = 0; row < rows; row++) {
            MemorySegment.copy(values, row * stride + from, tensor.data(), Tensor.INT, 4L * row * length, length);
        }
        return tensor;
    }
}
