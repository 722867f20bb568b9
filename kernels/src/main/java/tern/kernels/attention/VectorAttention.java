package tern.kernels.attention;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.bound;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.kernels.lanes.Lanes.exp;
import static tern.kernels.lanes.Lanes.padded;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, in tiles of 64 queries by 64 keys (Dao et al. 2022, arXiv 2205.14135).
 *
 * <p>Forward of many positions: a task is up to eight tiles of queries of one head, which share tiles of keys. Scores are held
 * transposed, queries in the lanes, so that the running maximum and sum need no sums over lanes. Forward of one position: a task is 256 keys of all heads;
 * their results are joined in order. Backward: a task is every n-th tile of keys of one key head, with n such that there are
 * about 16 tasks or more; it finishes dKey and dValue of its tiles and adds to a dQuery of its own, and these are added in
 * order. So memory is O(T), and results do not depend on the number of threads.
 */
public final class VectorAttention implements Attention {
    private static final int TILE = 64;
    // Tiles of queries that one task takes, where there are so many that at least so many tasks are left.
    private static final int QUERY_TILES = 8;
    private static final int FORWARD_TASKS = 64;
    // The maximum that weights are taken under moves only where scores exceed it by more: they are at most e^4 then, and what was
    // read before need not be scaled anew for each little rise.
    private static final float SLACK = 4;
    static final int DECODE_KEYS = 256;
    private static final int STEP_ROWS = 32;
    private static final int BACKWARD_TASKS = 16;
    private static final int ROTARY_POSITIONS = 64;
    // Floats below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 15;

    private final boolean alone;

    /** A body that takes many positions in tiles. */
    public VectorAttention() {
        this(false);
    }

    private VectorAttention(boolean alone) {
        this.alone = alone;
    }

    /**
     * A body whose forward pass gives every position the bits that it has as the only one, so that they do not depend on where
     * time is cut or on what stands beside it ({@link SteadyTiles}).
     */
    public static VectorAttention positionByPosition() {
        return new VectorAttention(true);
    }

    @Override
    public boolean positionsAlone() {
        return alone;
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values,
            long[] ages,
            Tensor y, Tensor logSum) {
        append(key, keys, ages);
        append(value, values, ages);
        boolean kept = keys.dim(1) > 0;
        Tensor allKeys = kept ? keys : key;
        Tensor allValues = kept ? values : value;
        if (alone && query.dim(1) >= SteadyTiles.FEWEST) {
            SteadyTiles.forward(team, query, allKeys, allValues, ages, y, logSum);
        } else if (alone || query.dim(1) == 1) {
            step(team, query, allKeys, allValues, ages, y, logSum);
        } else {
            tiles(team, query, allKeys, allValues, ages, y, logSum);
        }
    }

    private static void append(Tensor fresh, Tensor history, long[] ages) {
        if (history.dim(1) == 0) {
            return;
        }
        long row = 4L * fresh.dim(2) * fresh.dim(3);
        long length = row * fresh.dim(1);
        for (int b = 0; b < fresh.dim(0); b++) {
            long at = row * ((long) b * history.dim(1) + ages[b]);
            MemorySegment.copy(fresh.data(), b * length, history.data(), at, length);
        }
    }

    private static void tiles(ThreadTeam team, Tensor query, Tensor keys, Tensor values, long[] ages, Tensor y,
            Tensor logSum) {
        int time = query.dim(1);
        int heads = query.dim(2);
        int lines = query.dim(0) * heads;
        int queryTiles = (time + TILE - 1) / TILE;
        int together = Math.clamp((long) lines * queryTiles / FORWARD_TASKS, 1, QUERY_TILES);
        int blocks = (queryTiles + together - 1) / together;
        // The last queries have the most keys: they go first, so that no thread is left alone with them at the end.
        team.run(lines * blocks, (index, scratch) -> {
            int from = (blocks - 1 - index / lines) * together * TILE;
            int h = index % heads;
            int b = index / heads % query.dim(0);
            queryTiles(query, keys, values, ages[b], y, logSum, b, h, from,
                    Math.min(time, from + together * TILE), scratch);
        });
    }

    /** Queries of a tile and what they have read: [width, lanes], [lanes, valueLanes], [lanes], [lanes]. */
    private record Queries(int from, int rows, int lanes, MemorySegment turned, MemorySegment mixed,
            MemorySegment highest, MemorySegment sums) {
    }

