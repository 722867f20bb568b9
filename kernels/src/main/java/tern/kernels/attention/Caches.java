package tern.kernels.attention;

import java.lang.foreign.MemorySegment;

import tern.ops.Chunks;
import tern.tensor.Tensor;

/** The rows of the chunk that a call ends in: what the next call reads. */
public final class Caches {
    private Caches() {
    }

    /** Copies the call's rows that lie in the chunk of the position after the call; none if that begins a chunk. */
    public static void append(Tensor fresh, Tensor cache, Chunks how, long[] ages) {
        int time = fresh.dim(1);
        long row = fresh.dtype().bytes((long) fresh.dim(2) * fresh.dim(3));
        for (int b = 0; cache.dim(1) > 0 && b < fresh.dim(0); b++) {
            int after = how.before(ages[b] + time);
            int own = Math.min(time, after);
            MemorySegment.copy(fresh.data(), row * ((long) b * time + time - own), cache.data(),
                    row * ((long) b * cache.dim(1) + after - own), row * own);
        }
    }

    /**
     * Gradients of a cache after a call, handed to where its rows came from.
     *
     * @param dNext gradient of the cache after the call
     * @param dFresh gradient of the call's rows, accumulated
     * @param dCache gradient of the cache before the call, accumulated in rows that counted and still do
     */
    public static void appendBackward(Tensor dNext, Tensor dFresh, Tensor dCache, Chunks how, long[] ages) {
        int time = dFresh.dim(1);
        long row = (long) dFresh.dim(2) * dFresh.dim(3);
        for (int b = 0; dNext.dim(1) > 0 && b < dFresh.dim(0); b++) {
            int after = how.before(ages[b] + time);
            int own = Math.min(time, after);
            for (int r = 0; r < after; r++) {
                boolean kept = r < after - own;
                Tensor into = kept ? dCache : dFresh;
                long to = row * (kept ? (long) b * dCache.dim(1) + r : (long) b * time + time - after + r);
                for (long i = 0; i < row; i++) {
                    double given = dNext.get(((long) b * dNext.dim(1) + r) * row + i);
                    into.set(to + i, into.get(to + i) + given);
                }
            }
        }
    }
}
