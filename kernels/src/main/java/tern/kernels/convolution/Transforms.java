package tern.kernels.convolution;

import static tern.kernels.convolution.Butterflies.LANES;
import static tern.kernels.convolution.Butterflies.POINT;
import static tern.kernels.convolution.Butterflies.VECTOR;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.Workspace;

/**
 * The upper levels of a {@link RootTree}: from rows to the nodes of a spectrum and back, a few columns at a time through a
 * tile that fits the first-level cache.
 */
final class Transforms {
    private static final int TILE_POINTS = (int) ((32L << 10) / POINT);

    /** Transforms of this many points are shared by all threads, so that memory does not grow with their number. */
    private static final int TOGETHER = 1 << 18;
    /** Shorter ones are shared too if there are fewer blocks of channels than this. */
    private static final int FEW_BLOCKS = 4;
    private static final int TOGETHER_IF_FEW = 1 << 12;
    /** Tiles a task of a shared transform passes over. */
    private static final int TILES = 8;
    /** Time of one point in one level of a transform, beside one fused multiply-add of a direct sum. */
    private static final double LEVEL_COST = 3;

    private Transforms() {
    }

    /** Some of the columns of a transform. */
    @FunctionalInterface
    interface ColumnWork {
        /** Columns {@code from} to {@code to}, with a tile for this task alone. */
        void run(MemorySegment tile, int from, int to);
    }

    /** One block of channels. */
    @FunctionalInterface
    interface BlockWork {
        /** Block number {@code block}; regions inside of it may run on this thread alone. */
        void run(int block);
    }

    /**
     * Blocks of channels, one a task, unless transforms are so long that those of all threads would take much memory, or
     * blocks are few: then one after another, and regions inside of them are shared by all threads.
     */
    static void eachBlock(ThreadTeam team, RootTree tree, int blocks, BlockWork work) {
        if (tree.size >= TOGETHER || blocks < FEW_BLOCKS && tree.size >= TOGETHER_IF_FEW) {
            for (int block = 0; block < blocks; block++) {
                work.run(block);
            }
        } else {
            // Regions inside of a task run on its own thread.
            team.run(blocks, (block, scratch) -> work.run(block));
        }
    }

    /** All columns of a transform, some tiles in each task. */
    static void eachColumns(ThreadTeam team, RootTree tree, ColumnWork work) {
        eachColumns(team, tree, task(tree, work));
    }

    /** The same with a task that was made before, for one that runs many times. */
    static void eachColumns(ThreadTeam team, RootTree tree, ThreadTeam.Task task) {
        team.run(tree.sub / columnsOfTask(tree), task);
    }

    /** The task of {@link #eachColumns(ThreadTeam, RootTree, ThreadTeam.Task)}. */
    static ThreadTeam.Task task(RootTree tree, ColumnWork work) {
        int width = columnsOfTask(tree);
        return (task, scratch) -> work.run(points(scratch, tilePoints(tree)), task * width, task * width + width);
    }

    private static int columnsOfTask(RootTree tree) {
        return Math.min(tree.sub, TILES * columns(tree));
    }

    /** Memory of this many points, its contents undefined. */
    static MemorySegment points(Workspace scratch, int count) {
        return scratch.floatMemory((long) count * 2 * LANES.length());
    }

    /** Memory of one spectrum, its contents undefined. */
    static MemorySegment spectrum(Workspace scratch, RootTree tree) {
        return points(scratch, (int) (tree.top * tree.pitch / POINT));
    }

    /** The time of transforms of one vector of channels, in fused multiply-adds. */
    static double cost(long points, double transforms) {
        int size = RootTree.sizeFor(points);
        return LEVEL_COST * transforms * size * (Integer.SIZE - Integer.numberOfLeadingZeros(size));
    }

    /** Columns that pass through the tile together; divides {@code sub}. */
    static int columns(RootTree tree) {
        return Math.min(tree.sub, Math.max(4, Integer.highestOneBit(TILE_POINTS / tree.top)));
    }

    /** Points of the tile. */
    static int tilePoints(RootTree tree) {
        return tree.top * columns(tree);
    }

    /**
     * Columns {@code from} to {@code to} of the spectrum of a window of rows, as far as the upper levels go.
     *
     * @param window rows beyond are zeros
     */
    static void analyse(RootTree tree, Source rows, int window, MemorySegment tile, MemorySegment spectrum, int from,
            int to) {
        int width = columns(tree);
        int last = tree.topRadix.length - 1;
        boolean real = window <= tree.size && tree.topRadix[0] == 4;
        for (int column = from; column < to; column += width) {
            int nodes = 1;
            int done = 0;
            if (real) {
                analyseReal(tree, rows, tile, spectrum, column);
                nodes = 4;
                done = 1;
            } else {
                for (int r = 0; r < tree.top; r++) {
                    long at = r * width * POINT;
                    rows.load(r * tree.sub + column, width, tile, at);
                    rows.load(tree.size + r * tree.sub + column, width, tile, at + VECTOR);
                }
            }
            for (int level = done; level < last; level++) {
                int radix = tree.topRadix[level];
                int part = tree.top / (nodes * radix) * width;
                for (int node = 0; node < nodes; node++) {
                    long begin = (long) node * radix * part * POINT;
                    Butterflies.forward(radix, tile, begin, part * POINT, tile, begin, part * POINT, part, tree.roots,
                            tree.topAt[level] + 2 * RootTree.pairs(radix) * node);
                }
                nodes *= radix;
            }
            if (done <= last) {
                int radix = tree.topRadix[last];
                for (int node = 0; node < nodes; node++) {
                    Butterflies.forward(radix, tile, (long) node * radix * width * POINT, width * POINT, spectrum,
                            node * radix * tree.pitch + column * POINT, tree.pitch, width, tree.roots,
                            tree.topAt[last] + 2 * RootTree.pairs(radix) * node);
                }
            }
        }
    }

