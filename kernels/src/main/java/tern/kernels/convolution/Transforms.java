package tern.kernels.convolution;

import static tern.kernels.convolution.Butterflies.LANES;
import static tern.kernels.convolution.Butterflies.POINT;
import static tern.kernels.convolution.Butterflies.VECTOR;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Workspace;

/**
 * The upper levels of a {@link RootTree}: from rows to the nodes of a spectrum and back, a few columns at a time through a
 * tile that fits the first-level cache.
 */
final class Transforms {
    private static final int TILE_POINTS = (int) ((32L << 10) / POINT);

    /** Transforms of this many points are shared by all threads. */
    private static final int TOGETHER = 1 << 14;
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
     * Blocks of channels, one a task, unless transforms are so long that those of all threads would not fit the shared cache
     * together, or blocks are few: then one after another, and regions inside of them are shared by all threads.
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
        int width = Math.min(tree.sub, TILES * columns(tree));
        team.run(tree.sub / width, (task, scratch) -> work.run(points(scratch, tilePoints(tree)), task * width,
                task * width + width));
    }

    /** Memory of this many points, its contents undefined. */
    static MemorySegment points(Workspace scratch, int count) {
        return scratch.allocate(DType.F32, Shape.of(count, 2 * LANES.length())).data();
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

    /** Columns {@code from} to {@code to} of the spectrum of a window of rows, as far as the upper levels go. */
    static void analyse(RootTree tree, Source rows, MemorySegment tile, MemorySegment spectrum, int from, int to) {
        int width = columns(tree);
        for (int column = from; column < to; column += width) {
            for (int r = 0; r < tree.top; r++) {
                long at = r * width * POINT;
                rows.load(r * tree.sub + column, width, tile, at);
                rows.load(tree.size + r * tree.sub + column, width, tile, at + VECTOR);
            }
            int nodes = 1;
            int last = tree.topRadix.length - 1;
            for (int level = 0; level < last; level++) {
                int radix = tree.topRadix[level];
                int part = tree.top / (nodes * radix) * width;
                for (int node = 0; node < nodes; node++) {
                    long begin = (long) node * radix * part * POINT;
                    Butterflies.forward(radix, tile, begin, part * POINT, tile, begin, part * POINT, part, tree.roots,
                            tree.topAt[level] + 2 * RootTree.pairs(radix) * node);
                }
                nodes *= radix;
            }
            int radix = tree.topRadix[last];
            for (int node = 0; node < nodes; node++) {
                Butterflies.forward(radix, tile, (long) node * radix * width * POINT, width * POINT, spectrum,
                        ((long) node * radix * tree.sub + column) * POINT, tree.sub * POINT, width, tree.roots,
                        tree.topAt[last] + 2 * RootTree.pairs(radix) * node);
            }
        }
    }

    /** Where rows come from. */
    @FunctionalInterface
    interface Source {
        /** Writes {@code count} rows of the window into every second vector of {@code tile}; zeros beyond its end. */
        void load(int row, int count, MemorySegment tile, long at);
    }

    /** Where rows go to. */
    @FunctionalInterface
    interface Sink {
        /** Takes {@code count} rows of the window, every second vector of {@code tile}. */
        void take(int row, int count, MemorySegment tile, long at);
    }

    /** Undoes {@link #analyse} for these columns, times {@code top}, and hands the rows to a sink. */
    static void synthesise(RootTree tree, MemorySegment spectrum, MemorySegment tile, Sink sink, int window, int from,
            int to) {
        int width = columns(tree);
        for (int column = from; column < to; column += width) {
            int last = tree.topRadix.length - 1;
            int radix = tree.topRadix[last];
            int nodes = tree.top / radix;
            for (int node = 0; node < nodes; node++) {
                Butterflies.inverse(radix, spectrum, ((long) node * radix * tree.sub + column) * POINT,
                        tree.sub * POINT, tile,
                        (long) node * radix * width * POINT, width * POINT, width, tree.roots,
                        tree.topAt[last] + 2 * RootTree.pairs(radix) * node);
            }
            for (int level = last - 1; level >= 0; level--) {
                radix = tree.topRadix[level];
                nodes /= radix;
                int part = tree.top / (nodes * radix) * width;
                for (int node = 0; node < nodes; node++) {
                    long begin = (long) node * radix * part * POINT;
                    Butterflies.inverse(radix, tile, begin, part * POINT, tile, begin, part * POINT, part, tree.roots,
                            tree.topAt[level] + 2 * RootTree.pairs(radix) * node);
                }
            }
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
