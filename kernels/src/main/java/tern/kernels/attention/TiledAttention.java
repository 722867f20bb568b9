package tern.kernels.attention;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Attention over tiles of rows, joined by the logarithms of their sums (Dao et al. 2022, arXiv 2205.14135, section 3.1), on
 * top of any body. All queries of a sequence read a tile alike, so to the body they are heads of one position that share the
 * tile's key heads; the tile's last row plays that position's own. Confined to one call.
 */
public final class TiledAttention {
    // The body's scratch grows with the number of heads.
    private static final int QUERIES_AT_ONCE = 32;

    private final Attention body;
    private final ThreadTeam team;
    private final Workspace results;

    /** On top of this body, with scratch from this workspace. */
    public TiledAttention(Attention body, ThreadTeam team, Workspace results) {
        this.body = body;
        this.team = team;
        this.results = results;
    }

    /** The call's own rows: starts y [B,T,H,V] and logSum [B,H,T]. */
    public void own(Tensor query, Tensor key, Tensor value, Tensor y, Tensor logSum) {
        body.forward(team, query, key, value, none(key), none(value), new long[query.dim(0)], y, logSum);
    }

    /** Gradients of {@link #own}, given y and logSum over all rows; written. */
    public void ownBackward(Tensor query, Tensor key, Tensor value, Tensor y, Tensor logSum, Tensor dy, Tensor dQuery,
            Tensor dKey, Tensor dValue) {
        body.backward(team, query, key, value, none(key), none(value), new long[query.dim(0)], y, logSum, dy, dQuery,
                dKey, dValue, none(key), none(value));
    }

    private Tensor none(Tensor like) {
        return results.allocate(like.dtype(), like.shape().with(1, 0));
    }

    /** How many of {@code rows} rows that begin at {@code first} a sequence of this age sees. */
    private static int visible(long age, long first, int rows) {
        return Math.clamp(age - first, 0, rows);
    }

    /** Joins a tile that begins at row {@code first} into y and logSum. */
    public void join(Tensor query, Tensor keys, Tensor values, long[] ages, long first, Tensor y, Tensor logSum) {
        int time = query.dim(1);
        for (int b = 0; b < query.dim(0); b++) {
            int seen = visible(ages[b], first, keys.dim(1));
            for (int from = 0; seen > 0 && from < time; from += QUERIES_AT_ONCE) {
                int to = Math.min(time, from + QUERIES_AT_ONCE);
                Workspace.Mark mark = results.mark();
                Seen tile = new Seen(part(keys, b, 0, seen), part(values, b, 0, seen));
                Tensor heads = asHeads(part(query, b, from, to));
                Tensor found = results.allocate(y.dtype(), heads.shape().withLast(y.dim(3)));
                Tensor sums = results.allocate(y.dtype(), Shape.of(1, heads.dim(2), 1));
                body.forward(team, heads, tile.lastKey(), tile.lastValue(), tile.keys, tile.values, tile.ages(), found,
                        sums);
                join(found, sums, from, to, part(y, b, 0, time), logSum.slice(b, b + 1));
                results.release(mark);
            }
        }
    }

    /** One sequence's visible rows of a tile [1,S,G,…]: S − 1 as history and the last as own. */
    private record Seen(Tensor keys, Tensor values) {
        Tensor lastKey() {
            return part(keys, 0, keys.dim(1) - 1, keys.dim(1));
        }

        Tensor lastValue() {
            return part(values, 0, values.dim(1) - 1, values.dim(1));
        }

        long[] ages() {
            return new long[] {keys.dim(1) - 1L};
        }
    }

    private static void join(Tensor found, Tensor sums, int from, int to, Tensor y, Tensor logSum) {
        int queries = to - from;
        int heads = y.dim(2);
        int width = y.dim(3);
        int time = y.dim(1);
        for (int h = 0; h < heads; h++) {
            for (int t = from; t < to; t++) {
                long sumAt = (long) h * time + t;
                long foundAt = (long) h * queries + t - from;
                double before = logSum.get(sumAt);
                double more = sums.get(foundAt);
                double highest = Math.max(before, more);
                double total = highest + Math.log(Math.exp(before - highest) + Math.exp(more - highest));
                double keep = Math.exp(before - total);
                double take = Math.exp(more - total);
                long at = ((long) t * heads + h) * width;
                for (int j = 0; j < width; j++) {
                    y.set(at + j, keep * y.get(at + j) + take * found.get(foundAt * width + j));
                }
                logSum.set(sumAt, total);
            }
        }
    }

