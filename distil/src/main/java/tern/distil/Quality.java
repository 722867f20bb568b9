package tern.distil;

import java.lang.foreign.MemorySegment;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.ModelState;
import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.text.EvaluationWindows;
import tern.text.Tokenizer;

/**
 * What distillation did to a model's predictions, on text in windows that each start from the empty state.
 *
 * @param tokens number of symbols predicted
 * @param bytes number of bytes that they stand for
 * @param bitsBefore the teacher's bits per byte
 * @param bitsAfter the student's bits per byte
 * @param maxLogitChange largest change of any logit at any position
 * @param meanLogitChange root of the mean squared change of a logit
 * @param meanKl mean over positions of Σ p·ln(p/q), p the teacher's prediction, in nats
 * @param sameFirst part of the positions at which both find the same symbol most likely
 * @param seconds time it took
 */
public record Quality(long tokens, long bytes, double bitsBefore, double bitsAfter, double maxLogitChange,
        double meanLogitChange, double meanKl, double sameFirst, double seconds) {
    private static final int POSITIONS_AT_ONCE = 4096;
    /** Logits of one model that are held at a time, 64 MiB: of a large vocabulary those of all positions would be gigabytes. */
    private static final int LOGITS_AT_ONCE = 1 << 24;

    /** How many bits a byte more the student needs. */
    public double bitsChange() {
        return bitsAfter - bitsBefore;
    }

    /**
     * Compares two models that share a vocabulary.
     *
     * @param windows the text
     * @param time T that the windows were made with
     * @param most how many windows at most, from the beginning
     * @param team threads to use
     * @throws IllegalArgumentException if the vocabularies differ or the text has symbols outside it
     */
    public static Quality of(SequenceModel teacher, SequenceModel student, Tokenizer tokenizer,
            EvaluationWindows windows, int time, long most, KernelSet kernels, ThreadTeam team) {
        int vocabulary = teacher.config().vocabulary();
        if (student.config().vocabulary() != vocabulary || tokenizer.vocabulary() > vocabulary) {
            throw new IllegalArgumentException("quality: the teacher has " + vocabulary + " symbols, the student "
                    + student.config().vocabulary() + ", the tokenizer " + tokenizer.vocabulary()
                    + "; only models of one vocabulary can be compared");
        }
        try (Workspace scratch = new Workspace(); EagerOps ops = new EagerOps(kernels, team, scratch)) {
            long begun = System.nanoTime();
            Sums sums = new Sums(vocabulary);
            long count = Math.min(most, windows.count());
            int rows = (int) Math.clamp(POSITIONS_AT_ONCE / time, 1, Math.max(1, count));
            int[] inputs = new int[rows * time];
            int[] targets = new int[rows * time];
            long bytes = 0;
            for (long first = 0; first < count; first += rows) {
                int[] lengths = new int[(int) Math.min(rows, count - first)];
                for (int row = 0; row < lengths.length; row++) {
                    lengths[row] = windows.read(first + row, inputs, targets, row * time);
                    bytes += windows.tokens().bytes(targets, row * time, lengths[row]);
                }
                compare(ops, teacher, student, inputs, targets, lengths, time, sums);
            }
            return sums.result(bytes, (System.nanoTime() - begun) * 1e-9);
        }
    }

    /**
     * Compares two models on rows of symbols, each of which is predicted from those before it in its row. Symbols count as
     * one byte each.
     */
    static Quality of(SequenceModel teacher, SequenceModel student, int[][] text, EagerOps ops) {
        long begun = System.nanoTime();
        Sums sums = new Sums(teacher.config().vocabulary());
        int time = text[0].length - 1;
        int rows = Math.clamp(POSITIONS_AT_ONCE / time, 1, text.length);
        for (int first = 0; first < text.length; first += rows) {
            int filled = Math.min(rows, text.length - first);
            int[] inputs = new int[filled * time];
            int[] targets = new int[filled * time];
            int[] lengths = new int[filled];
            for (int row = 0; row < filled; row++) {
                System.arraycopy(text[first + row], 0, inputs, row * time, time);
                System.arraycopy(text[first + row], 1, targets, row * time, time);
                lengths[row] = time;
            }
            compare(ops, teacher, student, inputs, targets, lengths, time, sums);
        }
        return sums.result(sums.tokens, (System.nanoTime() - begun) * 1e-9);
    }

    private static void compare(EagerOps ops, SequenceModel teacher, SequenceModel student, int[] inputs,
            int[] targets, int[] lengths, int time, Sums sums) {
        Workspace.Mark mark = ops.results().mark();
        Tensor before = hidden(ops, teacher, inputs, lengths.length, time);
        Tensor after = hidden(ops, student, inputs, lengths.length, time);
        int positions = lengths.length * time;
        int piece = Math.clamp(LOGITS_AT_ONCE / teacher.config().vocabulary(), 1, positions);
        for (int from = 0; from < positions; from += piece) {
            Workspace.Mark logits = ops.results().mark();
            int to = Math.min(positions, from + piece);
            Tensor teachers = teacher.outputs(ops, ops.slice(before, 0, from, to));
            Tensor students = student.outputs(ops, ops.slice(after, 0, from, to));
            for (int at = from; at < to; at++) {
                if (at % time < lengths[at / time]) {
                    sums.add(teachers, students, at - from, targets[at]);
                }
            }
            ops.results().release(logits);
        }
        ops.results().release(mark);
    }

    private static Tensor hidden(EagerOps ops, SequenceModel model, int[] inputs, int rows, int time) {
        ModelState empty = ModelState.empty(model.stateLayouts(), DType.F32, rows, 0, ops.results());
        Tensor ids = ops.results().allocate(DType.I32, Shape.of(rows, time));
        MemorySegment.copy(inputs, 0, ids.data(), Tensor.INT, 0, rows * time);
        Tensor hidden = model.forward(Form.PARALLEL, ops, ids, empty).hidden();
        return hidden.reshape(rows * time, hidden.dim(2));
    }

    /** Running sums over positions. */
    private static final class Sums {
        private final int vocabulary;
        private final double[] before;
        private final double[] after;
        private long tokens;
        private double natsBefore;
        private double natsAfter;
        private double largest;
        private double squares;
        private double kl;
        private long same;

        Sums(int vocabulary) {
            this.vocabulary = vocabulary;
            before = new double[vocabulary];
            after = new double[vocabulary];
        }

        void add(Tensor teacher, Tensor student, int position, int target) {
            double logBefore = read(teacher, position, before);
            double logAfter = read(student, position, after);
            int firstBefore = 0;
            int firstAfter = 0;
            for (int v = 0; v < vocabulary; v++) {
                firstBefore = before[v] > before[firstBefore] ? v : firstBefore;
                firstAfter = after[v] > after[firstAfter] ? v : firstAfter;
            }
            double divergence = 0;
            for (int v = 0; v < vocabulary; v++) {
                double change = after[v] - before[v];
                largest = Math.max(largest, Math.abs(change));
                squares += change * change;
                double logP = before[v] - logBefore;
                divergence += Math.exp(logP) * (logP - (after[v] - logAfter));
            }
            kl += Math.max(0, divergence);
            natsBefore += logBefore - before[target];
            natsAfter += logAfter - after[target];
            same += firstBefore == firstAfter ? 1 : 0;
            tokens++;
        }

        /** Copies one position's logits; gives back the logarithm of the sum of their exponentials. */
        private double read(Tensor logits, int position, double[] into) {
            double most = Double.NEGATIVE_INFINITY;
            for (int v = 0; v < vocabulary; v++) {
                into[v] = logits.data().get(Tensor.FLOAT, 4 * ((long) position * vocabulary + v));
                most = Math.max(most, into[v]);
            }
            double sum = 0;
            for (double logit : into) {
                sum += Math.exp(logit - most);
            }
            return most + Math.log(sum);
        }

        Quality result(long bytes, double seconds) {
            double bits = 1 / Math.log(2) / bytes;
            return new Quality(tokens, bytes, natsBefore * bits, natsAfter * bits, largest,
                    Math.sqrt(squares / tokens / vocabulary), kl / tokens, (double) same / tokens, seconds);
        }
    }
}
