package tern.kernels;

import java.util.function.IntFunction;

import tern.kernels.attention.Attention;
import tern.kernels.attention.TiledAttention;
import tern.ops.KeysAndValues;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link EagerOps#tiledAttention} of several positions, each as if it were the only one of its call: the rows of the call that
 * come before it are met in the tile where they will lie later. Confined to one call.
 */
final class LonePositions {
    private final TiledAttention attention;
    private final Workspace scratch;
    private final Allocator results;

    LonePositions(Attention body, ThreadTeam team, Workspace scratch, Allocator results) {
        this.attention = new TiledAttention(body, team, scratch);
        this.scratch = scratch;
        this.results = results;
    }

    Tensor tiled(Tensor query, Tensor key, Tensor value, int rows, IntFunction<KeysAndValues> tiles, long[] ages) {
        int batch = query.dim(0);
        int time = query.dim(1);
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        Workspace.Mark kept = scratch.mark();
        // One sum a position, so that a position's is a view.
        Tensor sums = scratch.allocate(query.dtype(), Shape.of(batch * time, query.dim(2), 1));
        for (int b = 0; b < batch; b++) {
            for (int t = 0; t < time; t++) {
                attention.own(at(query, b, t), at(key, b, t), at(value, b, t), at(y, b, t), sum(sums, b * time + t));
            }
        }
        long[] last = ages.clone();
        for (int b = 0; b < batch; b++) {
            last[b] += time - 1;
        }
        int stored = TiledAttention.count(ages, rows);
        for (int i = 0; i < TiledAttention.count(last, rows); i++) {
            Workspace.Mark before = scratch.mark();
            KeysAndValues found = i < stored ? tiles.apply(i)
                    : new KeysAndValues(none(key), none(value));
            for (int b = 0; b < batch; b++) {
                long first = (long) i * rows;
                Tensor keys = whole(found.keys(), key, b, ages[b], first, rows);
                Tensor values = whole(found.values(), value, b, ages[b], first, rows);
                for (int t = 0; t < time; t++) {
                    attention.join(at(query, b, t), keys, values, new long[] {ages[b] + t}, first, at(y, b, t),
                            sum(sums, b * time + t));
                }
            }
            scratch.release(before);
        }
        scratch.release(kept);
        return y;
    }

    private Tensor none(Tensor like) {
        return scratch.allocate(like.dtype(), like.shape().with(1, 0));
    }

    private static Tensor sum(Tensor sums, int row) {
        return sums.slice(row, row + 1);
    }

    private static Tensor at(Tensor x, int b, int t) {
        int row = b * x.dim(1) + t;
        return x.reshape(x.shape().with(0, x.dim(0) * x.dim(1)).with(1, 1)).slice(row, row + 1);
    }

    /** Rows of a tile of sequence b: those stored before the call, then those of the call that fall into it. */
    private Tensor whole(Tensor stored, Tensor own, int b, long age, long first, int rows) {
        int old = Math.clamp(age - first, 0, rows);
        long skipped = Math.max(0, first - age);
        int fresh = Math.clamp(own.dim(1) - skipped, 0, rows - old);
        DType type = own.dtype();
        Tensor all = scratch.allocate(type, own.shape().with(0, 1).with(1, old + fresh));
        long row = type.bytes(own.shape().elements() / Math.max(1, (long) own.dim(0) * own.dim(1)));
        if (old > 0) {
            all.data().asSlice(0, old * row)
                    .copyFrom(stored.data().asSlice((long) b * stored.dim(1) * row, old * row));
        }
        if (fresh > 0) {
            all.data().asSlice(old * row, fresh * row)
                    .copyFrom(own.data().asSlice(((long) b * own.dim(1) + skipped) * row, fresh * row));
        }
        return all;
    }
}
