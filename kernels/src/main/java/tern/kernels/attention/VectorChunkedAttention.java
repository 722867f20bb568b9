package tern.kernels.attention;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.attention.VectorAttention.addScaled;
import static tern.kernels.attention.VectorAttention.alone;
import static tern.kernels.attention.VectorAttention.dot;
import static tern.kernels.attention.VectorAttention.dots;
import static tern.kernels.attention.VectorAttention.fill;
import static tern.kernels.attention.VectorAttention.join;
import static tern.kernels.attention.VectorAttention.mix;
import static tern.kernels.attention.VectorAttention.pack;
import static tern.kernels.attention.VectorAttention.rescale;
import static tern.kernels.attention.VectorAttention.scaled;
import static tern.kernels.attention.VectorAttention.transpose;
import static tern.kernels.attention.VectorAttention.weighTile;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.padded;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.ops.Chunks;
import tern.ops.Weighing;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, in tiles of 64 queries by 64 keys of one chunk, as {@link VectorAttention} has them; a tile of keys is
 * either cached or the call's own. Forward: a task is one tile of queries of one head. One position: a task is 256 keys of all
 * heads. Backward: a task is every n-th tile of keys of one chunk and head; it finishes the gradients of its keys and values and
 * adds to a dQuery and a dBias of its own, which are added in order. Memory is O(T); results do not depend on the number of
 * threads.
 */
public final class VectorChunkedAttention implements ChunkedAttention {
    private static final int TILE = 64;
    private static final int STEP_KEYS = 256;
    private static final int STEP_ROWS = 32;
    private static final int STEP_QUERIES = 128;
    private static final int BACKWARD_TASKS = 16;
    /** Entries before and after a copy of the bias, so that whole tiles can be read at its ends. */
    private static final int MARGIN = TILE + LENGTH;
    // Floats below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 15;

    private final boolean alone;

    /** A body without state. */
    public VectorChunkedAttention() {
        this(false);
    }

    private VectorChunkedAttention(boolean alone) {
        this.alone = alone;
    }

    /**
     * A body whose forward pass over caches takes every position as if it were the only one, so that its bits do not depend on
     * where time is cut or on what stands beside it; positions of a chunk are tasks of one region.
     */
    public static VectorChunkedAttention positionByPosition() {
        return new VectorChunkedAttention(true);
    }

    @Override
    public boolean positionsAlone() {
        return alone;
    }

