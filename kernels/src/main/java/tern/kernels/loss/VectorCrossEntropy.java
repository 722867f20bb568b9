package tern.kernels.loss;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.kernels.matmul.Gemm;
import tern.kernels.stored.VectorStoredWeights;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Cross-entropy with vectors, for F32; other types go to the plain body. A tile of logits at a time, some rows by the whole
 * vocabulary, about 2 MiB and never fewer than 256 rows, is made by {@link Gemm}, turned into losses or gradients in place,
 * and, going backward, multiplied twice more while it is still in the cache. Tiles follow from the shape and are taken in
 * order, so results are the same bits on any number of threads. Sums of a row are carried in
 * single precision. Immutable.
 */
public final class VectorCrossEntropy implements CrossEntropy {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final long WIDTH = LANES.vectorByteSize();
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final int TILE_FLOATS = 1 << 19;
    private static final int ROW_UNIT = 64;
    private static final int FEWEST_ROWS = 4 * ROW_UNIT;
    /** Logits of a task that works on rows. */
    private static final int TASK_FLOATS = 1 << 14;

    private static final VectorStoredWeights STORED = new VectorStoredWeights();
    private static final Tensor NO_BIAS = Tensor.over(DType.F32, Shape.of(0), MemorySegment.NULL);

    private final ReferenceCrossEntropy plain = new ReferenceCrossEntropy();

