package tern.kernels;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Which weights a team reads after which, as far as it has seen, so that threads that wait for the next region fetch their share of
 * what it will read into their caches. Between the maps of a step of decoding one thread does what is to be done in between, some
 * microseconds each time, in which memory would stand idle; and a thread that begins a stretch of memory waits a microsecond until
 * the processor fetches ahead by itself.
 *
 * <p>A wrong guess costs nothing but reading: nothing that is computed depends on it. Written by the team's caller alone.
 */
final class ReadAhead {
    /** So many sets of weights are remembered before all are forgotten; large models have some hundreds. */
    private static final int MOST_STOPS = 1 << 13;

    private final Map<Long, Stop> stops = new HashMap<>();
    private MemorySegment[] weights = new MemorySegment[8];
    private int[] ends = new int[8];
    private int count;
    private @Nullable Stop last;
    private volatile @Nullable Stop next;

    /** What one region reads: stretches of memory, each cut into tasks, which follow each other. */
    static final class Stop {
        private final MemorySegment[] weights;
        /** For each the number of tasks up to its end. */
        private final int[] ends;
        private volatile @Nullable Stop next;

        Stop(MemorySegment[] weights, int[] ends) {
            this.weights = weights;
            this.ends = ends;
        }

        private boolean matches(MemorySegment[] others, int[] otherEnds, int count) {
            if (weights.length != count) {
                return false;
            }
            for (int i = 0; i < count; i++) {
                if (ends[i] != otherEnds[i] || weights[i].address() != others[i].address()
                        || weights[i].byteSize() != others[i].byteSize() || !weights[i].scope().isAlive()) {
                    return false;
                }
            }
            return true;
        }
    }

    /** The next region will read this in so many tasks, behind what it was said to read before. */
    void expect(MemorySegment weight, int tasks) {
        if (count == weights.length) {
            weights = Arrays.copyOf(weights, 2 * count);
            ends = Arrays.copyOf(ends, 2 * count);
        }
        weights[count] = weight;
        ends[count] = (count == 0 ? 0 : ends[count - 1]) + tasks;
        count++;
    }

    /** A region begins. */
    void begin() {
        if (count == 0) {
            return;
        }
        Stop before = last, now = before == null ? null : before.next;
        if (now == null || !now.matches(weights, ends, count)) {
            now = stops.get(weights[0].address());
            if (now == null || !now.matches(weights, ends, count)) {
                if (stops.size() == MOST_STOPS) {
                    stops.clear();
                }
                now = new Stop(Arrays.copyOf(weights, count), Arrays.copyOf(ends, count));
                stops.put(weights[0].address(), now);
            }
            if (before != null) {
                before.next = now;
            }
        }
        Arrays.fill(weights, 0, count, MemorySegment.NULL);
        count = 0;
        last = now;
        next = now.next;
    }

    /** What one thread has read ahead; confined to it. */
    static final class Reader {
        /** Bytes read ahead at most: half of a second-level cache. */
        private static final long MOST = 1 << 19;
        /** Bytes read between two looks whether the region has begun: a tenth of a microsecond. */
        private static final long PIECE = 1 << 11;
        private static final int LINE = 64;

        private final ReadAhead ahead;
        private final int share;
        private final int shares;
        private @Nullable Stop stop;
        private int part;
        private long at;
        private long end;
        private long left;
        /** Written so that the reading is not left out. */
        private long ignoredSum;

        /** A reader of share {@code share} of {@code shares}. */
        Reader(ReadAhead ahead, int share, int shares) {
            this.ahead = ahead;
            this.share = share;
            this.shares = shares;
        }

        /** Reads a piece of what comes next. Returns false if there is nothing left to read. */
        boolean readPiece() {
            Stop coming = ahead.next;
            if (coming == null) {
                return false;
            }
            if (coming != stop) {
                stop = coming;
                part = -1;
                at = 0;
                end = 0;
                left = MOST;
            }
            while (at >= end && part + 1 < coming.weights.length) {
                part++;
                enter(coming);
            }
            if (at >= end || left <= 0) {
                return false;
            }
            long to = Math.min(end, at + PIECE);
            try {
                ignoredSum += read(coming.weights[part], at, to);
            } catch (IllegalStateException | InternalError gone) {
                // These weights were released, or their mapped file was cut off: a region that reads them will say so.
                left = 0;
                return false;
            }
            left -= to - at;
            at = to;
            return true;
        }

        /** To the bytes of the own share of the next stretch of memory. */
        private void enter(Stop coming) {
            int first = part == 0 ? 0 : coming.ends[part - 1], past = coming.ends[part];
            int all = coming.ends[coming.ends.length - 1];
            int from = Math.clamp(ThreadTeam.firstOf(share, shares, all), first, past);
            int to = Math.clamp(ThreadTeam.firstOf(share + 1, shares, all), first, past);
            long bytes = coming.weights[part].byteSize(), tasks = Math.max(1, past - first);
            at = bytes * (from - first) / tasks / LINE * LINE;
            end = Math.min(bytes - Long.BYTES + 1, bytes * (to - first) / tasks);
        }

        private static long read(MemorySegment from, long at, long to) {
            long sum = 0;
            for (long i = at; i < to; i += LINE) {
                sum += from.get(JAVA_LONG_UNALIGNED, i);
            }
            return sum;
        }
    }
}