    /** What a call reads; {@code forward} and {@code turned} are copies of the bias with margins, the second backwards. */
    private record Call(Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys, Tensor values,
            MemorySegment straight, MemorySegment turned) {
        static Call of(Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys, Tensor values,
                Workspace scratch) {
            int count = bias.dim(0);
            MemorySegment straight = scratch.floatMemory(count + 2L * MARGIN).fill((byte) 0);
            MemorySegment turned = scratch.floatMemory(count + 2L * MARGIN).fill((byte) 0);
            for (int i = 0; i < count; i++) {
                float value0 = bias.data().get(FLOAT, 4L * i);
                straight.set(FLOAT, 4L * (MARGIN + i), value0);
                turned.set(FLOAT, 4L * (MARGIN + count - 1 - i), value0);
            }
            return new Call(query, key, value, bias, how, keys, values, straight, turned);
        }

        boolean biased() {
            return bias.dim(0) > 0;
        }

        boolean normalised() {
            return how.weighing() == Weighing.SOFTMAX;
        }

        int heads() {
            return query.dim(2);
        }

        float scale(Piece piece, int i) {
            return normalised() ? (float) (1 / Math.sqrt(query.dim(3))) : 1f / Math.max(1, piece.read(how, i));
        }

        /** Byte offset of a row of one head in a call's tensor or a cache. */
        static long at(Tensor of, int b, long row, int h) {
            return 4 * (((long) b * of.dim(1) + row) * of.dim(2) + h) * of.dim(3);
        }

        static long stride(Tensor of) {
            return 4L * of.dim(2) * of.dim(3);
        }

        /** Byte offset of key j of a piece, in the cache or in the call's own rows. */
        static long keyAt(Tensor cache, Tensor fresh, Piece piece, int j, int h) {
            return j < piece.cached() ? at(cache, piece.sequence(), j, h)
                    : at(fresh, piece.sequence(), piece.from() + j - (long) piece.cached(), h);
        }

        /** Keys of the tile that begins with key j: it does not cross from the cache into the call. */
        static int columns(Piece piece, int j, int end) {
            return Math.min(TILE, (j < piece.cached() ? Math.min(piece.cached(), end) : end) - j);
        }
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum) {
        Workspace.Mark mark = team.scratch().mark();
        Call call = Call.of(query, key, value, bias, how, keys, values, team.scratch());
        if (query.dim(1) == 1 && lengths.length == 0 && !how.dropped().any()) {
            step(team, call, ages, y, logSum);
        } else if (alone && keys.dim(1) > 0 && lengths.length == 0) {
            for (Piece piece : Piece.of(how, query.dim(1), ages, lengths)) {
                positions(team, call, piece, y, logSum);
            }
        } else {
            List<Piece> pieces = Piece.of(how, query.dim(1), ages, lengths);
            int[] owner = new int[pieces.stream().mapToInt(piece -> tiles(piece.queries())).sum()];
            int[] tile = new int[owner.length];
            int next = 0;
            for (int p = 0; p < pieces.size(); p++) {
                for (int t = tiles(pieces.get(p).queries()) - 1; t >= 0; t--) {
                    owner[next] = p;
                    tile[next++] = t;
                }
            }
            team.run(owner.length * call.heads(), (index, scratch) -> {
                int at = index / call.heads();
                queryTile(call, pieces.get(owner[at]), index % call.heads(), tile[at] * TILE, y, logSum, scratch);
            });
            Caches.append(key, keys, how, ages);
            Caches.append(value, values, how, ages);
        }
        team.scratch().release(mark);
    }

    private static int tiles(int rows) {
        return (rows + TILE - 1) / TILE;
    }

    private static void queryTile(Call in, Piece piece, int h, int first, Tensor y, Tensor logSum, Workspace scratch) {
        int rows = Math.min(TILE, piece.queries() - first);
        int width = in.query.dim(3);
        int valueWidth = in.value.dim(3);
        int lanes = padded(rows);
        int valueLanes = padded(valueWidth);
        long laneBytes = 4L * lanes;
        long valueBytes = 4L * valueLanes;
        MemorySegment turned = scratch.floatMemory((long) width * lanes);
        MemorySegment scores = scratch.floatMemory((long) TILE * lanes);
        MemorySegment packedKeys = scratch.floatMemory((long) TILE * width);
        MemorySegment packedValues = scratch.floatMemory((long) TILE * valueLanes).fill((byte) 0);
        MemorySegment mixed = scratch.floatMemory((long) lanes * valueLanes).fill((byte) 0);
        MemorySegment highest = scratch.floatMemory(lanes);
        MemorySegment sums = scratch.floatMemory(lanes).fill((byte) 0);
        MemorySegment factors = scratch.floatMemory(lanes);
        MemorySegment tile = scratch.floatMemory(Tiles.scratchLength());
        fill(highest, lanes, Float.NEGATIVE_INFINITY);
        turnQueries(in, piece, h, first, rows, factors, turned, lanes);

        int end = in.how.causal() ? Math.min(piece.keys(), piece.cached() + first + rows) : piece.keys();
        for (int j = 0, columns; j < end; j += columns) {
            columns = Call.columns(piece, j, end);
            scores(in, piece, h, j, columns, packedKeys, turned, scores, lanes);
            if (in.biased()) {
                long middle = MARGIN + (in.bias.dim(0) - 1) / 2L + piece.cached() + first;
                for (int c = 0; c < columns; c++) {
                    addTo(scores, c * laneBytes, in.turned, 4 * (middle - j - c), lanes);
                }
            }
            int offset = in.how.causal() ? j - piece.cached() - first : Integer.MIN_VALUE / 2;
            if (in.normalised()) {
                hide(scores, lanes, columns, offset, Float.NEGATIVE_INFINITY);
                if (weighTile(scores, laneBytes, lanes, columns, highest, sums, factors) && j > 0) {
                    rescale(mixed, valueBytes, factors, rows, valueLanes);
                }
            } else {
                ScoreLanes.weigh(in.how.weighing(), scores, 0, columns * lanes);
                hide(scores, lanes, columns, offset, 0);
            }
            if (in.how.dropped().any()) {
                drop(in, piece, h, j, columns, first, rows, scores, lanes);
            }
            Tensor from = j < piece.cached() ? in.values : in.value;
            long at = Call.keyAt(in.values, in.value, piece, j, h);
            if (valueLanes == valueWidth) {
                Tiles.accumulate(scores, 0, 4, laneBytes, from.data(), at, Call.stride(from), mixed, 0, valueBytes,
                        lanes, valueLanes, columns, tile);
            } else {
                pack(from.data(), at, Call.stride(from), columns, valueWidth, 1, packedValues, valueBytes);
                Tiles.accumulate(scores, 0, 4, laneBytes, packedValues, 0, valueBytes, mixed, 0, valueBytes, lanes,
                        valueLanes, columns, tile);
            }
        }
        finish(in, piece, h, first, rows, mixed, valueBytes, highest, sums, y, logSum);
    }

