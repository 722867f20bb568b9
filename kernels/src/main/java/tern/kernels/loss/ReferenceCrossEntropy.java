package tern.kernels.loss;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Cross-entropy in plain loops, in double, one logit at a time. Immutable. */
public final class ReferenceCrossEntropy implements CrossEntropy {
    /** Keeps no state. */
    public ReferenceCrossEntropy() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, double cap,
            Tensor losses, Tensor logSum) {
        LossShape shape = LossShape.of(hidden, head, targets, losses, logSum);
        if (!head.dtype().isComputed()) {
            // Once for all rows: an element of a block costs as much as its block.
            Tensor decoded = Tensor.over(DType.F32, head.shape(), MemorySegment.ofArray(head.toFloats()));
            forward(team, hidden, hidden.dtype() == DType.F32 ? decoded : wide(decoded), targets, cap, losses, logSum);
            return;
        }
        for (int r = 0; r < shape.rows(); r++) {
            double largest = Double.NEGATIVE_INFINITY, sum = 0;
            for (int v = 0; v < shape.vocabulary(); v++) {
                double logit = capped(logit(hidden, r, head, v, shape.width()), cap);
                if (logit > largest) {
                    sum *= Math.exp(largest - logit);
                    largest = logit;
                }
                sum += Math.exp(logit - largest);
            }
            double log = largest + Math.log(sum);
            logSum.set(r, log);
            int target = targets.getInt(r);
            losses.set(r, target < 0 ? 0 : log - capped(logit(hidden, r, head, target, shape.width()), cap));
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, double cap, double wrap,
            Tensor logSum, Tensor dLosses, Tensor dHidden, Tensor dHead) {
        LossShape shape = LossShape.ofBackward(hidden, head, targets, logSum, dLosses, dHidden, dHead);
        int width = shape.width();
        double[] dRow = new double[width];
        for (int r = 0; r < shape.rows(); r++) {
            Arrays.fill(dRow, 0);
            int target = targets.getInt(r);
            double dLoss = target < 0 ? 0 : dLosses.get(r);
            int wrapped = wrap == 0 || dLoss == 0 ? -1 : largest(hidden, r, head, shape);
            for (int v = 0; v < shape.vocabulary() && dLoss != 0; v++) {
                double logit = capped(logit(hidden, r, head, v, width), cap);
                double slope = cap == 0 ? 1 : 1 - logit / cap * (logit / cap);
                double dLogit = dLoss * slope * (Math.exp(logit - logSum.get(r)) - (v == target ? 1 : 0)
                        + (v == wrapped ? wrap * logit : 0));
                for (int d = 0; d < width; d++) {
                    dRow[d] += dLogit * head.get((long) v * width + d);
                    long at = (long) v * width + d;
                    dHead.set(at, dHead.get(at) + dLogit * hidden.get((long) r * width + d));
                }
            }
            for (int d = 0; d < width; d++) {
                dHidden.set((long) r * width + d, dRow[d]);
            }
        }
    }

    /** The first word of the largest logit; capping changes no order. */
    private static int largest(Tensor hidden, int row, Tensor head, LossShape shape) {
        int at = 0;
        double largest = Double.NEGATIVE_INFINITY;
        for (int v = 0; v < shape.vocabulary(); v++) {
            double logit = logit(hidden, row, head, v, shape.width());
            if (logit > largest) {
                at = v;
                largest = logit;
            }
        }
        return at;
    }

    private static Tensor wide(Tensor x) {
        return Tensor.over(DType.F64, x.shape(), MemorySegment.ofArray(x.toDoubles()));
    }

    private static double capped(double logit, double cap) {
        return cap == 0 ? logit : cap * Math.tanh(logit / cap);
    }

    private static double logit(Tensor hidden, int row, Tensor head, int word, int width) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            sum += hidden.get((long) row * width + d) * head.get((long) word * width + d);
        }
        return sum;
    }
}
