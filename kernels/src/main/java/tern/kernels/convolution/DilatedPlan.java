package tern.kernels.convolution;

import java.lang.foreign.MemorySegment;
import java.util.List;

import tern.kernels.lanes.Lanes;
import tern.ops.Activation;
import tern.ops.Dilations;
import tern.tensor.Tensor;

/**
 * How depthwise layers pass over time: a task takes one vector of channels of one sequence through all layers, a block of
 * rows at a time, so that what layers read of the past stays in cache. Rows are packed to a vector each: at the stride of
 * a tensor, often a power of two, they would meet in few sets of the caches. Where nothing came before the call, taps that
 * only reach there are left out.
 *
 * @param taps taps of each layer that can meet a row
 * @param before rows before the call that each layer reads
 * @param block rows of a block
 */
record DilatedPlan(Dilations layers, int batch, int time, int channels, boolean ringed, int[] taps, int[] before,
        int block) {
    /** Rows of a block at least and at most: the latter is also how many terms single precision may sum. */
    private static final int SHORTEST_BLOCK = 512;
    private static final int LONGEST_BLOCK = 2048;
    /** Bytes of one vector of channels that a core keeps at hand. */
    private static final long AT_ONCE = 1L << 21;

    static DilatedPlan of(Tensor x, Dilations layers, List<Tensor> rings) {
        int time = x.dim(1);
        boolean ringed = rings.stream().anyMatch(ring -> ring.dim(1) > 0);
        int[] taps = new int[rings.size()];
        int[] before = new int[rings.size()];
        int widest = 1;
        for (int l = 0; l < taps.length; l++) {
            Dilations.Layer layer = layers.layers().get(l);
            taps[l] = ringed ? layer.taps() : Math.min(layer.taps(), Math.max(0, time - 1) / layer.dilation() + 1);
            before[l] = (taps[l] - 1) * layer.dilation();
            widest = taps[l] == 1 ? widest : Math.max(widest, layer.dilation());
        }
        // Whole groups of four outputs that lie the widest dilation apart.
        int group = 4 * Math.min(widest, LONGEST_BLOCK / 4);
        return new DilatedPlan(layers, x.dim(0), time, x.dim(2), ringed, taps, before,
                Math.max(1, Math.min(time, (SHORTEST_BLOCK + group - 1) / group * group)));
    }

    /**
     * Whether what all layers read and their slopes stay in cache for a whole call, so that the way back makes them again
     * rather than read what forward wrote down.
     */
    boolean fitsAtOnce() {
        long rows = 2L * depth() * time;
        for (int rowsBefore : before) {
            rows += rowsBefore;
        }
        return time <= LONGEST_BLOCK && rows * Lanes.BYTES <= AT_ONCE;
    }

    /** The same with the whole call as one block. */
    DilatedPlan atOnce() {
        return new DilatedPlan(layers, batch, time, channels, ringed, taps, before, Math.max(1, time));
    }

    /** Number of layers. */
    int depth() {
        return taps.length;
    }

    /** Vectors of channels of one sequence. */
    int columns() {
        return (channels + Lanes.LENGTH - 1) / Lanes.LENGTH;
    }

    Dilations.Layer layer(int l) {
        return layers.layers().get(l);
    }

    /** Whether a layer is one that {@link ThreeTaps} are for. */
    boolean threeTaps(int l) {
        return taps[l] == 3 && layers.residual() && layers.activation() != Activation.IDENTITY;
    }

    /** Bytes from a row that a tap meets to the one that the next meets. */
    long step(int l) {
        return (long) layer(l).dilation() * Lanes.BYTES;
    }

    /** Rows of a layer's window: what is read before a block, blocks, and as many more that rows seldom need moving. */
    int window(int l) {
        int more = Math.min(Math.max(before[l], block), time + before[l]);
        return before[l] + (more + block - 1) / block * block;
    }

    /** One vector of channels of one sequence. */
    record Column(int sequence, int first, int count) {
        static Column of(DilatedPlan plan, int task) {
            int first = task % plan.columns() * Lanes.LENGTH;
            return new Column(task / plan.columns(), first, Math.min(Lanes.LENGTH, plan.channels - first));
        }

        /** Rows of a tensor [B,T,C] or [T,C], packed. */
        void gather(Tensor from, long row, int rows, MemorySegment into, long to) {
            long stride = 4L * from.shape().last();
            long at = row * stride + 4L * first;
            if (count == Lanes.LENGTH) {
                DilatedRows.gather(from.data(), at, stride, rows, into, to);
            } else {
                DilatedRows.gather(from.data(), at, stride, rows, Lanes.first(count), into, to);
            }
        }

        void scatter(MemorySegment from, long at, int rows, Tensor into, long row) {
            long stride = 4L * into.shape().last();
            long to = row * stride + 4L * first;
            if (count == Lanes.LENGTH) {
                DilatedRows.scatter(from, at, rows, into.data(), to, stride);
            } else {
                DilatedRows.scatter(from, at, rows, Lanes.first(count), into.data(), to, stride);
            }
        }

        /** Rows {@code t} … of the sequence's call. */
        void gatherCall(Tensor from, int t, int rows, MemorySegment into, long to) {
            gather(from, (long) sequence * from.dim(1) + t, rows, into, to);
        }

        void scatterCall(MemorySegment from, long at, int rows, Tensor into, int t) {
            scatter(from, at, rows, into, (long) sequence * into.dim(1) + t);
        }

        /** Rows of a ring from a position on. */
        void gatherRing(Tensor ring, long position, int rows, MemorySegment into, long to) {
            int size = ring.dim(1);
            for (int done = 0, run; done < rows; done += run) {
                int row = Math.floorMod(position + done, size);
                run = Math.min(rows - done, size - row);
                gather(ring, (long) sequence * size + row, run, into, to + (long) done * Lanes.BYTES);
            }
        }

        void scatterRing(MemorySegment from, long at, int rows, Tensor ring, long position) {
            int size = ring.dim(1);
            for (int done = 0, run; done < rows; done += run) {
                int row = Math.floorMod(position + done, size);
                run = Math.min(rows - done, size - row);
                scatter(from, at + (long) done * Lanes.BYTES, run, ring, (long) sequence * size + row);
            }
        }
    }
}