    // A few tiles of queries of one head. They share each tile of keys and values, whose rows lie far apart and are fetched
    // and laid side by side once.
    private static void queryTiles(Tensor query, Tensor keys, Tensor values, long age, Tensor y, Tensor logSum, int b,
            int h, int from, int to, Workspace scratch) {
        int heads = query.dim(2);
        int width = query.dim(3);
        int valueWidth = values.dim(3);
        int valueLanes = padded(valueWidth);
        Queries[] tiles = new Queries[(to - from + TILE - 1) / TILE];
        for (int i = 0; i < tiles.length; i++) {
            tiles[i] = queries(query, b, h, from + i * TILE, Math.min(to, from + (i + 1) * TILE), valueLanes, scratch);
        }
        MemorySegment packedKeys = floats(scratch, TILE * width).fill((byte) 0);
        MemorySegment packedValues = floats(scratch, TILE * valueLanes).fill((byte) 0);
        MemorySegment scores = floats(scratch, TILE * TILE);
        MemorySegment factors = floats(scratch, TILE);
        MemorySegment tile = floats(scratch, Tiles.scratchLength());
        int group = Math.toIntExact((long) h * keys.dim(2) / heads);
        long keyStride = 4L * keys.dim(2) * width;
        long valueStride = 4L * values.dim(2) * valueWidth;
        long keyAt = 4L * ((long) b * keys.dim(1) * keys.dim(2) + group) * width;
        long valueAt = 4L * ((long) b * values.dim(1) * values.dim(2) + group) * valueWidth;
        long end = age + to;
        for (long first = 0; first < end; first += TILE) {
            int columns = (int) Math.min(TILE, end - first);
            pack(keys.data(), keyAt + first * keyStride, keyStride, columns, width, 1, packedKeys, 4L * width);
            pack(values.data(), valueAt + first * valueStride, valueStride, columns, valueWidth, 1, packedValues,
                    4L * valueLanes);
            for (Queries queries : tiles) {
                int seen = (int) Math.min(columns, age + queries.from + queries.rows - first);
                if (seen > 0) {
                    read(queries, packedKeys, width, packedValues, valueLanes, seen, first - age - queries.from, scores,
                            factors, tile);
                }
            }
        }
        for (Queries queries : tiles) {
            finish(queries, y, logSum, b, h);
        }
    }

    private static Queries queries(Tensor query, int b, int h, int from, int to, int valueLanes, Workspace scratch) {
        int heads = query.dim(2);
        int width = query.dim(3);
        int rows = to - from;
        int lanes = padded(rows);
        Queries queries = new Queries(from, rows, lanes, floats(scratch, width * lanes),
                floats(scratch, lanes * valueLanes).fill((byte) 0), floats(scratch, lanes),
                floats(scratch, lanes).fill((byte) 0));
        fill(queries.highest, lanes, Float.NEGATIVE_INFINITY);
        transpose(query.data(), 4L * (((long) b * query.dim(1) + from) * heads + h) * width, 4L * heads * width, rows,
                width, (float) (1 / Math.sqrt(width)), queries.turned, lanes);
        return queries;
    }

    // The offset is the first key's position relative to the first query's.
    private static void read(Queries queries, MemorySegment keys, int width, MemorySegment values, int valueLanes,
            int columns, long offset, MemorySegment scores, MemorySegment factors, MemorySegment tile) {
        int lanes = queries.lanes;
        long row = 4L * lanes;
        long valueRow = 4L * valueLanes;
        Tiles.product(keys, 0, 4L * width, 4, queries.turned, 0, row, scores, 0, row, Tiles.paddedRows(columns), lanes,
                width);
        hide(scores, lanes, columns, offset);
        if (weighTile(scores, row, lanes, columns, queries.highest, queries.sums, factors)) {
            rescale(queries.mixed, valueRow, factors, queries.rows, valueLanes);
        }
        Tiles.accumulate(scores, 0, 4, row, values, 0, valueRow, queries.mixed, 0, valueRow, lanes, valueLanes, columns,
                tile);
    }

    private static void finish(Queries queries, Tensor y, Tensor logSum, int b, int h) {
        int time = y.dim(1);
        int heads = y.dim(2);
        int width = y.dim(3);
        for (int r = 0; r < queries.rows; r++) {
            float sum = queries.sums.get(FLOAT, 4L * r);
            long row = ((long) b * time + queries.from + r) * heads + h;
            scaled(queries.mixed, 4L * r * padded(width), 1 / sum, y.data(), 4 * row * width, width);
            float total = (float) (queries.highest.get(FLOAT, 4L * r) + Math.log(sum));
            logSum.data().set(FLOAT, 4 * (((long) b * heads + h) * time + queries.from + r), total);
        }
    }

    // Scores of keys that come after a query become −∞; offset is the first key's position relative to the first query's.
    private static void hide(MemorySegment scores, int lanes, int columns, long offset) {
        for (int c = (int) Math.max(0, 1 - offset); c < columns; c++) {
            int hidden = (int) Math.min(lanes, offset + c);
            for (int r = 0; r < hidden; r++) {
                scores.set(FLOAT, 4L * ((long) c * lanes + r), Float.NEGATIVE_INFINITY);
            }
        }
    }

    // Scores of a tile become weights under the new maxima; true if one is another than the old one.
    static boolean weighTile(MemorySegment scores, long row, int lanes, int columns, MemorySegment highest,
            MemorySegment sums, MemorySegment factors) {
        boolean moved = false;
        for (int lane = 0; lane < lanes; lane += LENGTH) {
            moved |= weigh(scores, row, 4L * lane, columns, highest, sums, factors);
        }
        return moved;
    }

    // One vector of queries: scores become weights under the new maximum; true if that is another than the old one anywhere.
    private static boolean weigh(MemorySegment scores, long row, long lane, int columns, MemorySegment highest,
            MemorySegment sums, MemorySegment factors) {
        boolean higher = raise(scores, row, lane, columns, highest, factors);
        weights(scores, row, lane, columns, highest, factors, sums);
        return higher;
    }

