package tern.kernels.channels;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Rows of channels met by one row of numbers, or by as many rows. Outputs may be inputs of the same shape unless said
 * otherwise. Bodies keep no state and are safe to share.
 */
public interface Channels {
    /** y = x + row: x, y [R,D], row [D]. */
    void add(ThreadTeam team, Tensor x, Tensor row, Tensor y);

    /** Backward of {@link #add} for the row: dRow += Σ_r dy_r. */
    void addBackward(ThreadTeam team, Tensor dy, Tensor dRow);

    /** y = x ⊙ row: x, y [R,D], row [D]. */
    void multiply(ThreadTeam team, Tensor x, Tensor row, Tensor y);

    /** Backward of {@link #multiply}: dx = dy ⊙ row (may be dy), dRow += Σ_r dy_r ⊙ x_r. */
    void multiplyBackward(ThreadTeam team, Tensor x, Tensor row, Tensor dy, Tensor dx, Tensor dRow);

    /**
     * y = x + (towards − x) ⊙ weight: x, towards, y [R,D].
     *
     * @param weight [D] for all rows, or [R,D]
     */
    void interpolate(ThreadTeam team, Tensor x, Tensor towards, Tensor weight, Tensor y);

    /**
     * Backward of {@link #interpolate}: dx = dy ⊙ (1 − weight), dTowards = dy ⊙ weight, dWeight += dy ⊙ (towards − x), summed over
     * rows if the weight is one row. Outputs are distinct from inputs.
     */
    void interpolateBackward(ThreadTeam team, Tensor x, Tensor towards, Tensor weight, Tensor dy, Tensor dx,
            Tensor dTowards, Tensor dWeight);
}
