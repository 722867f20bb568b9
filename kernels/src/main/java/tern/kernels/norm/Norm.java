package tern.kernels.norm;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Normalisation of rows: x is [R,D] (leading axes flattened by the caller), gain and bias [D]. */
public interface Norm {
    /** y ← gain ⊙ (x − mean)/√(variance + ε) + bias. */
    void layer(ThreadTeam team, Tensor x, Tensor gain, Tensor bias, double epsilon, Tensor y);

    /** dx written, which must not be x or dy; dGain, dBias += (summed over rows in an order fixed by the shape). */
    void layerBackward(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor dy, Tensor dx, Tensor dGain,
            Tensor dBias);

    /** y ← gain ⊙ x/√(mean(x²) + ε). */
    void rms(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor y);

    /** dx written; dGain += (summed over rows in an order fixed by the shape). */
    void rmsBackward(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor dy, Tensor dx, Tensor dGain);
}