    // A vector that a loop carries must begin in the loop's own method: one that came as an argument is kept on the heap.
    private static boolean raise(MemorySegment scores, long row, long lane, int columns, MemorySegment highest,
            MemorySegment factors) {
        FloatVector high = fromMemorySegment(SPECIES, highest, lane, ORDER);
        FloatVector second = high;
        FloatVector third = high;
        FloatVector fourth = high;
        int c = 0;
        for (; c + 4 <= columns; c += 4) {
            long at = c * row + lane;
            high = high.max(fromMemorySegment(SPECIES, scores, at, ORDER));
            second = second.max(fromMemorySegment(SPECIES, scores, at + row, ORDER));
            third = third.max(fromMemorySegment(SPECIES, scores, at + 2 * row, ORDER));
            fourth = fourth.max(fromMemorySegment(SPECIES, scores, at + 3 * row, ORDER));
        }
        for (; c < columns; c++) {
            high = high.max(fromMemorySegment(SPECIES, scores, c * row + lane, ORDER));
        }
        high = high.max(second).max(third.max(fourth));
        FloatVector before = fromMemorySegment(SPECIES, highest, lane, ORDER);
        VectorMask<Float> far = high.compare(VectorOperators.GT, before.add(SLACK));
        FloatVector now = before.blend(high, far);
        exp(before.sub(now)).intoMemorySegment(factors, lane, ORDER);
        now.intoMemorySegment(highest, lane, ORDER);
        return far.anyTrue();
    }

    private static void weights(MemorySegment scores, long row, long lane, int columns, MemorySegment highest,
            MemorySegment factors, MemorySegment sums) {
        FloatVector high = fromMemorySegment(SPECIES, highest, lane, ORDER);
        FloatVector sum = fromMemorySegment(SPECIES, sums, lane, ORDER)
                .mul(fromMemorySegment(SPECIES, factors, lane, ORDER));
        for (int c = 0; c < columns; c++) {
            long at = c * row + lane;
            FloatVector weight = exp(fromMemorySegment(SPECIES, scores, at, ORDER).sub(high));
            weight.intoMemorySegment(scores, at, ORDER);
            sum = sum.add(weight);
        }
        sum.intoMemorySegment(sums, lane, ORDER);
    }

    static void rescale(MemorySegment mixed, long row, MemorySegment factors, int rows, int columns) {
        for (int r = 0; r < rows; r++) {
            FloatVector factor = broadcast(factors, 4L * r);
            for (int j = 0; j < columns; j += LENGTH) {
                long at = r * row + 4L * j;
                fromMemorySegment(SPECIES, mixed, at, ORDER).mul(factor).intoMemorySegment(mixed, at, ORDER);
            }
        }
    }

    // ── one position ────────────────────────────────────────────────────────────────────────────────────────────────

    /** Row r is position {@code r % time} of sequence {@code r / time}; tasks of the same keys follow each other. */
    private static void step(ThreadTeam team, Tensor query, Tensor keys, Tensor values, long[] ages, Tensor y,
            Tensor logSum) {
        int batch = query.dim(0);
        int time = query.dim(1);
        int heads = query.dim(2);
        int groups = keys.dim(2);
        int valueWidth = values.dim(3);
        long oldest = 0;
        long positions = 0;
        for (long age : ages) {
            oldest = Math.max(oldest, age + time);
            positions += time * (age + 1) + (long) time * (time - 1) / 2;
        }
        int parts = Math.toIntExact((oldest + DECODE_KEYS - 1) / DECODE_KEYS);
        int rows = batch * time;
        long partBytes = 4L * (2 + valueWidth);
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment found = floats(team.scratch(),
                Math.multiplyExact(Math.multiplyExact(rows, parts), heads * (2 + valueWidth)));
        ThreadTeam.Task part = (index, scratch) -> {
            int b = index / (parts * time);
            int row = b * time + index % time;
            int which = index / time % parts;
            long from = (long) which * DECODE_KEYS;
            int count = (int) Math.min(DECODE_KEYS, ages[b] + index % time + 1 - from);
            if (count > 0) {
                stepPart(query, keys, values, b, row, from, count, found,
                        ((long) row * parts + which) * heads * partBytes, scratch);
            }
        };
        if (positions * groups * (keys.dim(3) + valueWidth) < WORTH_A_REGION) {
            alone(team, rows * parts, part);
        } else {
            team.run(rows * parts, part);
        }
        for (int index = 0; index < rows * heads; index++) {
            int row = index / heads;
            int h = index % heads;
            int t = row % time;
            int b = row / time;
            long at = ((long) row * parts * heads + h) * partBytes;
            join(found, at, heads * partBytes, (int) ((ages[b] + t) / DECODE_KEYS) + 1, valueWidth, y.data(),
                    4L * index * valueWidth, logSum.data(), 4L * (((long) b * heads + h) * time + t));
        }
        team.scratch().release(mark);
    }

    static void alone(ThreadTeam team, int tasks, ThreadTeam.Task task) {
        for (int index = 0; index < tasks; index++) {
            Workspace.Mark mark = team.scratch().mark();
            task.run(index, team.scratch());
            team.scratch().release(mark);
        }
    }

