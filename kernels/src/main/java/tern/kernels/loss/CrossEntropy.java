package tern.kernels.loss;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Fused projection, softmax and negative log-likelihood; never holds [R,V], only tiles of it. */
public interface CrossEntropy {
    /** {@link #forward(ThreadTeam, Tensor, Tensor, Tensor, double, Tensor, Tensor)} of logits as they are. */
    default void forward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, Tensor losses, Tensor logSum) {
        forward(team, hidden, head, targets, 0, losses, logSum);
    }

    /** {@link #backward(ThreadTeam, Tensor, Tensor, Tensor, double, double, Tensor, Tensor, Tensor, Tensor)} of logits as they are. */
    default void backward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, Tensor logSum, Tensor dLosses,
            Tensor dHidden, Tensor dHead) {
        backward(team, hidden, head, targets, 0, 0, logSum, dLosses, dHidden, dHead);
    }

    /**
     * losses_r ← logSum_r − logit_r[target_r] in nats; 0 where the target is −1.
     *
     * @param hidden [R,D]
     * @param head [V,D]; of the type of {@code hidden}, or {@linkplain tern.kernels.stored.StoredWeights as a file holds it}
     * @param targets [R] I32; anything else outside 0..V−1 throws, naming the row
     * @param cap logits pass cap·tanh(·/cap); 0 for none
     * @param losses [R] written
     * @param logSum [R] written: log Σ exp(logits), which backward reads
     */
    void forward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, double cap, Tensor losses,
            Tensor logSum);

    /**
     * dHidden written, dHead += in an order fixed by the shape; dLosses [R].
     *
     * @param wrap as if every loss held ½·wrap·(largest logit)² too, of the first that is largest; 0 for none
     */
    void backward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, double cap, double wrap, Tensor logSum,
            Tensor dLosses, Tensor dHidden, Tensor dHead);
}
