package tern.kernels.loss;

import tern.tensor.DType;
import tern.tensor.Tensor;

/** The lengths of {@link CrossEntropy}, checked. Immutable. */
record LossShape(int rows, int width, int vocabulary) {

    /** Reads the lengths off the tensors of a call and checks every target. */
    static LossShape of(Tensor hidden, Tensor head, Tensor targets, Tensor perRow, Tensor logSum) {
        if (hidden.shape().rank() != 2 || head.shape().rank() != 2 || hidden.dim(1) != head.dim(1)
                || hidden.dtype() != head.dtype() && head.dtype().isComputed() || !hidden.dtype().isComputed()) {
            throw new IllegalArgumentException(
                    "crossEntropy: hidden %s and head %s must be [R,D] and [V,D] of one type, or the head as a file holds it"
                            .formatted(hidden, head));
        }
        int rows = hidden.dim(0), vocabulary = head.dim(0);
        if (targets.elements() != rows || targets.dtype() != DType.I32 || perRow.elements() != rows
                || logSum.elements() != rows) {
            throw new IllegalArgumentException(
                    "crossEntropy: targets %s, losses %s and logSum %s must have one entry per row of %s"
                            .formatted(targets, perRow, logSum, hidden));
        }
        for (int r = 0; r < rows; r++) {
            int target = targets.getInt(r);
            if (target < -1 || target >= vocabulary) {
                throw new IllegalArgumentException(
                        "crossEntropy: target of row %d is %d, expected 0..%d, or -1 for no loss"
                                .formatted(r, target, vocabulary - 1));
            }
        }
        return new LossShape(rows, hidden.dim(1), vocabulary);
    }

    /** {@link #of} for backward, whose gradients have the shapes of their values. */
    static LossShape ofBackward(Tensor hidden, Tensor head, Tensor targets, Tensor logSum, Tensor dLosses,
            Tensor dHidden,
            Tensor dHead) {
        if (!dHidden.shape().equals(hidden.shape()) || !dHead.shape().equals(head.shape())
                || dHidden.dtype() != hidden.dtype() || dHead.dtype() != head.dtype()) {
            throw new IllegalArgumentException(
                    "crossEntropy: gradients %s and %s must have the shapes of hidden %s and head %s"
                            .formatted(dHidden, dHead, hidden, head));
        }
        if (!head.dtype().isComputed()) {
            throw new IllegalArgumentException("crossEntropy: head %s has no gradient; convert it to %s to train"
                    .formatted(head, hidden.dtype()));
        }
        return of(hidden, head, targets, dLosses, logSum);
    }
}
