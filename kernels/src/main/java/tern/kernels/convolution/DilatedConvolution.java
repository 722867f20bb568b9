package tern.kernels.convolution;

import java.util.List;

import tern.kernels.ThreadTeam;
import tern.ops.Dilations;
import tern.tensor.Tensor;

/** Dilated causal convolutions one upon the other; see {@code Ops.dilatedConvolution}. */
public interface DilatedConvolution {
    /**
     * With g⁰ = x: c ← b_l + Σ_k W_l[k]·g^l_(t−k·d_l), g^(l+1) ← f(c) (+ g^l); y ← the last; each ring ← the last inputs of its
     * layer, position p in row p mod rows.
     *
     * @param x [B,T,C]
     * @param inner what layers 1 … read, g¹ …, [B,T,…] each, written; empty if nobody wants them, as {@link #backward} does not
     *            where {@link #readsInner} says so
     * @param rings [B,(K−1)·d,inputs] each, updated in place, or of 0 rows: zeros before x and nothing kept
     * @param ages positions before x of each sequence
     * @param y [B,T,O] written
     */
    void forward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings, long[] ages,
            Tensor y);

    /** Whether {@link #forward} gives a position with a past the same bits whatever stands beside it and wherever time is cut. */
    default boolean positionsAlone() {
        return false;
    }

    /**
     * Whether {@link #backward} reads what layers 1 … read, as forward wrote it; where not, it makes that again from x, the same
     * bits, and takes no tensors of it.
     */
    default boolean readsInner(Tensor x, Dilations layers, List<Tensor> rings) {
        return true;
    }

    /**
     * The way back. Sums over positions run in single precision over some rows and in double precision over these sums, in an
     * order fixed by the shapes.
     *
     * @param inner as forward wrote them; may be empty unless {@link #readsInner}
     * @param rings as they were before forward
     * @param dNextRings gradients of the rings that forward gave back, of 0 rows where they are 0
     */
    void backward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings, long[] ages,
            Tensor dy, List<Tensor> dNextRings, Slopes slopes);

    /**
     * Where backward leaves what it finds.
     *
     * @param dx [B,T,C] written
     * @param dWeights of each layer +=
     * @param dBiases of each layer +=
     * @param dRings of each layer's ring, written; empty if nobody wants them
     */
    record Slopes(Tensor dx, List<Tensor> dWeights, List<Tensor> dBiases, List<Tensor> dRings) {
    }
}