    /** The first level of a window without imaginary parts, straight from the rows where they lie in one piece. */
    private static void analyseReal(RootTree tree, Source rows, MemorySegment tile, MemorySegment spectrum,
            int column) {
        int width = columns(tree);
        int part = tree.top / 4;
        boolean only = tree.topRadix.length == 1;
        long toLeg = only ? tree.pitch : part * width * POINT;
        for (int r = 0; r < part; r++) {
            int row = r * tree.sub + column;
            int leg = part * tree.sub;
            long toAt = only ? column * POINT : r * width * POINT;
            long first = rows.place(row, row + 3 * leg + width);
            if (first >= 0) {
                Butterflies.forwardReal4(rows.memory(), first, leg * rows.stride(), rows.stride(),
                        only ? spectrum : tile, toAt,
                        toLeg, width, tree.roots, tree.topAt[0]);
            } else {
                for (int k = 0; k < 4; k++) {
                    rows.load(row + k * leg, width, tile, (r + k * part) * width * POINT);
                }
                Butterflies.forwardReal4(tile, r * width * POINT, part * width * POINT, POINT, only ? spectrum : tile,
                        toAt, toLeg,
                        width, tree.roots, tree.topAt[0]);
            }
        }
    }

    /** Where rows come from. */
    @FunctionalInterface
    interface Source {
        /** Writes {@code count} rows of the window into every second vector of {@code tile}; zeros beyond its end. */
        void load(int row, int count, MemorySegment tile, long at);

        /** Where row {@code from} is in {@link #memory}, if all rows to {@code to} are there whole, else −1. */
        default long place(int from, int to) {
            return -1;
        }

        /** What {@link #place} speaks of. */
        default MemorySegment memory() {
            return MemorySegment.NULL;
        }

        /** Bytes from row to row in {@link #memory}. */
        default long stride() {
            return 0;
        }
    }

    /** Where rows go to. */
    @FunctionalInterface
    interface Sink {
        /** Takes {@code count} rows of the window, every second vector of {@code tile}. */
        void take(int row, int count, MemorySegment tile, long at);

        /**
         * Takes the real parts of the last butterflies of radix 4 straight away if it can: {@code count} rows from each of
         * four rows {@code leg} apart.
         *
         * @return whether it did
         */
        default boolean finish(RootTree tree, int row, int leg, int count, MemorySegment tile, long at, long tileLeg) {
            return false;
        }
    }

    /** Undoes {@link #analyse} for these columns, times {@code top}, and hands the rows of the window to a sink. */
    static void synthesise(RootTree tree, MemorySegment spectrum, MemorySegment tile, Sink sink, int window, int from,
            int to) {
        int width = columns(tree);
        int last = tree.topRadix.length - 1;
        boolean real = window <= tree.size && tree.topRadix[0] == 4;
        int first = real ? 1 : 0;
        for (int column = from; column < to; column += width) {
            int radix = tree.topRadix[last];
            int nodes = tree.top / radix;
            if (last >= first) {
                for (int node = 0; node < nodes; node++) {
                    Butterflies.inverse(radix, spectrum, node * radix * tree.pitch + column * POINT,
                            tree.pitch, tile,
                            (long) node * radix * width * POINT, width * POINT, width, tree.roots,
                            tree.topAt[last] + 2 * RootTree.pairs(radix) * node);
                }
            }
            for (int level = last - 1; level >= first; level--) {
                radix = tree.topRadix[level];
                nodes /= radix;
                int part = tree.top / (nodes * radix) * width;
                for (int node = 0; node < nodes; node++) {
                    long begin = (long) node * radix * part * POINT;
                    Butterflies.inverse(radix, tile, begin, part * POINT, tile, begin, part * POINT, part, tree.roots,
                            tree.topAt[level] + 2 * RootTree.pairs(radix) * node);
                }
            }
            if (real) {
                synthesiseReal(tree, spectrum, tile, sink, window, column);
            } else {
                for (int r = 0; r < tree.top; r++) {
                    long at = r * width * POINT;
                    int row = r * tree.sub + column;
                    if (row < window) {
                        sink.take(row, width, tile, at);
                    }
                    if (tree.size + row < window) {
                        sink.take(tree.size + row, width, tile, at + VECTOR);
                    }
                }
            }
        }
    }

    private static void synthesiseReal(RootTree tree, MemorySegment spectrum, MemorySegment tile, Sink sink, int window,
            int column) {
        int width = columns(tree);
        int part = tree.top / 4;
        int leg = part * tree.sub;
        boolean only = tree.topRadix.length == 1;
        for (int r = 0; r < part; r++) {
            int row = r * tree.sub + column;
            MemorySegment from = only ? spectrum : tile;
            long at = only ? column * POINT : r * width * POINT;
            long fromLeg = only ? tree.pitch : part * width * POINT;
            if (sink.finish(tree, row, leg, width, from, at, fromLeg)) {
                continue;
            }
            Butterflies.inverseReal4(from, at, fromLeg, tile, r * width * POINT, part * width * POINT, width,
                    tree.roots,
                    tree.topAt[0]);
            for (int k = 0; k < 4 && row + k * leg < window; k++) {
                sink.take(row + k * leg, width, tile, (r + k * part) * width * POINT);
            }
        }
    }
}