    // A column's queries lie in the lanes.
    private static void drop(Call in, Piece piece, int h, int j, int columns, int first, int rows,
            MemorySegment weights, int lanes) {
        for (int r = 0; r < rows; r++) {
            long line = piece.line(in.query, h, first + r);
            for (int c = 0; c < columns; c++) {
                long at = 4L * ((long) c * lanes + r);
                weights.set(FLOAT, at, (float) (weights.get(FLOAT, at) * in.how.dropped().factor(line, j + c)));
            }
        }
    }

    /** Queries in the lanes, each times what its scores are scaled by. */
    private static void turnQueries(Call in, Piece piece, int h, int first, int rows, MemorySegment scales,
            MemorySegment turned, int lanes) {
        int width = in.query.dim(3);
        transpose(in.query.data(), Call.at(in.query, piece.sequence(), piece.from() + first, h),
                Call.stride(in.query), rows, width, 1, turned, lanes);
        scales.fill((byte) 0);
        for (int r = 0; r < rows; r++) {
            scales.set(FLOAT, 4L * r, in.scale(piece, first + r));
        }
        for (int i = 0; i < width; i++) {
            timesLanes(turned, 4L * i * lanes, scales, lanes);
        }
    }

    private static void timesLanes(MemorySegment row, long at, MemorySegment factors, int lanes) {
        for (int lane = 0; lane < lanes; lane += LENGTH) {
            fromMemorySegment(SPECIES, row, at + 4L * lane, ORDER)
                    .mul(fromMemorySegment(SPECIES, factors, 4L * lane, ORDER))
                    .intoMemorySegment(row, at + 4L * lane, ORDER);
        }
    }

    private static void addTo(MemorySegment row, long at, MemorySegment added, long addedAt, int lanes) {
        for (int lane = 0; lane < lanes; lane += LENGTH) {
            fromMemorySegment(SPECIES, row, at + 4L * lane, ORDER)
                    .add(fromMemorySegment(SPECIES, added, addedAt + 4L * lane, ORDER))
                    .intoMemorySegment(row, at + 4L * lane, ORDER);
        }
    }

