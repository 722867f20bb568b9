package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.attention.Attention;
import tern.tensor.Tensor;

/** Attention by a body that takes each position on its own without saying so. Immutable. */
public final class SteadyAttention implements Attention {
    private final Attention body;

    /** On top of this body. */
    public SteadyAttention(Attention body) {
        this.body = body;
    }

    @Override
    public boolean positionsAlone() {
        return true;
    }

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values,
            long[] ages, Tensor y, Tensor logSum) {
        body.forward(team, query, key, value, keys, values, ages, y, logSum);
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values,
            long[] ages, Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dKeys,
            Tensor dValues) {
        body.backward(team, query, key, value, keys, values, ages, y, logSum, dy, dQuery, dKey, dValue, dKeys, dValues);
    }

    @Override
    public void rotary(ThreadTeam team, Tensor x, long[] ages, double[] speeds, Tensor y) {
        body.rotary(team, x, ages, speeds, y);
    }

    @Override
    public void rotaryBackward(ThreadTeam team, Tensor dy, long[] ages, double[] speeds, Tensor dx) {
        body.rotaryBackward(team, dy, ages, speeds, dx);
    }
}
