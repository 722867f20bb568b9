package tern.kernels.attention;

import java.util.ArrayList;
import java.util.List;

import tern.ops.Chunks;
import tern.tensor.Tensor;

/**
 * The positions of one call that lie in one chunk of one sequence.
 *
 * @param sequence b
 * @param from the first of the call's positions
 * @param to the one after the last
 * @param cached positions of the chunk that came before the call: rows 0 … of the cache
 * @param valid how many of the call's positions are not padding; keys of others are not read
 */
record Piece(int sequence, int from, int to, int cached, int valid) {
    /** All pieces of a call, sequence by sequence. */
    static List<Piece> of(Chunks how, int time, long[] ages, int[] lengths) {
        List<Piece> pieces = new ArrayList<>();
        for (int b = 0; b < ages.length; b++) {
            int valid = lengths.length == 0 ? time : lengths[b];
            for (int from = 0, to; from < time; from = to) {
                int cached = how.before(ages[b] + from);
                to = how.length() == 0 ? time : Math.min(time, from + how.length() - cached);
                pieces.add(new Piece(b, from, to, cached, Math.clamp(valid - (long) from, 0, to - from)));
            }
        }
        return pieces;
    }

    /** Number of queries. */
    int queries() {
        return to - from;
    }

    /** Number of keys that some query may read. */
    int keys() {
        return cached + valid;
    }

    /** Number of a query's row among those of all sequences, heads and positions of a call. */
    long line(Tensor queries, int head, int query) {
        return ((long) sequence * queries.dim(2) + head) * queries.dim(1) + from + query;
    }

    /** Keys that a query of the piece reads, counted from the piece's first; 0 for one that is padding. */
    int read(Chunks how, int query) {
        return query >= valid ? 0 : how.causal() ? cached + query + 1 : keys();
    }
}
