package tern.kernels.convolution;

import static tern.kernels.convolution.Butterflies.POINT;
import static tern.kernels.convolution.Butterflies.VECTOR;

import java.lang.foreign.MemorySegment;

/**
 * The upper levels of a {@link RootTree}: from rows to the nodes of a spectrum and back, a few columns at a time through a
 * tile that fits the first-level cache.
 */
final class Transforms {
    private static final int TILE_POINTS = (int) ((32L << 10) / POINT);

    private Transforms() {
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
    static void analyse(RootTree tree, Rows rows, MemorySegment tile, MemorySegment spectrum, int from, int to) {
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
