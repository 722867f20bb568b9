package tern.train;

import tern.ops.Ops;
import tern.tasks.Batch;
import tern.tasks.Example;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Adds up how answers compare with what was asked for. Confined to one thread. */
final class ScoreCount {
    private long scored;
    private double loss;
    private long right;
    private long sequences;
    private long lastRight;
    private long allRight;
    private double distance;

    /** Adds losses, which are 0 where nothing is scored. */
    void addLosses(double sum, long answers) {
        loss += sum;
        scored += answers;
    }

    /** Rows of a batch that are scored, gathered; an empty batch of them is never asked for. */
    static Tensor gathered(Ops ops, Tensor rows, Batch batch) {
        Tensor which = ops.zeros(DType.I32, Shape.of(1, batch.scored()));
        int next = 0;
        for (int i = 0; i < batch.labels().length; i++) {
            if (batch.labels()[i] != Example.IGNORED) {
                which.set(next++, i);
            }
        }
        Tensor some = ops.embed(rows, which);
        return ops.reshape(some, Shape.of(batch.scored(), rows.shape().last()));
    }

    /**
     * Adds symbols or classes.
     *
     * @param logits of the scored rows, in order
     */
    void addChosen(Batch batch, Tensor logits) {
        int perSequence = batch.labels().length / batch.rows();
        int choices = logits.shape().last();
        int next = 0;
        for (int row = 0; row < batch.rows(); row++) {
            boolean all = true;
            boolean last = false;
            for (int i = 0; i < perSequence; i++) {
                int label = batch.labels()[row * perSequence + i];
                if (label != Example.IGNORED) {
                    last = label == largest(logits, (long) next * choices, choices);
                    next++;
                    right += last ? 1 : 0;
                    all &= last;
                }
            }
            sequences++;
            lastRight += last ? 1 : 0;
            allRight += all ? 1 : 0;
        }
    }

    private static int largest(Tensor values, long from, int count) {
        int best = 0;
        for (int i = 1; i < count; i++) {
            best = values.get(from + i) > values.get(from + best) ? i : best;
        }
        return best;
    }

    /** Adds numbers. */
    void addNumbers(Batch batch, Tensor said) {
        for (int i = 0; i < batch.targets().length; i++) {
            distance += Math.abs(said.get(i) - batch.targets()[i]);
        }
        sequences += batch.rows();
    }

    Scores scores() {
        double all = Math.max(1, scored);
        double rows = Math.max(1, sequences);
        return new Scores(scored, loss / all, right / all, lastRight / rows, allRight / rows, distance / all);
    }
}