    private static void scores(Call in, Piece piece, int h, int j, int columns, MemorySegment packed,
            MemorySegment turned, MemorySegment scores, int lanes) {
        int width = in.query.dim(3);
        Tensor from = j < piece.cached() ? in.keys : in.key;
        long at = Call.keyAt(in.keys, in.key, piece, j, h);
        long stride = Call.stride(from);
        int whole = columns - columns % Tiles.ROWS;
        long laneBytes = 4L * lanes;
        Tiles.product(from.data(), at, stride, 4, turned, 0, laneBytes, scores, 0, laneBytes, whole, lanes, width);
        if (whole < columns) {
            packed.fill((byte) 0);
            pack(from.data(), at + whole * stride, stride, columns - whole, width, 1, packed, 4L * width);
            Tiles.product(packed, 0, 4L * width, 4, turned, 0, laneBytes, scores, whole * laneBytes, laneBytes,
                    Tiles.ROWS, lanes, width);
        }
    }

    // Keys that come after a query are hidden; offset is the first key's position relative to the first query's.
    private static void hide(MemorySegment scores, int lanes, int columns, int offset, float value) {
        for (int c = Math.max(0, 1 - offset); c < columns; c++) {
            int hidden = Math.min(lanes, offset + c);
            for (int r = 0; r < hidden; r++) {
                scores.set(FLOAT, 4L * ((long) c * lanes + r), value);
            }
        }
    }

    private static void finish(Call in, Piece piece, int h, int first, int rows, MemorySegment mixed, long valueBytes,
            MemorySegment highest, MemorySegment sums, Tensor y, Tensor logSum) {
        int valueWidth = in.value.dim(3);
        for (int r = 0; r < rows; r++) {
            boolean valid = first + r < piece.valid();
            float sum = sums.get(FLOAT, 4L * r);
            float factor = !valid ? 0 : in.normalised() ? 1 / sum : 1;
            long row = piece.from() + first + (long) r;
            long at = Call.at(y, piece.sequence(), row, h);
            if (valid) {
                scaled(mixed, r * valueBytes, factor, y.data(), at, valueWidth);
            } else {
                Lanes.clear(y.data(), at, at + 4L * valueWidth);
            }
            float total = valid && in.normalised() ? (float) (highest.get(FLOAT, 4L * r) + Math.log(sum)) : 0;
            logSum.data().set(FLOAT, 4 * (((long) piece.sequence() * in.heads() + h) * y.dim(1) + row), total);
        }
    }

    // ── one position ────────────────────────────────────────────────────────────────────────────────────────────────

    /** The only position of every sequence. */
    private static void step(ThreadTeam team, Call in, long[] ages, Tensor y, Tensor logSum) {
        boolean kept = in.keys.dim(1) > 0;
        Read[] rows = new Read[ages.length];
        for (int b = 0; b < ages.length; b++) {
            int before = in.how.before(ages[b]);
            rows[b] = new Read(b, 0, before + 1);
            if (kept) {
                put(in.key, in.keys, b, 0, before, 1);
                put(in.value, in.values, b, 0, before, 1);
            }
        }
        read(team, in, rows, kept ? in.keys : in.key, kept ? in.values : in.value, y, logSum);
    }

