package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.ops.FilterNorm;
import tern.tensor.Tensor;

/** What turns the output of a small network into long filters; see {@code Ops}. */
public interface FilterShaping {
    /** y ← sin(frequency ⊙ x): x [R,D], frequency [D]. */
    void sine(ThreadTeam team, Tensor x, Tensor frequency, Tensor y);

    /** dx written, dFrequency += in an order fixed by the shape. */
    void sineBackward(ThreadTeam team, Tensor x, Tensor frequency, Tensor dy, Tensor dx, Tensor dFrequency);

    /** y[t,f] ← g[t,f]·(exp(−|δ_f|·t/(span−1)) + shift). */
    void window(ThreadTeam team, Tensor g, Tensor delta, int span, double shift, Tensor y);

    /** dg written, dDelta += in an order fixed by the shape. */
    void windowBackward(ThreadTeam team, Tensor g, Tensor delta, int span, double shift, Tensor dy, Tensor dg,
            Tensor dDelta);

    /** y ← taps [L,F] divided by their norms. */
    void normalise(ThreadTeam team, Tensor taps, FilterNorm norm, Tensor y);

    /** dTaps written. */
    void normaliseBackward(ThreadTeam team, Tensor taps, FilterNorm norm, Tensor dy, Tensor dTaps);
}
