package tern.distil;

import java.util.SplittableRandom;

import tern.kernels.EagerOps;
import tern.model.ModelState;
import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Text that a model writes itself, one symbol drawn from its prediction after the other: what it expects the world to look
 * like, for measurements that must do without data. The same model and seed give the same text. Stateless.
 */
final class OwnText {
    /** Symbols written first and dropped, so that a row does not begin with one that never occurs. */
    private static final int WARM = 16;

    private OwnText() {
    }

    /** The largest {@code time} of a model whose longest sequence has a limit. */
    static int longest(SequenceModel model) {
        return model.limit() - warm(model) - 1;
    }

    /** Fewer where a model reads so little that there would be nothing left to keep. */
    private static int warm(SequenceModel model) {
        return Math.min(WARM, model.limit() / 4);
    }

    /**
     * {@code rows} texts of {@code time} + 1 symbols, {@code time} at most {@link #longest}.
     *
     * @throws IllegalArgumentException if a prediction is not made of numbers
     */
    static int[][] of(SequenceModel model, EagerOps ops, int rows, int time, long seed) {
        int warm = warm(model);
        int[][] text = new int[rows][time + 1];
        SplittableRandom random = new SplittableRandom(seed);
        int vocabulary = model.config().vocabulary();
        int[] last = random.ints(rows, 0, vocabulary).toArray();
        Workspace.Mark mark = ops.results().mark();
        try (Memory memory = new Memory()) {
            ModelState state = ModelState.empty(model.stateLayouts(), DType.F32, rows, warm + time + 1, memory);
            Tensor ids = memory.zeros(DType.I32, Shape.of(rows, 1));
            double[] logits = new double[vocabulary];
            for (int t = -warm; t <= time; t++) {
                for (int row = 0; row < rows; row++) {
                    ids.set(row, last[row]);
                }
                var passed = model.forward(Form.STEP, ops, ids, state);
                state = passed.state();
                int width = passed.hidden().dim(2);
                Tensor predicted = model.outputs(ops, passed.hidden().reshape(rows, width));
                for (int row = 0; row < rows; row++) {
                    for (int v = 0; v < vocabulary; v++) {
                        logits[v] = predicted.data().get(Tensor.FLOAT, 4 * ((long) row * vocabulary + v));
                    }
                    last[row] = drawn(logits, random.nextDouble());
                    if (t >= 0) {
                        text[row][t] = last[row];
                    }
                }
                ops.results().release(mark);
            }
        }
        return text;
    }

    private static int drawn(double[] logits, double at) {
        double most = Double.NEGATIVE_INFINITY;
        for (double logit : logits) {
            most = Math.max(most, logit);
        }
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit - most);
        }
        if (!(sum > 0)) {
            throw new IllegalArgumentException(
                    "distil: the model's predictions are not numbers, so that no text shows what"
                            + " its filters matter; its weights are damaged, check them with inspect --check");
        }
        double left = at * sum;
        for (int v = 0; v < logits.length; v++) {
            left -= Math.exp(logits[v] - most);
            if (left < 0) {
                return v;
            }
        }
        return logits.length - 1;
    }
}
