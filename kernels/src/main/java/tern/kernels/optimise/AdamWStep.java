package tern.kernels.optimise;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** One update of AdamW, fused (Loshchilov and Hutter 2017, arXiv 1711.05101). */
public interface AdamWStep {
    /**
     * The numbers of one update.
     *
     * @param rate learning rate now
     * @param beta1 decay of the first moment
     * @param beta2 decay of the second moment
     * @param epsilon added to the root of the second moment
     * @param decay weight decay, multiplied by the rate
     * @param step number of this update, from 1, for the bias correction
     * @param gradientScale every gradient is multiplied by this first (clipping, accumulation)
     */
    record Settings(double rate, double beta1, double beta2, double epsilon, double decay, long step,
            double gradientScale) {
    }

    /** parameter, first and second moment are updated in place; all of one shape. */
    void update(ThreadTeam team, Tensor parameter, Tensor gradient, Tensor first, Tensor second, Settings settings);
}