    /** The positions of one piece, each with the bits it has as the only one. */
    private static void positions(ThreadTeam team, Call in, Piece piece, Tensor y, Tensor logSum) {
        put(in.key, in.keys, piece.sequence(), piece.from(), piece.cached(), piece.queries());
        put(in.value, in.values, piece.sequence(), piece.from(), piece.cached(), piece.queries());
        Read[] rows = new Read[piece.queries()];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new Read(piece.sequence(), piece.from() + i, piece.cached() + i + 1);
        }
        for (int from = 0; from < rows.length; from += STEP_QUERIES) {
            read(team, in, Arrays.copyOfRange(rows, from, Math.min(rows.length, from + STEP_QUERIES)), in.keys,
                    in.values, y, logSum);
        }
    }

    /** Position t of sequence b reads so many rows of keys. */
    private record Read(int b, int t, int keys) {
    }

    private static void read(ThreadTeam team, Call in, Read[] rows, Tensor keys, Tensor values, Tensor y,
            Tensor logSum) {
        int heads = in.heads();
        int valueWidth = in.value.dim(3);
        int most = 0;
        long positions = 0;
        for (Read row : rows) {
            most = Math.max(most, row.keys);
            positions += row.keys;
        }
        int parts = (most + STEP_KEYS - 1) / STEP_KEYS;
        long partBytes = 4L * (2 + valueWidth);
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment found = team.scratch().floatMemory((long) rows.length * parts * heads * (2 + valueWidth));
        ThreadTeam.Task part = (index, scratch) -> {
            Read row = rows[index / parts];
            int from = index % parts * STEP_KEYS;
            int count = Math.min(STEP_KEYS, row.keys - from);
            if (count > 0) {
                stepPart(in, keys, values, row, from, count, found, index * heads * partBytes, scratch);
            }
        };
        if (positions * heads * (keys.dim(3) + valueWidth) < WORTH_A_REGION) {
            alone(team, rows.length * parts, part);
        } else {
            team.run(rows.length * parts, part);
        }
        for (int index = 0; index < rows.length * heads; index++) {
            Read row = rows[index / heads];
            int h = index % heads;
            long at = ((long) index / heads * parts * heads + h) * partBytes;
            long yAt = Call.at(y, row.b, row.t, h);
            long logSumAt = 4 * (((long) row.b * heads + h) * y.dim(1) + row.t);
            int own = (row.keys + STEP_KEYS - 1) / STEP_KEYS;
            if (in.normalised()) {
                join(found, at, heads * partBytes, own, valueWidth, y.data(), yAt, logSum.data(), logSumAt);
                continue;
            }
            scaled(found, at + 8, 1, y.data(), yAt, valueWidth);
            for (int p = 1; p < own; p++) {
                addScaled(found, at + p * heads * partBytes + 8, 1, y.data(), yAt, valueWidth);
            }
            logSum.data().set(FLOAT, logSumAt, 0);
        }
        team.scratch().release(mark);
    }

    private static void put(Tensor fresh, Tensor cache, int b, int from, int row, int rows) {
        MemorySegment.copy(fresh.data(), Call.at(fresh, b, from, 0), cache.data(), Call.at(cache, b, row, 0),
                rows * Call.stride(fresh));
    }

    private static void stepPart(Call in, Tensor keys, Tensor values, Read row, int from, int count,
            MemorySegment found, long foundAt, Workspace scratch) {
        int heads = in.heads();
        int width = in.query.dim(3);
        int valueWidth = values.dim(3);
        int valueLanes = padded(valueWidth);
        MemorySegment scores = scratch.floatMemory(STEP_KEYS + LENGTH);
        MemorySegment mixed = scratch.floatMemory(valueLanes);
        float scale = in.normalised() ? (float) (1 / Math.sqrt(width)) : 1f / row.keys;
        for (int h = 0; h < heads; h++) {
            long own = foundAt + 4L * h * (2 + valueWidth);
            dots(in.query.data(), Call.at(in.query, row.b, row.t, h), keys.data(), Call.at(keys, row.b, from, h),
                    Call.stride(keys), count, width, scale, scores, 0);
            if (in.biased()) {
                long at = 4 * (MARGIN + (in.bias.dim(0) - 1) / 2L + from - (row.keys - 1));
                addTo(scores, 0, in.straight, at, padded(count));
            }
            if (in.normalised()) {
                VectorAttention.weights(scores, 0, count, found, own);
            } else {
                ScoreLanes.weigh(in.how.weighing(), scores, 0, padded(count));
            }
            Lanes.clear(mixed, 0, 4L * valueLanes);
            for (int s = 0; s < count; s += STEP_ROWS) {
                mix(scores, 4L * s, Math.min(STEP_ROWS, count - s), values.data(),
                        Call.at(values, row.b, from + (long) s, h), Call.stride(values), mixed, 0, valueWidth);
            }
            MemorySegment.copy(mixed, 0, found, own + 8, 4L * valueWidth);
        }
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** What all tasks of one backward call share; dQueries and dBiases hold one stretch for each part. */
    private record Gradient(Call in, List<Piece> pieces, int[] firstRow, int rows, int parts, Tensor logSum, Tensor dy,
            Tensor dKey, Tensor dValue, Tensor dKeys, Tensor dValues, MemorySegment means, MemorySegment dQueries,
            MemorySegment dBiases) {
        /** Where the dQuery of one part, piece and head begins; a piece has whole tiles of rows. */
        long dQueryAt(int part, int piece, int h) {
            return 4L * padded(in.query.dim(3)) * (((long) part * in.heads() + h) * rows + firstRow[piece]);
        }

        long biasBytes() {
            return 4L * (in.bias.dim(0) + 2L * MARGIN);
        }

        long dBiasAt(int part, int piece, int h) {
            return biasBytes() * (((long) piece * in.heads() + h) * parts + part);
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey,
            Tensor dValue, Tensor dBias, Tensor dKeys, Tensor dValues) {
        Lanes.clear(dQuery.data(), 0, dQuery.bytes());
        Lanes.clear(dKey.data(), 0, dKey.bytes());
        Lanes.clear(dValue.data(), 0, dValue.bytes());
        List<Piece> pieces = Piece.of(how, query.dim(1), ages, lengths);
        if (pieces.isEmpty()) {
            return;
        }
        Workspace.Mark mark = team.scratch().mark();
        Call call = Call.of(query, key, value, bias, how, keys, values, team.scratch());
        int heads = query.dim(2);
        int[] firstRow = new int[pieces.size()];
        int rows = 0;
        int keyTiles = 1;
        for (int p = 0; p < firstRow.length; p++) {
            firstRow[p] = rows;
            rows = Math.addExact(rows, tiles(pieces.get(p).queries()) * TILE);
            keyTiles = Math.max(keyTiles, tiles(pieces.get(p).keys()) + 1);
        }
        int together = pieces.size() * heads;
        int parts = Math.min(keyTiles, (BACKWARD_TASKS + together - 1) / together);
        MemorySegment means = team.scratch().floatMemory((long) query.dim(0) * heads * query.dim(1));
        MemorySegment dQueries = team.scratch().floatMemory((long) parts * heads * rows * padded(query.dim(3)));
        long biases = call.biased() ? (bias.dim(0) + 2L * MARGIN) * together * parts : 0;
        Gradient gradient = new Gradient(call, pieces, firstRow, rows, parts, logSum, dy, dKey, dValue, dKeys, dValues,
                means, dQueries, team.scratch().floatMemory(biases));
        if (call.normalised()) {
            team.run(query.dim(0) * heads, (index, scratch) -> means(dy, y, index / heads, index % heads, means));
        }
        team.run(together * parts, (index, scratch) -> {
            int part = index % parts;
            int h = index / parts % heads;
            part(gradient, index / parts / heads, h, part, scratch);
        });
        team.run(together, (index, scratch) -> addQueries(gradient, index / heads, index % heads, dQuery));
        if (call.biased()) {
            addBiases(gradient, together * parts, dBias);
        }
        team.scratch().release(mark);
    }

    // Σ_j dy_j·y_j of each position of a head: what softmax's backward subtracts.
    private static void means(Tensor dy, Tensor y, int b, int h, MemorySegment means) {
        for (int t = 0; t < y.dim(1); t++) {
            long at = Call.at(y, b, t, h);
            means.set(FLOAT, 4L * (((long) b * y.dim(2) + h) * y.dim(1) + t),
                    dot(dy.data(), at, y.data(), at, y.dim(3)));
        }
    }

    private static void part(Gradient of, int p, int h, int part, Workspace scratch) {
        Piece piece = of.pieces.get(p);
        long begin = of.dQueryAt(part, p, h);
        Lanes.clear(of.dQueries, begin,
                begin + 4L * padded(of.in.query.dim(3)) * tiles(piece.queries()) * TILE);
        if (of.in.biased()) {
            long at = of.dBiasAt(part, p, h);
            Lanes.clear(of.dBiases, at, at + of.biasBytes());
        }
        int number = 0;
        for (int j = 0, columns; j < piece.keys(); j += columns, number++) {
            columns = Call.columns(piece, j, piece.keys());
            if (number % of.parts == part) {
                Workspace.Mark mark = scratch.mark();
                keyTile(of, p, h, part, j, columns, scratch);
                scratch.release(mark);
            }
        }
    }

    private static void keyTile(Gradient of, int p, int h, int part, int j, int columns, Workspace scratch) {
        Call in = of.in;
        Piece piece = of.pieces.get(p);
        int width = in.query.dim(3);
        int valueWidth = in.value.dim(3);
        int lanes = padded(columns);
        int widthLanes = padded(width);
        int valueLanes = padded(valueWidth);
        long widthBytes = 4L * widthLanes;
        long valueBytes = 4L * valueLanes;
        MemorySegment tileKeys = scratch.floatMemory((long) TILE * widthLanes).fill((byte) 0);
        MemorySegment turnedKeys = scratch.floatMemory((long) width * lanes);
        MemorySegment turnedValues = scratch.floatMemory((long) valueWidth * lanes);
        MemorySegment dTileKeys = scratch.floatMemory((long) TILE * widthLanes).fill((byte) 0);
        MemorySegment dTileValues = scratch.floatMemory((long) TILE * valueLanes).fill((byte) 0);
        MemorySegment queries = scratch.floatMemory((long) TILE * widthLanes).fill((byte) 0);
        MemorySegment outputs = scratch.floatMemory((long) TILE * valueLanes).fill((byte) 0);
        MemorySegment weights = scratch.floatMemory((long) TILE * lanes);
        MemorySegment dScores = scratch.floatMemory((long) TILE * lanes);
        MemorySegment tile = scratch.floatMemory(Tiles.scratchLength());
        boolean cached = j < piece.cached();
        Tensor fromKeys = cached ? in.keys : in.key;
        Tensor fromValues = cached ? in.values : in.value;
        long keyAt = Call.keyAt(in.keys, in.key, piece, j, h);
        long valueAt = Call.keyAt(in.values, in.value, piece, j, h);
        pack(fromKeys.data(), keyAt, Call.stride(fromKeys), columns, width, 1, tileKeys, widthBytes);
        transpose(tileKeys, 0, widthBytes, columns, width, 1, turnedKeys, lanes);
        transpose(fromValues.data(), valueAt, Call.stride(fromValues), columns, valueWidth, 1, turnedValues, lanes);
        int firstQuery = in.how.causal() ? Math.max(0, j - piece.cached()) / TILE * TILE : 0;
        for (int first = firstQuery; first < piece.valid(); first += TILE) {
            int rows = Math.min(TILE, piece.valid() - first);
            int paddedRows = Tiles.paddedRows(rows);
            long queryAt = Call.at(in.query, piece.sequence(), piece.from() + (long) first, h);
            long outputAt = Call.at(of.dy, piece.sequence(), piece.from() + (long) first, h);
            for (int r = 0; r < rows; r++) {
                scaled(in.query.data(), queryAt + r * Call.stride(in.query), in.scale(piece, first + r), queries,
                        r * widthBytes, width);
            }
            pack(of.dy.data(), outputAt, Call.stride(of.dy), rows, valueWidth, 1, outputs, valueBytes);
            Tiles.product(queries, 0, widthBytes, 4, turnedKeys, 0, 4L * lanes, weights, 0, 4L * lanes, paddedRows,
                    lanes, width);
            Tiles.product(outputs, 0, valueBytes, 4, turnedValues, 0, 4L * lanes, dScores, 0, 4L * lanes, paddedRows,
                    lanes, valueWidth);
            weightRows(of, p, h, part, j, columns, first, rows, weights, dScores, lanes);
            Tiles.accumulate(weights, 0, 4, 4L * lanes, outputs, 0, valueBytes, dTileValues, 0, valueBytes,
                    Tiles.paddedRows(columns), valueLanes, rows, tile);
            Tiles.accumulate(dScores, 0, 4, 4L * lanes, queries, 0, widthBytes, dTileKeys, 0, widthBytes,
                    Tiles.paddedRows(columns), widthLanes, rows, tile);
            Tiles.accumulate(dScores, 0, 4L * lanes, 4, tileKeys, 0, widthBytes, of.dQueries,
                    of.dQueryAt(part, p, h) + first * widthBytes, widthBytes, paddedRows, widthLanes, columns, tile);
        }
        Tensor intoKeys = cached ? of.dKeys : of.dKey;
        Tensor intoValues = cached ? of.dValues : of.dValue;
        for (int c = 0; c < columns; c++) {
            addScaled(dTileKeys, c * widthBytes, 1, intoKeys.data(), keyAt + c * Call.stride(intoKeys), width);
            addScaled(dTileValues, c * valueBytes, 1, intoValues.data(), valueAt + c * Call.stride(intoValues),
                    valueWidth);
        }
    }

    private static void weightRows(Gradient of, int p, int h, int part, int j, int columns, int first, int rows,
            MemorySegment weights, MemorySegment dScores, int lanes) {
        Call in = of.in;
        Piece piece = of.pieces.get(p);
        int time = of.dy.dim(1);
        long line = 4 * (((long) piece.sequence() * in.heads() + h) * time + piece.from() + first);
        for (int r = 0; r < rows; r++) {
            long at = 4L * r * lanes;
            long biasAt = 4 * (MARGIN + (in.bias.dim(0) - 1) / 2L + j - piece.cached() - first - r);
            if (in.biased()) {
                addTo(weights, at, in.straight, biasAt, lanes);
            }
            int seen = Math.clamp(piece.read(in.how, first + r) - (long) j, 0, columns);
            if (in.how.dropped().any()) {
                multiplyRow(in, piece.line(in.query, h, first + r), j, seen, dScores, at);
            }
            if (in.normalised()) {
                VectorAttention.weightRow(weights, dScores, at, lanes, seen,
                        of.logSum.data().get(FLOAT, line + 4L * r), of.means.get(FLOAT, line + 4L * r));
            } else {
                ScoreLanes.backward(in.how.weighing(), weights, dScores, at, lanes);
                for (int c = seen; c < lanes; c++) {
                    weights.set(FLOAT, at + 4L * c, 0);
                    dScores.set(FLOAT, at + 4L * c, 0);
                }
            }
            if (in.how.dropped().any()) {
                multiplyRow(in, piece.line(in.query, h, first + r), j, seen, weights, at);
            }
            if (in.biased()) {
                addTo(of.dBiases, of.dBiasAt(part, p, h) + biasAt, dScores, at, lanes);
            }
        }
    }

    private static void multiplyRow(Call in, long line, int j, int seen, MemorySegment row, long at) {
        for (int c = 0; c < seen; c++) {
            row.set(FLOAT, at + 4L * c,
                    (float) (row.get(FLOAT, at + 4L * c) * in.how.dropped().factor(line, j + c)));
        }
    }

    private static void addQueries(Gradient of, int p, int h, Tensor dQuery) {
        Piece piece = of.pieces.get(p);
        int width = dQuery.dim(3);
        for (int i = 0; i < piece.valid(); i++) {
            float scale = of.in.scale(piece, i);
            long at = Call.at(dQuery, piece.sequence(), piece.from() + (long) i, h);
            for (int part = 0; part < of.parts; part++) {
                addScaled(of.dQueries, of.dQueryAt(part, p, h) + 4L * i * padded(width), scale, dQuery.data(), at,
                        width);
            }
        }
    }

    private static void addBiases(Gradient of, int count, Tensor dBias) {
        for (int i = 0; i < dBias.dim(0); i++) {
            double sum = 0;
            for (int part = 0; part < count; part++) {
                sum += of.dBiases.get(FLOAT, part * of.biasBytes() + 4L * (MARGIN + i));
            }
            dBias.set(i, dBias.get(i) + sum);
        }
    }
}