    /** Keeps no state. */
    public VectorCrossEntropy() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, double cap,
            Tensor losses, Tensor logSum) {
        LossShape shape = LossShape.of(hidden, head, targets, losses, logSum);
        if (!isSingle(hidden, losses, logSum) || shape.vocabulary() == 0) {
            plain.forward(team, hidden, head, targets, cap, losses, logSum);
            return;
        }
        int vocabulary = shape.vocabulary(), most = tileRows(shape), each = taskRows(shape);
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment tile = tile(team, shape);
        for (int begin = 0; begin < shape.rows(); begin += most) {
            int first = begin, rows = Math.min(most, shape.rows() - begin);
            logits(team, shape, hidden, head, first, rows, tile);
            team.run((rows + each - 1) / each, (task, scratch) -> {
                for (int r = task * each; r < Math.min(rows, (task + 1) * each); r++) {
                    long at = 4L * r * vocabulary;
                    capRow(vocabulary, tile, at, (float) cap);
                    float log = logSumOfRow(vocabulary, tile, at);
                    int target = targets.getInt(first + r);
                    logSum.data().set(Tensor.FLOAT, 4L * (first + r), log);
                    losses.data().set(Tensor.FLOAT, 4L * (first + r),
                            target < 0 ? 0 : log - tile.get(Tensor.FLOAT, at + 4L * target));
                }
            });
        }
        team.scratch().release(mark);
    }

    @Override
    public void backward(ThreadTeam team, Tensor hidden, Tensor head, Tensor targets, double cap, double wrap,
            Tensor logSum, Tensor dLosses, Tensor dHidden, Tensor dHead) {
        LossShape shape = LossShape.ofBackward(hidden, head, targets, logSum, dLosses, dHidden, dHead);
        if (!isSingle(hidden, dLosses, logSum) || shape.vocabulary() == 0) {
            plain.backward(team, hidden, head, targets, cap, wrap, logSum, dLosses, dHidden, dHead);
            return;
        }
        int vocabulary = shape.vocabulary(), width = shape.width(), most = tileRows(shape), each = taskRows(shape);
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment tile = tile(team, shape);
        for (int begin = 0; begin < shape.rows(); begin += most) {
            int first = begin, rows = Math.min(most, shape.rows() - begin);
            logits(team, shape, hidden, head, first, rows, tile);
            team.run((rows + each - 1) / each, (task, scratch) -> {
                for (int r = task * each; r < Math.min(rows, (task + 1) * each); r++) {
                    long at = 4L * r * vocabulary, one = 4L * (first + r);
                    int target = targets.getInt(first + r);
                    float dLoss = target < 0 ? 0 : dLosses.data().get(Tensor.FLOAT, one);
                    if (dLoss == 0) {
                        tile.asSlice(at, 4L * vocabulary).fill((byte) 0);
                    } else {
                        long hit = at + 4L * target;
                        capRow(vocabulary, tile, at, (float) cap);
                        float slope = slope(tile.get(Tensor.FLOAT, hit), (float) cap);
                        float largest = wrap == 0 ? 0 : largest(vocabulary, tile, at);
                        long wrapped = wrap == 0 ? at : placeOf(largest, vocabulary, tile, at);
                        float log = logSum.data().get(Tensor.FLOAT, one);
                        if (cap == 0) {
                            gradientOfRow(vocabulary, tile, at, log, dLoss);
                        } else {
                            gradientOfCappedRow(vocabulary, tile, at, log, dLoss, (float) cap);
                        }
                        tile.set(Tensor.FLOAT, hit, tile.get(Tensor.FLOAT, hit) - slope * dLoss);
                        if (wrap != 0) {
                            tile.set(Tensor.FLOAT, wrapped, tile.get(Tensor.FLOAT, wrapped)
                                    + (float) wrap * largest * slope(largest, (float) cap) * dLoss);
                        }
                    }
                }
            });
            long offset = 4L * first * width;
            Gemm.multiply(team, rows, width, vocabulary, tile, 0, vocabulary, false, head.data(), 0, width, false,
                    dHidden.data(), offset, width, 1, 0);
            Gemm.multiply(team, vocabulary, width, rows, tile, 0, vocabulary, true, hidden.data(), offset, width, false,
                    dHead.data(), 0, width, 1, 1);
        }
        team.scratch().release(mark);
    }

    private static boolean isSingle(Tensor hidden, Tensor perRow, Tensor logSum) {
        return hidden.dtype() == DType.F32 && perRow.dtype() == DType.F32 && logSum.dtype() == DType.F32;
    }

    private static int tileRows(LossShape shape) {
        int fitting = TILE_FLOATS / shape.vocabulary() / ROW_UNIT * ROW_UNIT;
        return Math.min(Math.max(1, shape.rows()), Math.max(FEWEST_ROWS, fitting));
    }

    private static int taskRows(LossShape shape) {
        return Math.max(1, TASK_FLOATS / shape.vocabulary());
    }

    private static MemorySegment tile(ThreadTeam team, LossShape shape) {
        return team.scratch().floatMemory((long) tileRows(shape) * shape.vocabulary());
    }

    private static void logits(ThreadTeam team, LossShape shape, Tensor hidden, Tensor head, int first, int rows,
            MemorySegment tile) {
        int width = shape.width(), vocabulary = shape.vocabulary();
        if (!head.dtype().isComputed()) {
            Tensor logits = Tensor.over(DType.F32, Shape.of(rows, vocabulary),
                    tile.asSlice(0, 4L * rows * vocabulary));
            STORED.linear(team, hidden.slice(first, first + rows), head, NO_BIAS, logits);
            return;
        }
        Gemm.multiply(team, rows, vocabulary, width, hidden.data(), 4L * first * width, width, false, head.data(), 0,
                width,
                true, tile, 0, vocabulary, 1, 0);
    }

    /** Each logit becomes cap·tanh(logit/cap), unless the cap is 0. */
    private static void capRow(int n, MemorySegment row, long at, float cap) {
        if (cap == 0) {
            return;
        }
        int lanes = LANES.length(), i = 0;
        for (; i <= n - lanes; i += lanes) {
            long x = at + 4L * i;
            Lanes.tanh(FloatVector.fromMemorySegment(LANES, row, x, NATIVE).mul(1 / cap)).mul(cap)
                    .intoMemorySegment(row, x, NATIVE);
        }
        if (i < n) {
            capRest(n, i, row, at, cap);
        }
    }

    private static void capRest(int n, int i, MemorySegment row, long at, float cap) {
        VectorMask<Float> mask = LANES.indexInRange(i, n);
        long x = at + 4L * i;
        Lanes.tanh(FloatVector.fromMemorySegment(LANES, row, x, NATIVE, mask).mul(1 / cap)).mul(cap)
                .intoMemorySegment(row, x, NATIVE, mask);
    }

    /** d capped / d logit at a capped logit. */
    private static float slope(float capped, float cap) {
        return cap == 0 ? 1 : 1 - capped / cap * (capped / cap);
    }

    /** log Σ exp of n numbers, the largest taken out first. */
    private static float logSumOfRow(int n, MemorySegment row, long at) {
        float largest = largest(n, row, at);
        FloatVector shift = FloatVector.broadcast(LANES, largest);
        FloatVector sum = FloatVector.zero(LANES);
        int lanes = LANES.length(), i = 0;
        // One exp an iteration: with two the compiler no longer takes both in, and boxes their vectors.
        for (; i <= n - lanes; i += lanes) {
            sum = sum.add(Lanes.exp(FloatVector.fromMemorySegment(LANES, row, at + 4L * i, NATIVE).sub(shift)));
        }
        return (float) (largest + Math.log(Lanes.sum(sum) + (i < n ? restOfSum(n, i, row, at, largest) : 0)));
    }

    private static float restOfSum(int n, int i, MemorySegment row, long at, float largest) {
        VectorMask<Float> mask = LANES.indexInRange(i, n);
        FloatVector rest = FloatVector.fromMemorySegment(LANES, row, at + 4L * i, NATIVE, mask).sub(largest);
        return Lanes.sum(FloatVector.zero(LANES).add(Lanes.exp(rest), mask));
    }

    private static float largest(int n, MemorySegment row, long at) {
        FloatVector even = FloatVector.broadcast(LANES, Float.NEGATIVE_INFINITY), odd = even;
        int lanes = LANES.length(), i = 0;
        for (; i <= n - 2 * lanes; i += 2 * lanes) {
            long x = at + 4L * i;
            even = even.max(FloatVector.fromMemorySegment(LANES, row, x, NATIVE));
            odd = odd.max(FloatVector.fromMemorySegment(LANES, row, x + WIDTH, NATIVE));
        }
        for (; i < n; i += lanes) {
            VectorMask<Float> mask = LANES.indexInRange(i, n);
            FloatVector last = FloatVector.fromMemorySegment(LANES, row, at + 4L * i, NATIVE, mask);
            even = even.lanewise(VectorOperators.MAX, last, mask);
        }
        return even.max(odd).reduceLanes(VectorOperators.MAX);
    }

    /** Where a row first holds a value; at its beginning if nowhere, as when it is not a number. */
    private static long placeOf(float value, int n, MemorySegment row, long at) {
        for (int i = 0; i < n; i++) {
            if (row.get(Tensor.FLOAT, at + 4L * i) == value) {
                return at + 4L * i;
            }
        }
        return at;
    }

    /** Logits become dLoss·exp(logit − logSum). */
    private static void gradientOfRow(int n, MemorySegment row, long at, float logSum, float dLoss) {
        FloatVector shift = FloatVector.broadcast(LANES, logSum);
        int lanes = LANES.length(), i = 0;
        for (; i <= n - lanes; i += lanes) {
            long x = at + 4L * i;
            Lanes.exp(FloatVector.fromMemorySegment(LANES, row, x, NATIVE).sub(shift)).mul(dLoss).intoMemorySegment(row,
                    x,
                    NATIVE);
        }
        if (i < n) {
            gradientOfRest(n, i, row, at, logSum, dLoss);
        }
    }

    /** Capped logits become dLoss·exp(logit − logSum)·(1 − (logit/cap)²). */
    private static void gradientOfCappedRow(int n, MemorySegment row, long at, float logSum, float dLoss, float cap) {
        FloatVector shift = FloatVector.broadcast(LANES, logSum);
        int lanes = LANES.length(), i = 0;
        for (; i <= n - lanes; i += lanes) {
            long x = at + 4L * i;
            FloatVector logit = FloatVector.fromMemorySegment(LANES, row, x, NATIVE);
            FloatVector share = logit.mul(1 / cap);
            Lanes.exp(logit.sub(shift)).mul(dLoss).mul(share.mul(share).neg().add(1)).intoMemorySegment(row, x,
                    NATIVE);
        }
        if (i < n) {
            gradientOfCappedRest(n, i, row, at, logSum, dLoss, cap);
        }
    }

    private static void gradientOfCappedRest(int n, int i, MemorySegment row, long at, float logSum, float dLoss,
            float cap) {
        VectorMask<Float> mask = LANES.indexInRange(i, n);
        long x = at + 4L * i;
        FloatVector logit = FloatVector.fromMemorySegment(LANES, row, x, NATIVE, mask);
        FloatVector share = logit.mul(1 / cap);
        Lanes.exp(logit.sub(logSum)).mul(dLoss).mul(share.mul(share).neg().add(1)).intoMemorySegment(row, x, NATIVE,
                mask);
    }

    private static void gradientOfRest(int n, int i, MemorySegment row, long at, float logSum, float dLoss) {
        VectorMask<Float> mask = LANES.indexInRange(i, n);
        long x = at + 4L * i;
        Lanes.exp(FloatVector.fromMemorySegment(LANES, row, x, NATIVE, mask).sub(logSum)).mul(dLoss).intoMemorySegment(
                row, x,
                NATIVE, mask);
    }
}