    // For each head the highest score, the sum of weights under it, and the weighted sum of values, of some keys. Rows of the
    // history are taken a few at a time, all heads of them together: with head after head alone, memory did not keep up.
    private static void stepPart(Tensor query, Tensor keys, Tensor values, int b, int row, long from, int count,
            MemorySegment found, long foundAt, Workspace scratch) {
        int heads = query.dim(2);
        int groups = keys.dim(2);
        int width = query.dim(3);
        int valueWidth = values.dim(3);
        int valueLanes = padded(valueWidth);
        MemorySegment scores = floats(scratch, heads * DECODE_KEYS);
        MemorySegment mixed = floats(scratch, heads * valueLanes).fill((byte) 0);
        float scale = (float) (1 / Math.sqrt(width));
        long keyAt = 4L * ((long) b * keys.dim(1) + from) * groups * width;
        long valueAt = 4L * ((long) b * values.dim(1) + from) * groups * valueWidth;
        int perGroup = heads / groups;
        for (int s = 0; s < count; s += STEP_ROWS) {
            int rows = Math.min(STEP_ROWS, count - s);
            for (int h = 0; h < heads; h++) {
                dots(query.data(), 4L * ((long) row * heads + h) * width, keys.data(),
                        keyAt + 4L * (s * groups + h / perGroup) * width, 4L * groups * width, rows, width, scale,
                        scores,
                        4L * (h * DECODE_KEYS + s));
            }
        }
        for (int h = 0; h < heads; h++) {
            weights(scores, 4L * h * DECODE_KEYS, count, found, foundAt + 4L * h * (2 + valueWidth));
        }
        for (int s = 0; s < count; s += STEP_ROWS) {
            int rows = Math.min(STEP_ROWS, count - s);
            for (int h = 0; h < heads; h++) {
                mix(scores, 4L * (h * DECODE_KEYS + s), rows, values.data(),
                        valueAt + 4L * (s * groups + h / perGroup) * valueWidth, 4L * groups * valueWidth, mixed,
                        4L * h * valueLanes, valueWidth);
            }
        }
        for (int h = 0; h < heads; h++) {
            MemorySegment.copy(mixed, 4L * h * valueLanes, found, foundAt + 4L * (h * (2 + valueWidth) + 2),
                    4L * valueWidth);
        }
    }

    // The scores of a few positions for one head.
    static void dots(MemorySegment query, long queryAt, MemorySegment keys, long keyAt, long stride, int rows,
            int width, float scale, MemorySegment scores, long scoreAt) {
        int whole = bound(width);
        for (int s = 0; s < rows; s++) {
            long at = keyAt + s * stride;
            FloatVector sums = FloatVector.broadcast(SPECIES, 0);
            for (int i = 0; i < whole; i += LENGTH) {
                sums = fromMemorySegment(SPECIES, keys, at + 4L * i, ORDER)
                        .fma(fromMemorySegment(SPECIES, query, queryAt + 4L * i, ORDER), sums);
            }
            float sum = Lanes.sum(sums);
            for (int i = whole; i < width; i++) {
                sum += keys.get(FLOAT, at + 4L * i) * query.get(FLOAT, queryAt + 4L * i);
            }
            scores.set(FLOAT, scoreAt + 4L * s, sum * scale);
        }
    }

    // Scores of one head become weights; found ← their maximum and sum.
    static void weights(MemorySegment scores, long at, int count, MemorySegment found, long foundAt) {
        float high = Float.NEGATIVE_INFINITY;
        for (int s = 0; s < count; s++) {
            high = Math.max(high, scores.get(FLOAT, at + 4L * s));
        }
        for (int s = count; s < padded(count); s++) {
            scores.set(FLOAT, at + 4L * s, Float.NEGATIVE_INFINITY);
        }
        FloatVector highs = FloatVector.broadcast(SPECIES, high);
        FloatVector sum = FloatVector.broadcast(SPECIES, 0);
        for (int s = 0; s < count; s += LENGTH) {
            FloatVector weight = exp(fromMemorySegment(SPECIES, scores, at + 4L * s, ORDER).sub(highs));
            weight.intoMemorySegment(scores, at + 4L * s, ORDER);
            sum = sum.add(weight);
        }
        found.set(FLOAT, foundAt, high);
        found.set(FLOAT, foundAt + 4, Lanes.sum(sum));
    }

    // mixed += Σ weight·value over a few positions, for one head.
    static void mix(MemorySegment weights, long weightAt, int rows, MemorySegment values, long valueAt,
            long stride,
            MemorySegment mixed, long mixedAt, int width) {
        int j = 0;
        for (; j + 2 * LENGTH <= width; j += 2 * LENGTH) {
            mixTwo(weights, weightAt, rows, values, valueAt + 4L * j, stride, mixed, mixedAt + 4L * j);
        }
        for (; j + LENGTH <= width; j += LENGTH) {
            mixOne(weights, weightAt, rows, values, valueAt + 4L * j, stride, mixed, mixedAt + 4L * j);
        }
        for (; j < width; j++) {
            float sum = mixed.get(FLOAT, mixedAt + 4L * j);
            for (int s = 0; s < rows; s++) {
                sum += weights.get(FLOAT, weightAt + 4L * s) * values.get(FLOAT, valueAt + s * stride + 4L * j);
            }
            mixed.set(FLOAT, mixedAt + 4L * j, sum);
        }
    }

