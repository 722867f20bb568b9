package tern.ops;

import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A bank of D linear time-invariant systems of N modes each: h_t = λ ⊙ h_(t−1) + b·x_t, y_t = Re Σ_n w_n h_(t,n), where channel d
 * has the modes [·,d]. Real if the imaginary parts are [0,D]; both or neither.
 *
 * @param decay Re λ [N,D]
 * @param decayImaginary Im λ [N,D] or [0,D]
 * @param gain b [N,D], real
 * @param weight Re w [N,D]
 * @param weightImaginary Im w [N,D] or [0,D]
 */
public record Diagonal(Tensor decay, Tensor decayImaginary, Tensor gain, Tensor weight, Tensor weightImaginary) {
    /** Checks that shapes fit together. */
    public Diagonal {
        Shape all = decay.shape();
        boolean complex = decayImaginary.dim(0) > 0;
        Shape imaginary = complex ? all : all.with(0, 0);
        if (all.rank() != 2 || !gain.shape().equals(all) || !weight.shape().equals(all)
                || !decayImaginary.shape().equals(imaginary) || !weightImaginary.shape().equals(imaginary)) {
            throw new IllegalArgumentException(
                    "diagonal: expected decay, gain and weight of one shape [modes,width] and"
                            + " imaginary parts of the same or without rows, found " + all + ", " + gain.shape() + ", "
                            + weight.shape() + " and " + decayImaginary.shape() + ", " + weightImaginary.shape());
        }
    }

    /** N. */
    public int modes() {
        return decay.dim(0);
    }

    /** D. */
    public int width() {
        return decay.dim(1);
    }

    /** Whether modes turn. */
    public boolean complex() {
        return decayImaginary.dim(0) > 0;
    }

    /** Numbers of state of each channel: N, or 2N. */
    public int order() {
        return complex() ? 2 * modes() : modes();
    }
}
