package tern.kernels.attention;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.attention.VectorAttention.DECODE_KEYS;
import static tern.kernels.attention.VectorAttention.alone;
import static tern.kernels.attention.VectorAttention.join;
import static tern.kernels.attention.VectorAttention.weights;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.bound;
import static tern.kernels.lanes.Lanes.padded;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Attention of many positions with the bits that each has alone. A position alone sums a score in the lanes of one vector and
 * then over the lanes, halves first; here keys lie in the lanes, so each lane's sum is a product of its own, and the products
 * are added in that same order. Weights and their sums are taken query by query over the same 256 keys at fixed positions, and
 * values are mixed along the same chains. A task is 256 keys of one key head and up to 128 queries.
 */
final class SteadyTiles {
    /** Positions from which on turning the keys is worth it. */
    static final int FEWEST = 8;
    private static final int QUERIES = 128;
    private static final int STRIP = 4 * LENGTH;
    private static final int JOINED = 8;
    // Floats below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 15;

    private final Tensor query;
    private final Tensor keys;
    private final Tensor values;
    private final int width;
    private final int valueWidth;
    private final int heads;
    private final int groups;
    private final int parts;
    private final MemorySegment found;

    // Sequence b, positions from `first` on; the first of them is the age-th of its sequence.
    private final int b;
    private final int first;
    private final int count;
    private final long age;

    private SteadyTiles(Tensor query, Tensor keys, Tensor values, int b, int first, int count, long age,
            Workspace scratch) {
        this.query = query;
        this.keys = keys;
        this.values = values;
        this.width = query.dim(3);
        this.valueWidth = values.dim(3);
        this.heads = query.dim(2);
        this.groups = keys.dim(2);
        this.b = b;
        this.first = first;
        this.count = count;
        this.age = age;
        this.parts = Math.toIntExact((age + count + DECODE_KEYS - 1) / DECODE_KEYS);
        this.found = scratch.floatMemory((long) count * parts * heads * (2 + valueWidth));
    }

    static void forward(ThreadTeam team, Tensor query, Tensor keys, Tensor values, long[] ages, Tensor y,
            Tensor logSum) {
        for (int b = 0; b < query.dim(0); b++) {
            for (int from = 0; from < query.dim(1); from += QUERIES) {
                Workspace.Mark mark = team.scratch().mark();
                int rows = Math.min(QUERIES, query.dim(1) - from);
                SteadyTiles block = new SteadyTiles(query, keys, values, b, from, rows, ages[b] + from, team.scratch());
                long floats = rows * (ages[b] + from + rows) * block.groups * (block.width + block.valueWidth);
                int tasks = block.parts * block.groups;
                int joins = (rows + JOINED - 1) / JOINED;
                if (floats < WORTH_A_REGION) {
                    alone(team, tasks, block::part);
                    alone(team, joins, (index, scratch) -> block.together(index, y, logSum));
                } else {
                    team.run(tasks, block::part);
                    team.run(joins, (index, scratch) -> block.together(index, y, logSum));
                }
                team.scratch().release(mark);
            }
        }
    }

    /** Queries against the keys of one part of one key head. */
    private void part(int index, Workspace scratch) {
        int which = index / groups;
        int g = index % groups;
        long from = (long) which * DECODE_KEYS;
        int columns = (int) Math.min(DECODE_KEYS, age + count - from);
        int lanes = (columns + STRIP - 1) / STRIP * STRIP;
        long row = 4L * lanes;
        MemorySegment turned = scratch.floatMemory((long) width * lanes);
        MemorySegment packed = scratch.floatMemory((long) Tiles.ROWS * width);
        MemorySegment partial = scratch.floatMemory((long) LENGTH * Tiles.ROWS * STRIP);
        MemorySegment scores = scratch.floatMemory((long) Tiles.ROWS * lanes);
        MemorySegment mixed = scratch.floatMemory((long) Tiles.ROWS * padded(valueWidth));
        long keyAt = 4L * (((long) b * keys.dim(1) + from) * groups + g) * width;
        turn(keys.data(), keyAt, 4L * groups * width, columns, width, turned, lanes);
        int start = (int) Math.max(0, from - age) / Tiles.ROWS * Tiles.ROWS;
        int perGroup = heads / groups;
        for (int h = g * perGroup; h < (g + 1) * perGroup; h++) {
            for (int t = start; t < count; t += Tiles.ROWS) {
                int rows = Math.min(Tiles.ROWS, count - t);
                int seen = (int) Math.min(columns, age + t + rows - from);
                MemorySegment queries = query.data();
                long queryAt = queryAt(t, h);
                long queryRow = 4L * heads * width;
                if (rows < Tiles.ROWS) {
                    packed.fill((byte) 0);
                    for (int r = 0; r < rows; r++) {
                        MemorySegment.copy(queries, queryAt(t + r, h), packed, 4L * r * width, 4L * width);
                    }
                    queries = packed;
                    queryAt = 0;
                    queryRow = 4L * width;
                }
                for (int s = 0; s < seen; s += STRIP) {
                    strip(queries, queryAt, queryRow, turned, 4L * s, row, partial, scores, 4L * s);
                }
                for (int r = 0; r < rows; r++) {
                    weigh(scores, r * row, (int) Math.min(columns, age + t + r + 1 - from), seen,
                            foundAt(t + r, which, h));
                }
                mix(scores, row, rows, seen, g, from, mixed);
                for (int r = 0; r < rows; r++) {
                    if (age + t + r >= from) {
                        MemorySegment.copy(mixed, 4L * r * padded(valueWidth), found, foundAt(t + r, which, h) + 8,
                                4L * valueWidth);
                    }
                }
            }
        }
    }