    private static void mixTwo(MemorySegment weights, long weightAt, int rows, MemorySegment values, long valueAt,
            long stride, MemorySegment mixed, long mixedAt) {
        FloatVector sum0 = fromMemorySegment(SPECIES, mixed, mixedAt, ORDER);
        FloatVector sum1 = fromMemorySegment(SPECIES, mixed, mixedAt + BYTES, ORDER);
        for (int s = 0; s < rows; s++) {
            long at = valueAt + s * stride;
            FloatVector weight = broadcast(weights, weightAt + 4L * s);
            sum0 = weight.fma(fromMemorySegment(SPECIES, values, at, ORDER), sum0);
            sum1 = weight.fma(fromMemorySegment(SPECIES, values, at + BYTES, ORDER), sum1);
        }
        sum0.intoMemorySegment(mixed, mixedAt, ORDER);
        sum1.intoMemorySegment(mixed, mixedAt + BYTES, ORDER);
    }

    private static void mixOne(MemorySegment weights, long weightAt, int rows, MemorySegment values, long valueAt,
            long stride, MemorySegment mixed, long mixedAt) {
        FloatVector sum = fromMemorySegment(SPECIES, mixed, mixedAt, ORDER);
        for (int s = 0; s < rows; s++) {
            sum = broadcast(weights, weightAt + 4L * s)
                    .fma(fromMemorySegment(SPECIES, values, valueAt + s * stride, ORDER), sum);
        }
        sum.intoMemorySegment(mixed, mixedAt, ORDER);
    }

