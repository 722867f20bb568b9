package tern.ops;

import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * What a selective state space reads: each of E channels has N states, which all channels are written to and read from by the
 * same two vectors of a position (Gu and Dao 2023, arXiv 2312.00752, section 3.2). As gradients: those of each.
 *
 * @param x [B,T,E]
 * @param step Δ [B,T,E], 0 or more: how long the position lasts
 * @param rate A [N,E], 0 or less: how fast a state decays
 * @param write B [B,T,N]
 * @param read C [B,T,N]
 * @param skip D [E]: what goes past the states
 */
public record Selection(Tensor x, Tensor step, Tensor rate, Tensor write, Tensor read, Tensor skip) {
    /** Checks that shapes fit together. */
    public Selection {
        Shape of = x.shape();
        boolean fits = of.rank() == 3 && step.shape().equals(of) && rate.shape().rank() == 2
                && rate.dim(1) == of.dim(2) && skip.shape().equals(Shape.of(of.dim(2)))
                && write.shape().equals(of.withLast(rate.dim(0))) && read.shape().equals(write.shape());
        if (!fits) {
            throw new IllegalArgumentException("selectiveScan: expected x and step [B,T,E], rate [N,E], write and read"
                    + " [B,T,N] and skip [E], found " + of + ", " + step.shape() + ", " + rate.shape() + ", "
                    + write.shape() + ", " + read.shape() + " and " + skip.shape());
        }
    }

    /** N. */
    public int states() {
        return rate.dim(0);
    }

    /** E. */
    public int width() {
        return rate.dim(1);
    }
}
