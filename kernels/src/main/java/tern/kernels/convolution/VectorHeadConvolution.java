package tern.kernels.convolution;

import static tern.kernels.convolution.Butterflies.LANES;
import static tern.kernels.convolution.Butterflies.POINT;
import static tern.kernels.convolution.Butterflies.VECTOR;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.VectorShuffle;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link HeadConvolution} on {@link DType#F32}. Many positions: by the transform of {@link RootTree} with as many heads side
 * by side in the lanes as fit. The product k vᵀ of a head is taken a diagonal at a time, lane j holding k_(j+r)·v_j for r = 0
 * … N − 1, so that nothing is summed across lanes, forward or backward, and only one diagonal is ever held; the backward pass
 * makes the diagonals again. Few positions: by the direct sum over the histories. Sums are in single precision. Stateless,
 * safe to share.
 */
public final class VectorHeadConvolution implements HeadConvolution {
    /** Which way to compute. */
    enum Form {
        DIRECT, TRANSFORM, FASTEST
    }

    /** Time of one position of one vector of heads in the direct sum, in fused multiply-adds. */
    private static final double DIRECT_COST = 8;
    /** The same where heads do not fill vectors evenly. */
    private static final double UNEVEN_COST = 100;
    /** Vectors of heads that a task of the direct sum takes together, so that it reads rows in runs of cache lines. */
    private static final int CHUNK = 4;
    /** Positions of one vector below which a parallel region costs more than it saves. */
    private static final double WORTH_SHARING = 1 << 13;

    /** Positions that a task of the direct sum takes together. */
    private static final int POSITIONS = 16;

    private final Form form;
    private final boolean alone;

    /** A body that chooses the fastest form. */
    public VectorHeadConvolution() {
        this(Form.FASTEST);
    }

    VectorHeadConvolution(Form form) {
        this(form, false);
    }

    private VectorHeadConvolution(Form form, boolean alone) {
        this.form = form;
        this.alone = alone;
    }

    /** A body whose forward pass over histories gives every position the bits that it has as the only one: by the direct sum. */
    public static VectorHeadConvolution positionByPosition() {
        return new VectorHeadConvolution(Form.FASTEST, true);
    }

    @Override
    public boolean positionsAlone() {
        return alone;
    }

    /**
     * How heads lie in lanes: {@code side} whole heads of one vector, or one head of {@code chunks} vectors.
     *
     * @param lanes lanes of a head in one vector
     */
    private record Layout(int filters, int width, int side, int chunks, int lanes) {

        static Layout of(int filters, int width) {
            int lanes = Math.clamp(width, 1, LANES.length());
            int side = LANES.length() / lanes;
            return new Layout(filters, width, side, (width + lanes - 1) / lanes, lanes);
        }

        int units() {
            return (filters + side - 1) / side;
        }

        int firstHead(int unit) {
            return unit * side;
        }

        int heads(int unit) {
            return Math.min(side, filters - unit * side);
        }

        /** Channels of a chunk of a unit that exist. */
        int channels(int unit, int chunk) {
            return chunks == 1 ? heads(unit) * width : Math.min(lanes, width - chunk * lanes);
        }

        int firstChannel(int unit, int chunk) {
            return unit * side * width + chunk * lanes;
        }

        /** Lane j of each head takes what lane j + 1 holds. */
        VectorShuffle<Float> turn() {
            return VectorShuffle.fromOp(LANES,
                    lane -> lane / lanes * lanes + (lane % lanes + 1) % lanes < LANES.length()
                            && lane < side * lanes
                                    ? lane / lanes * lanes + (lane % lanes + 1) % lanes
                                    : lane);
        }

        VectorShuffle<Float> spread() {
            return VectorShuffle.fromOp(LANES, lane -> lane / lanes);
        }

        /** Whether the heads of a unit fill the vector. */
        boolean full(int unit) {
            return chunks == 1 && heads(unit) * width == LANES.length();
        }

        /** Whether the direct sum can take whole vectors of heads. */
        boolean even() {
            return chunks == 1 && Integer.bitCount(width) == 1;
        }
    }

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor y) {
        int batch = query.dim(0);
        int time = query.dim(1);
        Layout layout = Layout.of(query.dim(2), query.dim(3));
        int channels = layout.filters * layout.width;
        boolean kept = keys.dim(1) > 0;
        long oldest = 0;
        for (int b = 0; b < batch; b++) {
            assert kept ? ages[b] + time <= keys.dim(1) : ages[b] == 0 : "headConvolution: history too short";
            oldest = Math.max(oldest, ages[b]);
        }
        if (kept) {
            for (int b = 0; b < batch; b++) {
                long from = 4L * b * time * channels;
                long to = 4L * (b * (long) keys.dim(1) + ages[b]) * channels;
                MemorySegment.copy(key.data(), from, keys.data(), to, 4L * time * channels);
                MemorySegment.copy(value.data(), from, values.data(), to, 4L * time * channels);
            }
        }
        if (batch == 0 || time == 0 || channels == 0) {
            return;
        }
        int useful = (int) Math.min(taps.dim(0), oldest + time);
        int before = (int) Math.max(0, Math.min(useful - 1, oldest));
        int size = RootTree.sizeFor((time + useful) / 2);
        double transforms = 1 + 2.0 * batch * layout.lanes * layout.chunks * layout.chunks;
        double direct = (layout.even() ? DIRECT_COST : UNEVEN_COST) * batch * time * (before + (time + 1) / 2)
                * layout.chunks;
        if (useful == 0 || form == Form.DIRECT || alone && kept
                || form == Form.FASTEST && direct < Transforms.cost(size, transforms) + 4.0 * transforms * size) {
            forwardDirectly(team, layout, query, kept ? keys : key, kept ? values : value, taps, skip, key, value, ages,
                    y);
        } else {
            forwardByTransform(team, layout, query, key, value, taps, useful, skip, keys, values, ages, before, y);
        }
    }

    // ── transform ───────────────────────────────────────────────────────────────────────────────────────────────────

    private static void forwardByTransform(ThreadTeam team, Layout layout, Tensor query, Tensor key, Tensor value,
            Tensor taps,
            int useful, Tensor skip, Tensor keys, Tensor values, long[] ages, int before, Tensor y) {
        int batch = query.dim(0);
        int time = query.dim(1);
        int window = before + time;
        RootTree tree = RootTree.of(RootTree.sizeFor((time + useful) / 2));
        float scale = 1f / tree.size;
        VectorShuffle<Float> turn = layout.turn();
        VectorShuffle<Float> spread = layout.spread();
        Transforms.eachBlock(team, tree, layout.units(), unit -> {
            Workspace scratch = team.scratch();
            Workspace.Mark mark = scratch.mark();
            MemorySegment h = Transforms.spectrum(scratch, tree);
            MemorySegment s = Transforms.spectrum(scratch, tree);
            MemorySegment gain = gains(scratch, layout, unit, skip);
            MemorySegment k = rows(scratch, window);
            MemorySegment v = rows(scratch, window);
            MemorySegment q = rows(scratch, time);
            MemorySegment[] out = new MemorySegment[layout.chunks];
            for (int chunk = 0; chunk < layout.chunks; chunk++) {
                out[chunk] = rows(scratch, time);
            }
            Transforms.eachColumns(team, tree,
                    (tile, from, to) -> Transforms.analyse(tree, filter(layout, unit, taps, useful, spread), useful,
                            tile,
                            h, from, to));
            team.run(tree.top,
                    (node, ignored) -> Butterflies.forwardNodeToLeaves(tree, h, node * tree.pitch, node));
            // Made once for all the transforms of this unit; each finds here where its result goes.
            MemorySegment[] sum = new MemorySegment[1];
            Transforms.Source both = product(k, v, 0, window);
            Transforms.Sink collect = (row, count, part, at) -> {
                int begin = Math.max(row, before);
                int end = Math.min(row + count, window);
                if (begin < end) {
                    HeadLoops.collect(part, at + (begin - row) * POINT, scale, gain, k, v, begin * VECTOR, q, sum[0],
                            (begin - before) * VECTOR, end - begin);
                }
            };
            ThreadTeam.Task analyse = Transforms.task(tree,
                    (tile, from, to) -> Transforms.analyse(tree, both, window, tile, s, from, to));
            ThreadTeam.Task convolve = (node, ignored) -> {
                long at = node * tree.pitch;
                Butterflies.forwardNodeToLeaves(tree, s, at, node);
                Butterflies.convolveNode(tree, s, h, at, node);
            };
            ThreadTeam.Task synthesise = Transforms.task(tree,
                    (tile, from, to) -> Transforms.synthesise(tree, s, tile, collect, window, from, to));
            for (int b = 0; b < batch; b++) {
                for (int chunk = 0; chunk < layout.chunks; chunk++) {
                    HeadLoops.clear(out[chunk], time);
                }
                for (int source = 0; source < layout.chunks; source++) {
                    gather(layout, unit, source, keys, key, ages[b], before, b, k);
                    gather(layout, unit, source, query, query, 0, 0, b, q);
                    for (int target = 0; target < layout.chunks; target++) {
                        gather(layout, unit, target, values, value, ages[b], before, b, v);
                        sum[0] = out[target];
                        for (int diagonal = 0; diagonal < layout.lanes; diagonal++) {
                            Transforms.eachColumns(team, tree, analyse);
                            team.run(tree.top, convolve);
                            Transforms.eachColumns(team, tree, synthesise);
                            HeadLoops.turn(k, window, turn);
                            HeadLoops.turn(q, time, turn);
                        }
                    }
                }
                for (int chunk = 0; chunk < layout.chunks; chunk++) {
                    scatter(layout, unit, chunk, out[chunk], 0, time, y, (long) b * time, false);
                }
            }
            scratch.release(mark);
        });
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dTaps,
            Tensor dSkip,
            Tensor dKeys, Tensor dValues) {
        int batch = query.dim(0);
        int time = query.dim(1);
        Layout layout = Layout.of(query.dim(2), query.dim(3));
        if (batch == 0 || time == 0 || layout.filters * layout.width == 0) {
            return;
        }
        long oldest = 0;
        for (int b = 0; b < batch; b++) {
            oldest = Math.max(oldest, ages[b]);
        }
        int useful = (int) Math.min(taps.dim(0), oldest + time);
        int before = (int) Math.max(0, Math.min(useful - 1, oldest));
        int window = before + time;
        RootTree tree = RootTree.of(RootTree.sizeFor((time + Math.max(1, useful)) / 2));
        float scale = 1f / tree.size;
        VectorShuffle<Float> turn = layout.turn();
        VectorShuffle<Float> spread = layout.spread();
        Transforms.eachBlock(team, tree, layout.units(), unit -> {
            Workspace scratch = team.scratch();
            Workspace.Mark mark = scratch.mark();
            MemorySegment h = Transforms.spectrum(scratch, tree);
            MemorySegment s = Transforms.spectrum(scratch, tree);
            MemorySegment g = Transforms.spectrum(scratch, tree);
            MemorySegment slopes = Transforms.spectrum(scratch, tree);
            MemorySegment gain = gains(scratch, layout, unit, skip);
            MemorySegment k = rows(scratch, window);
            MemorySegment v = rows(scratch, window);
            MemorySegment q = rows(scratch, time);
            MemorySegment up = rows(scratch, time);
            MemorySegment dq = rows(scratch, time);
            MemorySegment dk = rows(scratch, window);
            MemorySegment[] dv = new MemorySegment[layout.chunks];
            for (int chunk = 0; chunk < layout.chunks; chunk++) {
                dv[chunk] = rows(scratch, window);
            }
            Transforms.eachColumns(team, tree,
                    (tile, from, to) -> Transforms.analyse(tree, filter(layout, unit, taps, useful, spread), useful,
                            tile,
                            h, from, to));
            team.run(tree.top,
                    (node, ignored) -> Butterflies.forwardNode(tree, h, node * tree.pitch, node));
            // Made once for all the transforms of this unit; each finds here where its result goes.
            MemorySegment[] dvOfTarget = new MemorySegment[1];
            boolean[] first = {true};
            Transforms.Source inputs = product(k, v, 0, window);
            Transforms.Source gradients = product(q, up, before, window);
            Transforms.Sink collect = (row, count, part, at) -> {
                int begin = Math.max(row, before);
                int end = Math.min(row + count, window);
                if (begin < end) {
                    HeadLoops.collect(part, at + (begin - row) * POINT, scale, gain, k, v, begin * VECTOR, up, dq,
                            (begin - before) * VECTOR, end - begin);
                }
            };
            Transforms.Sink collectBoth = (row, count, part, at) -> {
                int end = Math.min(row + count, window);
                int now = Math.clamp(before, row, Math.max(row, end));
                if (row < now) {
                    HeadLoops.collectBoth(part, at, scale, false, gain, q, up, 0, k, v, dk, dvOfTarget[0],
                            row * VECTOR, now - row);
                }
                if (now < end) {
                    HeadLoops.collectBoth(part, at + (now - row) * POINT, scale, true, gain, q, up,
                            (now - before) * VECTOR, k, v, dk, dvOfTarget[0], now * VECTOR, end - now);
                }
            };
            ThreadTeam.Task analyse = Transforms.task(tree, (tile, from, to) -> {
                Transforms.analyse(tree, inputs, window, tile, s, from, to);
                Transforms.analyse(tree, gradients, window, tile, g, from, to);
            });
            ThreadTeam.Task correlate = (node, ignored) -> {
                long at = node * tree.pitch;
                Butterflies.forwardNode(tree, s, at, node);
                Butterflies.forwardNode(tree, g, at, node);
                HeadLoops.correlate(g, s, h, slopes, at, tree.sub, first[0]);
                Butterflies.inverseNode(tree, s, at, node);
                Butterflies.inverseNode(tree, g, at, node);
            };
            ThreadTeam.Task synthesise = Transforms.task(tree, (tile, from, to) -> {
                Transforms.synthesise(tree, s, tile, collect, window, from, to);
                Transforms.synthesise(tree, g, tile, collectBoth, window, from, to);
            });
            for (int b = 0; b < batch; b++) {
                for (int chunk = 0; chunk < layout.chunks; chunk++) {
                    HeadLoops.clear(dv[chunk], window);
                }
                for (int source = 0; source < layout.chunks; source++) {
                    gather(layout, unit, source, keys, key, ages[b], before, b, k);
                    gather(layout, unit, source, query, query, 0, 0, b, q);
                    HeadLoops.clear(dq, time);
                    HeadLoops.clear(dk, window);
                    for (int target = 0; target < layout.chunks; target++) {
                        gather(layout, unit, target, values, value, ages[b], before, b, v);
                        gather(layout, unit, target, dy, dy, 0, 0, b, up);
                        dvOfTarget[0] = dv[target];
                        for (int diagonal = 0; diagonal < layout.lanes; diagonal++) {
                            Transforms.eachColumns(team, tree, analyse);
                            team.run(tree.top, correlate);
                            first[0] = false;
                            Transforms.eachColumns(team, tree, synthesise);
                            HeadLoops.turn(k, window, turn);
                            HeadLoops.turn(q, time, turn);
                            HeadLoops.turn(dk, window, turn);
                            HeadLoops.turn(dq, time, turn);
                        }
                    }
                    int past = (int) Math.min(before, ages[b]);
                    scatter(layout, unit, source, dq, 0, time, dQuery, (long) b * time, false);
                    scatter(layout, unit, source, dk, before, time, dKey, (long) b * time, false);
                    scatter(layout, unit, source, dk, before - past, past, dKeys,
                            b * (long) dKeys.dim(1) + ages[b] - past, true);
                }
                for (int chunk = 0; chunk < layout.chunks; chunk++) {
                    int past = (int) Math.min(before, ages[b]);
                    scatter(layout, unit, chunk, dv[chunk], before, time, dValue, (long) b * time, false);
                    scatter(layout, unit, chunk, dv[chunk], before - past, past, dValues,
                            b * (long) dValues.dim(1) + ages[b]
                                    - past,
                            true);
                }
            }
            team.run(tree.top,
                    (node, ignored) -> Butterflies.inverseNode(tree, slopes, node * tree.pitch, node));
            Transforms
                    .eachColumns(team, tree,
                            (tile, from, to) -> Transforms.synthesise(tree, slopes, tile, (row, count, part,
                                    at) -> sumHeads(layout, unit, part, at, row,
                                            Math.min(count, Math.max(1, useful) - row), scale, dTaps, dSkip),
                                    Math.max(1,
                                            useful),
                                    from, to));
            scratch.release(mark);
        });
    }

    /** Slopes of taps: the sums over the lanes of each head, in lane order; that of lag 0 is also the slope of skip. */
    private static void sumHeads(Layout layout, int unit, MemorySegment tile, long at, int row, int count, float scale,
            Tensor dTaps, Tensor dSkip) {
        for (int i = 0; i < count; i++) {
            for (int head = 0; head < layout.heads(unit); head++) {
                double sum = 0;
                for (int lane = head * layout.lanes; lane < (head + 1) * layout.lanes; lane++) {
                    sum += tile.get(Tensor.FLOAT, at + i * POINT + 4L * lane);
                }
                float slope = (float) (sum * scale);
                int filter = layout.firstHead(unit) + head;
                if (row + i < dTaps.dim(0)) {
                    long place = 4 * ((row + i) * (long) layout.filters + filter);
                    dTaps.data().set(Tensor.FLOAT, place, dTaps.data().get(Tensor.FLOAT, place) + slope);
                }
                if (row + i == 0) {
                    dSkip.data().set(Tensor.FLOAT, 4L * filter, dSkip.data().get(Tensor.FLOAT, 4L * filter) + slope);
                }
            }
        }
    }

    private static MemorySegment rows(Workspace scratch, int count) {
        return scratch.floatMemory((long) Math.max(1, count) * LANES.length());
    }

    /** Skip of each lane, 0 where there is no head. */
    private static MemorySegment gains(Workspace scratch, Layout layout, int unit, Tensor skip) {
        MemorySegment gain = rows(scratch, 1);
        HeadLoops.clear(gain, 1);
        for (int lane = 0; lane < layout.heads(unit) * layout.lanes; lane++) {
            gain.set(Tensor.FLOAT, 4L * lane,
                    skip.data().get(Tensor.FLOAT, 4L * (layout.firstHead(unit) + lane / layout.lanes)));
        }
        return gain;
    }

    /** Taps of each lane. */
    private static Transforms.Source filter(Layout layout, int unit, Tensor taps, int useful,
            VectorShuffle<Float> spread) {
        int heads = layout.heads(unit);
        long stride = 4L * layout.filters;
        return (row, count, tile, at) -> {
            long first = row * stride + 4L * layout.firstHead(unit);
            // A vector of taps reaches beyond the filters of this unit; only the very end of memory forbids that.
            long readable = Math.floorDiv(taps.bytes() - VECTOR - first, stride) + 1;
            int whole = layout.full(unit) ? Math.clamp(readable, 0, Math.clamp(useful - row, 0, count)) : 0;
            HeadLoops.spreadInto(taps.data(), first, stride, whole, spread, tile, at);
            HeadLoops.clearInto(count - whole, tile, at + whole * POINT);
            for (int i = whole; i < count && row + i < useful; i++) {
                for (int head = 0; head < heads; head++) {
                    float tap = taps.data().get(Tensor.FLOAT, first + i * stride + 4L * head);
                    for (int lane = head * layout.lanes; lane < (head + 1) * layout.lanes; lane++) {
                        tile.set(Tensor.FLOAT, at + i * POINT + 4L * lane, tap);
                    }
                }
            }
        };
    }

    /** a ⊙ b in the rows {@code first} to {@code window} of the window, whose first rows in memory these are. */
    private static Transforms.Source product(MemorySegment a, MemorySegment b, int first, int window) {
        return (row, count, tile, at) -> {
            int begin = Math.clamp(first, row, row + count);
            int end = Math.clamp(window, begin, row + count);
            HeadLoops.clearInto(begin - row, tile, at);
            HeadLoops.multiplyInto(a, (begin - first) * VECTOR, b, (begin - first) * VECTOR, end - begin, tile,
                    at + (begin - row)
                            * POINT);
            HeadLoops.clearInto(row + count - end, tile, at + (end - row) * POINT);
        };
    }

    /** The last {@code before} rows of a history, zeros where it is younger, and the rows of this call, as dense rows. */
    private static void gather(Layout layout, int unit, int chunk, Tensor past, Tensor now, long age, int before, int b,
            MemorySegment to) {
        int kept = (int) Math.min(before, age);
        int time = now.dim(1);
        int channels = layout.filters * layout.width;
        long lane = layout.firstChannel(unit, chunk);
        int width = layout.channels(unit, chunk);
        long stride = 4L * channels;
        long from = 4 * ((b * (long) past.dim(1) + age - kept) * channels + lane);
        long nowFrom = 4 * ((long) b * time * channels + lane);
        if (width == LANES.length()) {
            HeadLoops.clear(to, before - kept);
            HeadLoops.copy(past.data(), from, stride, to, (before - kept) * VECTOR, VECTOR, kept);
            HeadLoops.copy(now.data(), nowFrom, stride, to, before * VECTOR, VECTOR, time);
            return;
        }
        HeadLoops.clear(to, before + time);
        for (int i = 0; i < kept; i++) {
            MemorySegment.copy(past.data(), from + i * stride, to, (before - kept + i) * VECTOR, 4L * width);
        }
        for (int i = 0; i < time; i++) {
            MemorySegment.copy(now.data(), nowFrom + i * stride, to, (before + i) * VECTOR, 4L * width);
        }
    }

    /** Some dense rows to the rows of a tensor from {@code row} of its first two axes on, written or added. */
    private static void scatter(Layout layout, int unit, int chunk, MemorySegment from, int first, int count, Tensor to,
            long row,
            boolean add) {
        int channels = layout.filters * layout.width;
        int width = layout.channels(unit, chunk);
        long at = 4 * (row * channels + layout.firstChannel(unit, chunk));
        if (!add && width == LANES.length()) {
            HeadLoops.copy(from, first * VECTOR, VECTOR, to.data(), at, 4L * channels, count);
            return;
        }
        for (int i = 0; i < count; i++) {
            long source = (first + i) * VECTOR;
            long target = at + 4L * i * channels;
            if (add) {
                for (int lane = 0; lane < width; lane++) {
                    to.data().set(Tensor.FLOAT, target + 4L * lane, to.data().get(Tensor.FLOAT, target + 4L * lane)
                            + from.get(Tensor.FLOAT, source + 4L * lane));
                }
            } else {
                MemorySegment.copy(from, source, to.data(), target, 4L * width);
            }
        }
    }

    // ── direct ──────────────────────────────────────────────────────────────────────────────────────────────────────

    private static void forwardDirectly(ThreadTeam team, Layout layout, Tensor query, Tensor keys, Tensor values,
            Tensor taps,
            Tensor skip, Tensor key, Tensor value, long[] ages, Tensor y) {
        int batch = query.dim(0);
        int time = query.dim(1);
        int units = layout.units();
        int chunks = (units + CHUNK - 1) / CHUNK;
        int stretches = (time + POSITIONS - 1) / POSITIONS;
        int tasks = chunks * stretches;
        double positions = 0;
        for (int b = 0; b < batch; b++) {
            positions += (double) time * (Math.min(ages[b] + time, taps.dim(0)) + 1) * units;
        }
        VectorShuffle<Float> spread = layout.spread();
        ThreadTeam.Task task = (index, scratch) -> {
            int b = index / tasks;
            int first = index % chunks * CHUNK;
            int from = index % tasks / chunks * POSITIONS;
            for (int t = from; t < Math.min(time, from + POSITIONS); t++) {
                for (int unit = first; unit < Math.min(units, first + CHUNK); unit++) {
                    attend(layout, unit, b, t, query, keys, values, taps, skip, key, value, ages[b], y, spread);
                }
            }
        };
        if (positions < WORTH_SHARING) {
            for (int index = 0; index < batch * tasks; index++) {
                task.run(index, team.scratch());
            }
        } else {
            team.run(batch * tasks, task);
        }
    }

    private static void attend(Layout layout, int unit, int b, int t, Tensor query, Tensor keys, Tensor values,
            Tensor taps,
            Tensor skip, Tensor key, Tensor value, long age, Tensor y, VectorShuffle<Float> spread) {
        int channels = layout.filters * layout.width;
        long position = age + t;
        int terms = (int) Math.min(taps.dim(0), position + 1);
        long low = position + 1 - terms;
        int filter = layout.firstHead(unit);
        long here = (b * (long) query.dim(1) + t) * channels + layout.firstChannel(unit, 0);
        long rowAt = (b * (long) keys.dim(1) + low) * channels + layout.firstChannel(unit, 0);
        long tapAt = Math.max(0, terms - 1L) * layout.filters + filter;
        boolean whole = layout.even() && layout.full(unit);
        // A vector of taps reaches beyond the filters of this one; only the very end of memory forbids that.
        int vectorTerms = whole
                ? (int) Math.min(terms,
                        Math.max(0, Math.floorDiv(taps.elements() - LANES.length() - filter, layout.filters) + 1))
                : 0;
        int scalarTerms = terms - vectorTerms;
        if (whole) {
            HeadLoops.attendDirectly(query.data(), 4 * here, keys.data(), values.data(), 4 * (rowAt + (long) scalarTerms
                    * channels), 4L * channels, taps.data(), 4 * (tapAt - (long) scalarTerms * layout.filters),
                    4L * layout.filters,
                    vectorTerms, layout.width, spread, y.data(), 4 * here);
        } else {
            y.data().asSlice(4 * here, 4L * layout.heads(unit) * layout.width).fill((byte) 0);
        }
        for (int head = 0; head < layout.heads(unit); head++) {
            long lane = (long) head * layout.width;
            for (int i = 0; i < scalarTerms; i++) {
                float tap = taps.data().get(Tensor.FLOAT, 4 * (tapAt - (long) i * layout.filters + head));
                addTerm(query, here + lane, keys, values, rowAt + lane + (long) i * channels, tap, layout.width, y);
            }
            addTerm(query, here + lane, key, value, here + lane, skip.data().get(Tensor.FLOAT, 4L * (filter + head)),
                    layout.width,
                    y);
        }
    }

    /** y ← y + gain·(q·k)·v for one head. */
    private static void addTerm(Tensor query, long here, Tensor keys, Tensor values, long row, float gain, int width,
            Tensor y) {
        float score = 0;
        for (int i = 0; i < width; i++) {
            score = Math.fma(query.data().get(Tensor.FLOAT, 4 * (here + i)),
                    keys.data().get(Tensor.FLOAT, 4 * (row + i)), score);
        }
        score *= gain;
        for (int i = 0; i < width; i++) {
            long place = 4 * (here + i);
            y.data().set(Tensor.FLOAT, place,
                    Math.fma(score, values.data().get(Tensor.FLOAT, 4 * (row + i)), y.data().get(
                            Tensor.FLOAT, place)));
        }
    }
}