    private long queryAt(int t, int h) {
        return 4L * (((long) b * query.dim(1) + first + t) * heads + h) * width;
    }

    private long foundAt(int t, int which, int h) {
        return 4L * (((long) t * parts + which) * heads + h) * (2 + valueWidth);
    }

    /** into[i, c] ← from[c, i], a few rows at a time so that both sides stay in the cache; lanes beyond the columns become 0. */
    private static void turn(MemorySegment from, long at, long stride, int columns, int width, MemorySegment into,
            int lanes) {
        long row = 4L * lanes;
        int c = 0;
        for (; c + 4 <= columns; c += 4) {
            long source = at + c * stride;
            for (int i = 0; i < width; i++) {
                long target = i * row + 4L * c;
                into.set(FLOAT, target, from.get(FLOAT, source + 4L * i));
                into.set(FLOAT, target + 4, from.get(FLOAT, source + stride + 4L * i));
                into.set(FLOAT, target + 8, from.get(FLOAT, source + 2 * stride + 4L * i));
                into.set(FLOAT, target + 12, from.get(FLOAT, source + 3 * stride + 4L * i));
            }
        }
        for (; c < lanes; c++) {
            for (int i = 0; i < width; i++) {
                into.set(FLOAT, i * row + 4L * c, c < columns ? from.get(FLOAT, at + c * stride + 4L * i) : 0);
            }
        }
    }

    /** Scores of four queries and a strip of keys, not yet scaled. */
    private void strip(MemorySegment queries, long queryAt, long queryRow, MemorySegment turned, long keyAt,
            long keyRow,
            MemorySegment partial, MemorySegment scores, long scoreAt) {
        int whole = bound(width);
        int tile = Tiles.ROWS * STRIP;
        for (int lane = 0; lane < LENGTH && whole > 0; lane++) {
            Tiles.product(queries, queryAt + 4L * lane, queryRow, 4L * LENGTH, turned, keyAt + lane * keyRow,
                    LENGTH * keyRow, partial, 4L * lane * tile, 4L * STRIP, Tiles.ROWS, STRIP, whole / LENGTH);
        }
        if (whole == 0) {
            Lanes.clear(partial, 0, 4L * tile);
        }
        for (int half = LENGTH / 2; half > 0 && whole > 0; half /= 2) {
            add(partial, 4L * half * tile, half * tile);
        }
        for (int r = 0; r < Tiles.ROWS; r++) {
            MemorySegment.copy(partial, 4L * r * STRIP, scores, scoreAt + r * keyRow, 4L * STRIP);
            for (int i = whole; i < width; i++) {
                float q = queries.get(FLOAT, queryAt + r * queryRow + 4L * i);
                for (int c = 0; c < STRIP; c++) {
                    long at = scoreAt + r * keyRow + 4L * c;
                    scores.set(FLOAT, at, scores.get(FLOAT, at) + turned.get(FLOAT, keyAt + i * keyRow + 4L * c) * q);
                }
            }
        }
    }

    /** The first n numbers plus those that begin at {@code other}. */
    private static void add(MemorySegment x, long other, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, 4L * i, ORDER).add(fromMemorySegment(SPECIES, x, other + 4L * i, ORDER))
                    .intoMemorySegment(x, 4L * i, ORDER);
        }
    }

    /** Scores of one query become weights of the keys it sees, and 0 for those that only its neighbours see. */
    private void weigh(MemorySegment scores, long at, int own, int seen, long foundAt) {
        if (own > 0) {
            scale(scores, at, padded(own), (float) (1 / Math.sqrt(width)));
            weights(scores, at, own, found, foundAt);
        }
        for (int c = Math.max(0, own); c < seen; c++) {
            scores.set(FLOAT, at + 4L * c, 0);
        }
    }

    private static void scale(MemorySegment scores, long at, int n, float scale) {
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, scores, at + 4L * i, ORDER).mul(scales).intoMemorySegment(scores, at + 4L * i,
                    ORDER);
        }
    }

    private void mix(MemorySegment weights, long row, int rows, int seen, int g, long from, MemorySegment mixed) {
        long stride = 4L * groups * valueWidth;
        long valueAt = 4L * (((long) b * values.dim(1) + from) * groups + g) * valueWidth;
        long mixedRow = 4L * padded(valueWidth);
        int whole = bound(valueWidth);
        Tiles.product(weights, 0, row, 4, values.data(), valueAt, stride, mixed, 0, mixedRow, Tiles.ROWS, whole, seen);
        for (int r = 0; r < rows; r++) {
            for (int j = whole; j < valueWidth; j++) {
                float sum = 0;
                for (int s = 0; s < seen; s++) {
                    sum += weights.get(FLOAT, r * row + 4L * s)
                            * values.data().get(FLOAT, valueAt + s * stride + 4L * j);
                }
                mixed.set(FLOAT, r * mixedRow + 4L * j, sum);
            }
        }
    }

    /** Joins the parts of a few queries. */
    private void together(int index, Tensor y, Tensor logSum) {
        int to = Math.min(count, (index + 1) * JOINED);
        for (int t = index * JOINED; t < to; t++) {
            for (int h = 0; h < heads; h++) {
                long row = ((long) b * query.dim(1) + first + t) * heads + h;
                join(found, foundAt(t, 0, h), foundAt(t, 1, h) - foundAt(t, 0, h),
                        (int) ((age + t) / DECODE_KEYS) + 1, valueWidth, y.data(), 4 * row * valueWidth,
                        logSum.data(), 4 * (((long) b * heads + h) * query.dim(1) + first + t));
            }
        }
    }
}
