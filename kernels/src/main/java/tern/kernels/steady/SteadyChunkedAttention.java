package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.attention.ChunkedAttention;
import tern.ops.Chunks;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Attention within chunks position by position, on top of any body. Backward is the body's. Immutable. */
public final class SteadyChunkedAttention implements ChunkedAttention {
    private final ChunkedAttention body;

    /** On top of this body. */
    public SteadyChunkedAttention(ChunkedAttention body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum) {
        if (keys.dim(1) == 0 || lengths.length > 0) {
            // Nothing is kept, so there is no other cut to be equal to.
            body.forward(team, query, key, value, bias, how, keys, values, ages, lengths, y, logSum);
            return;
        }
        int heads = query.dim(2);
        int time = query.dim(1);
        Workspace.Mark mark = team.scratch().mark();
        Tensor sums = team.scratch().allocate(logSum.dtype(), Shape.of(1, heads, 1));
        for (int b = 0; b < query.dim(0); b++) {
            Tensor ownKeys = Views.sequence(keys, b);
            Tensor ownValues = Views.sequence(values, b);
            for (int t = 0; t < time; t++) {
                body.forward(team, Views.position(query, b, t), Views.position(key, b, t), Views.position(value, b, t),
                        bias, how, ownKeys, ownValues, new long[] {ages[b] + t}, lengths, Views.position(y, b, t),
                        sums);
                for (int h = 0; h < heads; h++) {
                    logSum.set(((long) b * heads + h) * time + t, sums.get(h));
                }
            }
        }
        team.scratch().release(mark);
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey,
            Tensor dValue, Tensor dBias, Tensor dKeys, Tensor dValues) {
        body.backward(team, query, key, value, bias, how, keys, values, ages, lengths, y, logSum, dy, dQuery, dKey,
                dValue, dBias, dKeys, dValues);
    }
}
