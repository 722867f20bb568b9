package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.convolution.Butterflies.LANES;
import static tern.kernels.convolution.Butterflies.POINT;
import static tern.kernels.convolution.Butterflies.VECTOR;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

import tern.tensor.Tensor;

/**
 * One block of channels of a window of rows: {@code gap} rows of zeros, then rows of a history, then rows of this call,
 * then zeros for ever. Rows move between tensors and the real or imaginary parts of points; lanes past the last channel
 * are zeros there and left alone here.
 *
 * @param past where the first row of the history is, in bytes of {@code pastData}
 * @param now where the first row of this call is, in bytes of {@code nowData}
 * @param stride bytes from row to row
 * @param channels channels in this block, at most the number of lanes
 */
record Rows(int gap, MemorySegment pastData, long past, int pastRows, MemorySegment nowData, long now, int nowRows,
        long stride, int channels)
        implements
            Transforms.Source {
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

    /** Rows from the window's {@code row} on into every second vector of {@code to}. */
    @Override
    public void load(int row, int count, MemorySegment to, long at) {
        int begin = row;
        int end = row + count;
        long o = at;
        int zeros = Math.min(end, gap) - begin;
        if (zeros > 0) {
            clear(to, o, zeros);
            o += zeros * POINT;
            begin += zeros;
        }
        int kept = Math.min(end, gap + pastRows) - begin;
        if (kept > 0) {
            copy(pastData, past + (begin - gap) * stride, kept, to, o);
            o += kept * POINT;
            begin += kept;
        }
        int fresh = Math.min(end, gap + pastRows + nowRows) - begin;
        if (fresh > 0) {
            copy(nowData, now + (begin - gap - pastRows) * stride, fresh, to, o);
            o += fresh * POINT;
            begin += fresh;
        }
        if (begin < end) {
            clear(to, o, end - begin);
        }
    }

    @Override
    public long place(int from, int to) {
        int first = nowRows == 0 ? gap : gap + pastRows;
        int count = nowRows == 0 ? pastRows : nowRows;
        if (channels < LANES.length() || from < first || to > first + count) {
            return -1;
        }
        return (nowRows == 0 ? past : now) + (from - first) * stride;
    }

    @Override
    public MemorySegment memory() {
        return nowRows == 0 ? pastData : nowData;
    }

    private static void clear(MemorySegment to, long at, int count) {
        for (int i = 0; i < count; i++) {
            FloatVector.zero(LANES).intoMemorySegment(to, at + i * POINT, NATIVE);
        }
    }

    private void copy(MemorySegment from, long first, int count, MemorySegment to, long at) {
        if (channels == LANES.length()) {
            copyWhole(from, first, stride, count, to, at);
        } else {
            for (int i = 0; i < count; i++) {
                FloatVector.zero(LANES).intoMemorySegment(to, at + i * POINT, NATIVE);
                MemorySegment.copy(from, first + i * stride, to, at + i * POINT, 4L * channels);
            }
        }
    }

    private static void copyWhole(MemorySegment from, long first, long stride, int count, MemorySegment to, long at) {
        for (int i = 0; i < count; i++) {
            fromMemorySegment(LANES, from, first + i * stride, NATIVE).intoMemorySegment(to, at + i * POINT, NATIVE);
        }
    }

    /** Writes scale·value to the window's rows of this call, and adds it to its rows of the history if told so. */
    record Written(Rows rows, float scale, boolean past) implements Transforms.Sink {
        @Override
        public void take(int row, int count, MemorySegment tile, long at) {
            rows.store(row, count, tile, at, scale);
            if (past) {
                rows.accumulate(row, count, tile, at, scale);
            }
        }

        @Override
        public boolean finish(RootTree tree, int row, int leg, int count, MemorySegment tile, long at, long tileLeg) {
            long first = rows.nowRows == 0 ? -1 : rows.place(row, row + 3 * leg + count);
            if (first < 0) {
                return false;
            }
            Butterflies.inverseReal4Rows(tile, at, tileLeg, rows.nowData, first, leg * rows.stride, rows.stride, scale,
                    count,
                    tree.roots, tree.topAt[0]);
            return true;
        }
    }

    /**
     * Adds scale·value to the rows of a filter's gradient, and that of lag 0 to the gradient of skip, which is the same sum.
     */
    record Slopes(Rows taps, Rows straight, float scale) implements Transforms.Sink {
        @Override
        public void take(int row, int count, MemorySegment tile, long at) {
            taps.accumulate(row, count, tile, at, scale);
            straight.accumulate(row, count, tile, at, scale);
        }

        @Override
        public boolean finish(RootTree tree, int row, int leg, int count, MemorySegment tile, long at, long tileLeg) {
            long first = row == 0 ? -1 : taps.place(row, row + 3 * leg + count);
            if (first < 0) {
                return false;
            }
            Butterflies.inverseReal4Add(tile, at, tileLeg, taps.pastData, first, leg * taps.stride, taps.stride, scale,
                    count, tree.roots, tree.topAt[0]);
            return true;
        }
    }

    /** What the window's rows of this call become: scale·value. Other rows are dropped. */
    void store(int row, int count, MemorySegment from, long at, float scale) {
        int first = gap + pastRows;
        int begin = Math.max(row, first);
        int end = Math.min(row + count, first + nowRows);
        if (begin >= end) {
            return;
        }
        long o = at + (begin - row) * POINT;
        long out = now + (begin - first) * stride;
        if (channels == LANES.length()) {
            storeWhole(from, o, end - begin, scale, nowData, out, stride);
        } else {
            for (int i = 0; i < end - begin; i++) {
                for (int c = 0; c < channels; c++) {
                    nowData.set(Tensor.FLOAT, out + i * stride + 4L * c,
                            scale * from.get(Tensor.FLOAT, o + i * POINT + 4L * c));
                }
            }
        }
    }

    private static void storeWhole(MemorySegment from, long at, int count, float scale, MemorySegment to, long out,
            long stride) {
        FloatVector factor = broadcast(LANES, scale);
        for (int i = 0; i < count; i++) {
            fromMemorySegment(LANES, from, at + i * POINT, NATIVE).mul(factor).intoMemorySegment(to, out + i * stride,
                    NATIVE);
        }
    }

    /** The same window with zeros for the rows of this call. */
    Rows withoutNow() {
        return new Rows(gap, pastData, past, pastRows, nowData, now, 0, stride, channels);
    }

    /** The same window with zeros for the rows of the history. */
    Rows withoutPast() {
        return new Rows(gap + pastRows, pastData, past, 0, nowData, now, nowRows, stride, channels);
    }

    /** Adds scale·value to the window's rows of the history. Other rows are dropped. */
    void accumulate(int row, int count, MemorySegment from, long at, float scale) {
        int begin = Math.max(row, gap);
        int end = Math.min(row + count, gap + pastRows);
        if (begin >= end) {
            return;
        }
        long o = at + (begin - row) * POINT;
        long out = past + (begin - gap) * stride;
        if (channels == LANES.length()) {
            accumulateWhole(from, o, end - begin, scale, pastData, out, stride);
        } else {
            for (int i = 0; i < end - begin; i++) {
                for (int c = 0; c < channels; c++) {
                    long place = out + i * stride + 4L * c;
                    float value = from.get(Tensor.FLOAT, o + i * POINT + 4L * c);
                    pastData.set(Tensor.FLOAT, place, Math.fma(scale, value, pastData.get(Tensor.FLOAT, place)));
                }
            }
        }
    }

    private static void accumulateWhole(MemorySegment from, long at, int count, float scale, MemorySegment to, long out,
            long stride) {
        FloatVector factor = broadcast(LANES, scale);
        for (int i = 0; i < count; i++) {
            long place = out + i * stride;
            fromMemorySegment(LANES, from, at + i * POINT, NATIVE)
                    .fma(factor, fromMemorySegment(LANES, to, place, NATIVE))
                    .intoMemorySegment(to, place, NATIVE);
        }
    }
}