    /** Gradients of {@link #join}, given y and logSum over all rows; dQuery is added to, the others are written. */
    public void joinBackward(Tensor query, Tensor keys, Tensor values, long[] ages, long first, Tensor y,
            Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKeys, Tensor dValues) {
        int time = query.dim(1);
        dKeys.fill(0);
        dValues.fill(0);
        for (int b = 0; b < query.dim(0); b++) {
            int seen = visible(ages[b], first, keys.dim(1));
            for (int from = 0; seen > 0 && from < time; from += QUERIES_AT_ONCE) {
                int to = Math.min(time, from + QUERIES_AT_ONCE);
                Workspace.Mark mark = results.mark();
                Seen tile = new Seen(part(keys, b, 0, seen), part(values, b, 0, seen));
                Seen gradient = new Seen(part(dKeys, b, 0, seen), part(dValues, b, 0, seen));
                Tensor heads = asHeads(part(query, b, from, to));
                Tensor sums = asHeads(logSum.reshape(logSum.dim(0), logSum.dim(1), time, 1), b, from, to);
                Tensor dHeads = results.allocate(heads.dtype(), heads.shape());
                Tensor dLastKey = results.allocate(keys.dtype(), tile.lastKey().shape());
                Tensor dLastValue = results.allocate(keys.dtype(), tile.lastValue().shape());
                body.backward(team, heads, tile.lastKey(), tile.lastValue(), tile.keys, tile.values, tile.ages(),
                        asHeads(part(y, b, from, to)), sums, asHeads(part(dy, b, from, to)), dHeads, dLastKey,
                        dLastValue, gradient.keys, gradient.values);
                add(dLastKey, gradient.lastKey());
                add(dLastValue, gradient.lastValue());
                addFromHeads(dHeads, part(dQuery, b, from, to));
                results.release(mark);
            }
        }
    }

    /** Rows {@code from} to {@code to} of sequence b of [B,T,…], a view [1,to − from,…]. */
    private static Tensor part(Tensor x, int b, int from, int to) {
        Tensor one = x.slice(b, b + 1).reshape(x.shape().with(0, x.dim(1)).with(1, 1)).slice(from, to);
        return one.reshape(x.shape().with(0, 1).with(1, to - from));
    }

    /** [1,T,H,K] as heads of one position [1,1,H·T,K]. */
    private Tensor asHeads(Tensor x) {
        int time = x.dim(1);
        int heads = x.dim(2);
        Shape flat = Shape.of(1, 1, heads * time, x.dim(3));
        if (time == 1) {
            return x.reshape(flat);
        }
        Tensor turned = results.allocate(x.dtype(), flat);
        long bytes = (long) x.dim(3) * x.dtype().bytes();
        for (int t = 0; t < time; t++) {
            for (int h = 0; h < heads; h++) {
                MemorySegment.copy(x.data(), ((long) t * heads + h) * bytes, turned.data(),
                        ((long) h * time + t) * bytes, bytes);
            }
        }
        return turned;
    }

    /** Queries {@code from} to {@code to} of [B,H,T,1], whose heads come first already, as [1,H·(to − from),1]. */
    private Tensor asHeads(Tensor sums, int b, int from, int to) {
        int heads = sums.dim(1);
        int time = sums.dim(2);
        Tensor y = results.allocate(sums.dtype(), Shape.of(1, heads * (to - from), 1));
        for (int h = 0; h < heads; h++) {
            for (int t = from; t < to; t++) {
                y.set((long) h * (to - from) + t - from, sums.get(((long) b * heads + h) * time + t));
            }
        }
        return y;
    }

    private static void addFromHeads(Tensor heads, Tensor into) {
        int time = into.dim(1);
        int width = into.dim(3);
        for (int t = 0; t < time; t++) {
            for (int h = 0; h < into.dim(2); h++) {
                for (int i = 0; i < width; i++) {
                    long at = ((long) t * into.dim(2) + h) * width + i;
                    into.set(at, into.get(at) + heads.get(((long) h * time + t) * width + i));
                }
            }
        }
    }

    private static void add(Tensor from, Tensor into) {
        for (long i = 0; i < from.elements(); i++) {
            into.set(i, into.get(i) + from.get(i));
        }
    }

    /** Number of tiles that hold the rows of the oldest sequence. */
    public static int count(long[] ages, int rows) {
        long oldest = 0;
        for (long age : ages) {
            oldest = Math.max(oldest, age);
        }
        return Math.toIntExact((oldest + rows - 1) / rows);
    }
}
