package tern.kernels.machine;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Measures the two limits that every kernel stands under: how many multiply–adds the vector units retire and how fast
 * memory is read. Each figure is the best of many short rounds, so that a neighbour's disturbance does not lower it. Safe
 * for use by several threads, though measurements that overlap disturb each other.
 */
public final class MachineProbe {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final int CHAINS = 12;
    private static final double ROUND_SECONDS = 0.01;

    /** Where results go that nobody reads, so that the compiler cannot drop the work behind them. */
    private static volatile float ignoredResult;

    private MachineProbe() {
    }

    /** Width of the vectors that the JVM prefers on this machine, in bits. */
    public static int vectorBits() {
        return LANES.vectorBitSize();
    }

    /** How many {@code float} values one vector holds. */
    public static int floatLanes() {
        return LANES.length();
    }

    /**
     * Floating-point operations per second of fused multiply–adds on registers alone, an fma counting as two.
     *
     * @param threads how many threads compute at the same time, 1 or more
     * @param millis how long no round may have been better before the measurement ends, in milliseconds
     */
    public static double fmaPeak(int threads, long millis) {
        double warm = BestOf.of(millis, () -> consume(multiplyAdds(1 << 12)));
        long iterations = Math.max(1 << 12, (long) ((1 << 12) * ROUND_SECONDS / warm));
        double work = (double) iterations * CHAINS * LANES.length() * 2 * threads;
        return work / bestSeconds(threads, millis, index -> consume(multiplyAdds(iterations)));
    }

    /**
     * Bytes per second read from memory in order, from a block far larger than any cache.
     *
     * @param threads how many threads read at the same time, each its own part; 1 or more
     * @param millis how long no round may have been better before the measurement ends, in milliseconds
     * @param bytes size of the block
     */
    public static double readBandwidth(int threads, long millis, long bytes) {
        int part = Math.toIntExact(bytes / threads / 4 / (4 * LANES.length()) * (4 * LANES.length()));
        if (part == 0) {
            throw new IllegalArgumentException(
                    "a block of " + bytes + " bytes is too small to measure " + threads
                            + " threads; use 1 MiB or more");
        }
        try (Memory memory = new Memory()) {
            // Written first: pages that never were are all the same page of zeros, which stays in the cache.
            Tensor block = memory.zeros(DType.F32, Shape.of(threads, part)).fill(1);
            MemorySegment data = block.data();
            BestOf.of(millis / 4, () -> consume(read(data, 0, Math.min(part, 1 << 16))));
            double seconds = bestSeconds(threads, millis, index -> consume(read(data, 4L * part * index, part)));
            return 4.0 * part * threads / seconds;
        }
    }

    /** Twelve independent chains: enough to hide an fma's latency of four or five cycles on two units. */
    private static float multiplyAdds(long iterations) {
        FloatVector scale = FloatVector.broadcast(LANES, 0.999f), one = FloatVector.broadcast(LANES, 1);
        FloatVector a = one, b = one, c = one, d = one, e = one, f = one, g = one, h = one, i = one, j = one, k = one,
                l = one;
        for (long n = 0; n < iterations; n++) {
            a = a.fma(scale, one);
            b = b.fma(scale, one);
            c = c.fma(scale, one);
            d = d.fma(scale, one);
            e = e.fma(scale, one);
            f = f.fma(scale, one);
            g = g.fma(scale, one);
            h = h.fma(scale, one);
            i = i.fma(scale, one);
            j = j.fma(scale, one);
            k = k.fma(scale, one);
            l = l.fma(scale, one);
        }
        return a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k).add(l)
                .reduceLanes(VectorOperators.ADD);
    }

    private static float read(MemorySegment data, long offset, int elements) {
        FloatVector a = FloatVector.zero(LANES), b = a, c = a, d = a;
        long width = LANES.vectorByteSize(), stride = 4 * width;
        long end = offset + 4L * elements;
        for (long at = offset; at < end; at += stride) {
            a = a.add(FloatVector.fromMemorySegment(LANES, data, at, NATIVE));
            b = b.add(FloatVector.fromMemorySegment(LANES, data, at + width, NATIVE));
            c = c.add(FloatVector.fromMemorySegment(LANES, data, at + 2 * width, NATIVE));
            d = d.add(FloatVector.fromMemorySegment(LANES, data, at + 3 * width, NATIVE));
        }
        return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }

    private static void consume(float value) {
        ignoredResult = value;
    }

    @FunctionalInterface
    private interface Part {
        void run(int index);
    }

    /** Time of the fastest round in which every thread carries out its part once. */
    private static double bestSeconds(int threads, long millis, Part part) {
        if (threads < 1) throw new IllegalArgumentException("threads is " + threads + ", expected 1 or more");
        Rounds rounds = new Rounds(millis);
        CyclicBarrier barrier = new CyclicBarrier(threads, rounds::turn);
        Thread[] others = new Thread[threads - 1];
        for (int t = 0; t < others.length; t++) {
            int index = t + 1;
            others[t] = Thread.ofPlatform().daemon().name("tern-probe-" + index)
                    .start(() -> rounds.run(barrier, part, index));
        }
        rounds.run(barrier, part, 0);
        for (Thread other : others) join(other);
        return rounds.best.seconds();
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Rounds between barriers; the barrier's action, run by one thread while the others wait, takes the time. */
    private static final class Rounds {
        private final BestOf best;
        private long begin;
        private boolean started;
        private boolean over;

        Rounds(long millis) {
            this.best = new BestOf(millis);
        }

        void turn() {
            if (started) best.add((System.nanoTime() - begin) / 1e9);
            over = best.isSettled();
            started = true;
            begin = System.nanoTime();
        }

        void run(CyclicBarrier barrier, Part part, int index) {
            try {
                while (true) {
                    barrier.await();
                    if (over) return;
                    part.run(index);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (BrokenBarrierException e) {
                throw new IllegalStateException("a measuring thread stopped early", e);
            }
        }
    }
}