    static void join(MemorySegment found, long at, long stride, int parts, int width, MemorySegment y, long yAt,
            MemorySegment logSum, long logSumAt) {
        float high = Float.NEGATIVE_INFINITY;
        for (int p = 0; p < parts; p++) {
            high = Math.max(high, found.get(FLOAT, at + p * stride));
        }
        double sum = 0;
        for (int p = 0; p < parts; p++) {
            sum += Math.exp(found.get(FLOAT, at + p * stride) - (double) high) * found.get(FLOAT, at + p * stride + 4);
        }
        for (int p = 0; p < parts; p++) {
            float factor = (float) (Math.exp(found.get(FLOAT, at + p * stride) - (double) high) / sum);
            if (p == 0) {
                scaled(found, at + 8, factor, y, yAt, width);
            } else {
                addScaled(found, at + p * stride + 8, factor, y, yAt, width);
            }
        }
        logSum.set(FLOAT, logSumAt, (float) (high + Math.log(sum)));
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** What all tasks of one backward call read. */
    private record Gradient(Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages,
            Tensor logSum,
            Tensor dy, Tensor dKey, Tensor dValue, Tensor dKeys, Tensor dValues, MemorySegment means,
            MemorySegment dQueries, int parts) {
        int paddedTime() {
            return (query.dim(1) + TILE - 1) / TILE * TILE;
        }

        /** Where the dQuery of one part, sequence and head begins. */
        long dQueryAt(int part, int b, int h) {
            long row = ((long) part * query.dim(0) + b) * query.dim(2) + h;
            return 4 * row * paddedTime() * padded(query.dim(3));
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values,
            long[] ages,
            Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dKeys,
            Tensor dValues) {
        int batch = query.dim(0);
        int time = query.dim(1);
        int heads = query.dim(2);
        int groups = key.dim(2);
        if (time == 0) {
            return;
        }
        long oldest = 0;
        for (long age : ages) {
            oldest = Math.max(oldest, age);
        }
        int keyTiles = Math.toIntExact((oldest + time + TILE - 1) / TILE);
        int parts = Math.min(keyTiles, (BACKWARD_TASKS + batch * groups - 1) / (batch * groups));
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment means = floats(team.scratch(), batch * heads * time);
        long dQueryLength = (long) parts * batch * heads * ((time + TILE - 1) / TILE * TILE) * padded(query.dim(3));
        MemorySegment dQueries = floats(team.scratch(), Math.toIntExact(dQueryLength));
        Gradient gradient = new Gradient(query, key, value, keys, values, ages, logSum, dy, dKey, dValue, dKeys,
                dValues,
                means, dQueries, parts);
        team.run(batch * heads, (index, scratch) -> means(dy, y, index / heads, index % heads, means));
        team.run(batch * groups * parts, (index, scratch) -> {
            int part = index % parts;
            int g = index / parts % groups;
            int b = index / parts / groups;
            for (int h = g * (heads / groups); h < (g + 1) * (heads / groups); h++) {
                long at = gradient.dQueryAt(part, b, h);
                long length = 4L * gradient.paddedTime() * padded(query.dim(3));
                Lanes.clear(dQueries, at, at + length);
            }
            for (int tile = part; (long) tile * TILE < ages[b] + time; tile += parts) {
                Workspace.Mark inner = scratch.mark();
                keyTile(gradient, b, g, part, (long) tile * TILE, scratch);
                scratch.release(inner);
            }
        });
        team.run(batch * heads, (index, scratch) -> addQueries(gradient, index / heads, index % heads, dQuery));
        team.scratch().release(mark);
    }

    // Σ_j dy_j·y_j of each position of a head: what softmax's backward subtracts.
    private static void means(Tensor dy, Tensor y, int b, int h, MemorySegment means) {
        int time = y.dim(1);
        int heads = y.dim(2);
        int width = y.dim(3);
        for (int t = 0; t < time; t++) {
            long at = 4L * (((long) b * time + t) * heads + h) * width;
            means.set(FLOAT, 4L * (((long) b * heads + h) * time + t), dot(dy.data(), at, y.data(), at, width));
        }
    }

    private static void keyTile(Gradient in, int b, int g, int part, long first, Workspace scratch) {
        int time = in.query.dim(1);
        int heads = in.query.dim(2);
        int groups = in.key.dim(2);
        int width = in.query.dim(3);
        int valueWidth = in.value.dim(3);
        long age = in.ages[b];
        int columns = (int) Math.min(TILE, age + time - first);
        int lanes = padded(columns);
        int widthLanes = padded(width);
        int valueLanes = padded(valueWidth);
        long widthBytes = 4L * widthLanes;
        long valueBytes = 4L * valueLanes;
        MemorySegment tileKeys = floats(scratch, TILE * widthLanes).fill((byte) 0);
        MemorySegment tileValues = floats(scratch, TILE * valueLanes).fill((byte) 0);
        MemorySegment turnedKeys = floats(scratch, width * lanes);
        MemorySegment turnedValues = floats(scratch, valueWidth * lanes);
        MemorySegment dTileKeys = floats(scratch, TILE * widthLanes).fill((byte) 0);
        MemorySegment dTileValues = floats(scratch, TILE * valueLanes).fill((byte) 0);
        MemorySegment queries = floats(scratch, TILE * widthLanes).fill((byte) 0);
        MemorySegment outputs = floats(scratch, TILE * valueLanes).fill((byte) 0);
        MemorySegment weights = floats(scratch, TILE * lanes);
        MemorySegment dScores = floats(scratch, TILE * lanes);
        MemorySegment tile = floats(scratch, Tiles.scratchLength());
        packKeys(in.keys, in.key, age, b, g, first, columns, tileKeys, widthBytes);
        packKeys(in.values, in.value, age, b, g, first, columns, tileValues, valueBytes);
        transpose(tileKeys, 0, widthBytes, columns, width, 1, turnedKeys, lanes);
        transpose(tileValues, 0, valueBytes, columns, valueWidth, 1, turnedValues, lanes);
        float scale = (float) (1 / Math.sqrt(width));
        int firstQuery = (int) Math.max(0, (first - age) / TILE * TILE);
        for (int h = g * (heads / groups); h < (g + 1) * (heads / groups); h++) {
            for (int from = firstQuery; from < time; from += TILE) {
                int rows = Math.min(TILE, time - from);
                int paddedRows = Tiles.paddedRows(rows);
                long row = ((long) b * time + from) * heads + h;
                pack(in.query.data(), 4 * row * width, 4L * heads * width, rows, width, scale, queries, widthBytes);
                pack(in.dy.data(), 4 * row * valueWidth, 4L * heads * valueWidth, rows, valueWidth, 1, outputs,
                        valueBytes);
                Tiles.product(queries, 0, widthBytes, 4, turnedKeys, 0, 4L * lanes, weights, 0, 4L * lanes, paddedRows,
                        lanes,
                        width);
                Tiles.product(outputs, 0, valueBytes, 4, turnedValues, 0, 4L * lanes, dScores, 0, 4L * lanes,
                        paddedRows,
                        lanes, valueWidth);
                long line = 4 * (((long) b * heads + h) * time + from);
                for (int r = 0; r < rows; r++) {
                    float total = in.logSum.data().get(FLOAT, line + 4L * r);
                    float mean = in.means.get(FLOAT, line + 4L * r);
                    int seen = (int) Math.min(columns, age + from + r + 1 - first);
                    weightRow(weights, dScores, 4L * r * lanes, lanes, Math.max(0, seen), total, mean);
                }
                Tiles.accumulate(weights, 0, 4, 4L * lanes, outputs, 0, valueBytes, dTileValues, 0, valueBytes,
                        Tiles.paddedRows(columns), valueLanes, rows, tile);
                Tiles.accumulate(dScores, 0, 4, 4L * lanes, queries, 0, widthBytes, dTileKeys, 0, widthBytes,
                        Tiles.paddedRows(columns), widthLanes, rows, tile);
                Tiles.accumulate(dScores, 0, 4L * lanes, 4, tileKeys, 0, widthBytes, in.dQueries,
                        in.dQueryAt(part, b, h) + from * widthBytes, widthBytes, paddedRows, widthLanes, columns, tile);
            }
        }
        unpack(dTileKeys, widthBytes, in.dKeys, in.dKey, age, b, g, first, columns);
        unpack(dTileValues, valueBytes, in.dValues, in.dValue, age, b, g, first, columns);
    }

    // Scores of one query become weights, and the gradients of weights those of scores; unseen keys get 0.
    static void weightRow(MemorySegment weights, MemorySegment dScores, long at, int lanes, int seen,
            float total,
            float mean) {
        FloatVector totals = FloatVector.broadcast(SPECIES, total);
        FloatVector means = FloatVector.broadcast(SPECIES, mean);
        for (int c = 0; c < lanes; c += LENGTH) {
            long here = at + 4L * c;
            FloatVector weight = exp(fromMemorySegment(SPECIES, weights, here, ORDER).sub(totals));
            weight.intoMemorySegment(weights, here, ORDER);
            weight.mul(fromMemorySegment(SPECIES, dScores, here, ORDER).sub(means)).intoMemorySegment(dScores, here,
                    ORDER);
        }
        for (int c = seen; c < lanes; c++) {
            weights.set(FLOAT, at + 4L * c, 0);
            dScores.set(FLOAT, at + 4L * c, 0);
        }
    }

    private static void addQueries(Gradient in, int b, int h, Tensor dQuery) {
        int time = dQuery.dim(1);
        int heads = dQuery.dim(2);
        int width = dQuery.dim(3);
        float scale = (float) (1 / Math.sqrt(width));
        for (int t = 0; t < time; t++) {
            long at = 4 * (((long) b * time + t) * heads + h) * width;
            long from = 4L * t * padded(width);
            scaled(in.dQueries, in.dQueryAt(0, b, h) + from, scale, dQuery.data(), at, width);
            for (int part = 1; part < in.parts; part++) {
                addScaled(in.dQueries, in.dQueryAt(part, b, h) + from, scale, dQuery.data(), at, width);
            }
        }
    }

    // ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

    private static void packKeys(Tensor history, Tensor fresh, long age, int b, int g, long first, int columns,
            MemorySegment into, long row) {
        int width = fresh.dim(3);
        int groups = fresh.dim(2);
        int old = Math.clamp(age - first, 0, columns);
        pack(history.data(), 4 * (((long) b * history.dim(1) + first) * groups + g) * width, 4L * groups * width, old,
                width,
                1, into, row);
        long at = 4 * (((long) b * fresh.dim(1) + first + old - age) * groups + g) * width;
        for (int c = old; c < columns; c++) {
            scaled(fresh.data(), at + 4L * (c - old) * groups * width, 1, into, c * row, width);
        }
    }

    private static void unpack(MemorySegment from, long row, Tensor dHistory, Tensor dFresh, long age, int b, int g,
            long first, int columns) {
        int width = dFresh.dim(3);
        int groups = dFresh.dim(2);
        for (int c = 0; c < columns; c++) {
            long position = first + c;
            if (position < age) {
                long at = 4 * (((long) b * dHistory.dim(1) + position) * groups + g) * width;
                addScaled(from, c * row, 1, dHistory.data(), at, width);
            } else {
                long at = 4 * (((long) b * dFresh.dim(1) + position - age) * groups + g) * width;
                scaled(from, c * row, 1, dFresh.data(), at, width);
            }
        }
    }

    static void pack(MemorySegment from, long at, long stride, int rows, int width, float scale,
            MemorySegment into,
            long row) {
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        int bound = bound(width);
        for (int r = 0; r < rows; r++) {
            long source = at + r * stride;
            long target = r * row;
            for (int i = 0; i < bound; i += LENGTH) {
                fromMemorySegment(SPECIES, from, source + 4L * i, ORDER).mul(scales).intoMemorySegment(into,
                        target + 4L * i, ORDER);
            }
            for (int i = bound; i < width; i++) {
                into.set(FLOAT, target + 4L * i, from.get(FLOAT, source + 4L * i) * scale);
            }
        }
    }

    // into[i, r] ← scale·from[r, i]; lanes beyond the rows become 0. By blocks, so that a line of a row is fetched once.
    static void transpose(MemorySegment from, long at, long stride, int rows, int width, float scale,
            MemorySegment into, int lanes) {
        for (int block = 0; block < width; block += LENGTH) {
            int end = Math.min(width, block + LENGTH);
            for (int r = 0; r < rows; r++) {
                transposePart(from, at + r * stride, block, end, scale, into, 4L * r, 4L * lanes);
            }
        }
        for (int r = rows; r < lanes; r++) {
            for (int i = 0; i < width; i++) {
                into.set(FLOAT, 4L * ((long) i * lanes + r), 0);
            }
        }
    }

    private static void transposePart(MemorySegment from, long at, int begin, int end, float scale, MemorySegment into,
            long to, long row) {
        for (int i = begin; i < end; i++) {
            into.set(FLOAT, to + i * row, scale * from.get(FLOAT, at + 4L * i));
        }
    }

    static void scaled(MemorySegment from, long at, float scale, MemorySegment into, long intoAt, int n) {
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            fromMemorySegment(SPECIES, from, at + 4L * i, ORDER).mul(scales).intoMemorySegment(into, intoAt + 4L * i,
                    ORDER);
        }
        for (; i < n; i++) {
            into.set(FLOAT, intoAt + 4L * i, from.get(FLOAT, at + 4L * i) * scale);
        }
    }

    static void addScaled(MemorySegment from, long at, float scale, MemorySegment into, long intoAt, int n) {
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            fromMemorySegment(SPECIES, from, at + 4L * i, ORDER)
                    .fma(scales, fromMemorySegment(SPECIES, into, intoAt + 4L * i, ORDER))
                    .intoMemorySegment(into, intoAt + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            float sum = Math.fma(from.get(FLOAT, at + 4L * i), scale, into.get(FLOAT, intoAt + 4L * i));
            into.set(FLOAT, intoAt + 4L * i, sum);
        }
    }

    static float dot(MemorySegment a, long aAt, MemorySegment b, long bAt, int n) {
        FloatVector sums = FloatVector.broadcast(SPECIES, 0);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            sums = fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER)
                    .fma(fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER), sums);
        }
        float sum = Lanes.sum(sums);
        for (; i < n; i++) {
            sum += a.get(FLOAT, aAt + 4L * i) * b.get(FLOAT, bAt + 4L * i);
        }
        return sum;
    }

    static void fill(MemorySegment floats, int n, float value) {
        for (int i = 0; i < n; i++) {
            floats.set(FLOAT, 4L * i, value);
        }
    }

    private static MemorySegment floats(Workspace scratch, int length) {
        return scratch.floatMemory(length);
    }

    // ── rotary positions ────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void rotary(ThreadTeam team, Tensor x, long[] ages, double[] speeds, Tensor y) {
        turn(team, x, ages, speeds, 1, y);
    }

    @Override
    public void rotaryBackward(ThreadTeam team, Tensor dy, long[] ages, double[] speeds, Tensor dx) {
        turn(team, dy, ages, speeds, -1, dx);
    }

    private static void turn(ThreadTeam team, Tensor x, long[] ages, double[] speeds, int direction, Tensor y) {
        int time = x.dim(1);
        int blocks = (time + ROTARY_POSITIONS - 1) / ROTARY_POSITIONS;
        ThreadTeam.Task block = (index, scratch) -> {
            int b = index / blocks;
            int from = index % blocks * ROTARY_POSITIONS;
            turn(x, b, from, Math.min(time, from + ROTARY_POSITIONS), ages[b], speeds, direction, y, scratch);
        };
        if (x.elements() < WORTH_A_REGION) {
            alone(team, x.dim(0) * blocks, block);
        } else {
            team.run(x.dim(0) * blocks, block);
        }
    }

    // Angles of the first position are exact; those that follow are turned on from it in double precision.
    private static void turn(Tensor x, int b, int from, int to, long age, double[] speeds, int direction, Tensor y,
            Workspace scratch) {
        int heads = x.dim(2);
        int width = x.dim(3);
        int half = width / 2;
        Tensor angles = scratch.allocate(DType.F64, Shape.of(4, half));
        MemorySegment cosines = floats(scratch, half);
        MemorySegment sines = floats(scratch, half);
        for (int i = 0; i < half; i++) {
            double angle = (age + from) * speeds[i];
            angles.set(i, Math.cos(angle));
            angles.set(half + i, Math.sin(angle));
            if (to - from > 1) {
                angles.set(2L * half + i, Math.cos(speeds[i]));
                angles.set(3L * half + i, Math.sin(speeds[i]));
            }
        }
        for (int t = from; t < to; t++) {
            for (int i = 0; i < half; i++) {
                double cosine = angles.get(i);
                double sine = angles.get(half + i);
                cosines.set(FLOAT, 4L * i, (float) cosine);
                sines.set(FLOAT, 4L * i, (float) (direction * sine));
                if (t + 1 < to) {
                    double stepCosine = angles.get(2L * half + i);
                    double stepSine = angles.get(3L * half + i);
                    angles.set(i, cosine * stepCosine - sine * stepSine);
                    angles.set(half + i, sine * stepCosine + cosine * stepSine);
                }
            }
            for (int h = 0; h < heads; h++) {
                long at = 4 * (((long) b * x.dim(1) + t) * heads + h) * width;
                turnHead(x.data(), at, cosines, sines, half, y.data());
            }
        }
    }

    private static void turnHead(MemorySegment x, long at, MemorySegment cosines, MemorySegment sines, int half,
            MemorySegment y) {
        int i = 0;
        for (int bound = bound(half); i < bound; i += LENGTH) {
            FloatVector first = fromMemorySegment(SPECIES, x, at + 4L * i, ORDER);
            FloatVector second = fromMemorySegment(SPECIES, x, at + 4L * (half + i), ORDER);
            FloatVector cosine = fromMemorySegment(SPECIES, cosines, 4L * i, ORDER);
            FloatVector sine = fromMemorySegment(SPECIES, sines, 4L * i, ORDER);
            first.mul(cosine).sub(second.mul(sine)).intoMemorySegment(y, at + 4L * i, ORDER);
            first.mul(sine).add(second.mul(cosine)).intoMemorySegment(y, at + 4L * (half + i), ORDER);
        }
        for (; i < half; i++) {
            float first = x.get(FLOAT, at + 4L * i);
            float second = x.get(FLOAT, at + 4L * (half + i));
            float cosine = cosines.get(FLOAT, 4L * i);
            float sine = sines.get(FLOAT, 4L * i);
            y.set(FLOAT, at + 4L * i, first * cosine - second * sine);
            y.set(FLOAT, at + 4L * (half + i), first * sine + second * cosine);
        }
    }
}
