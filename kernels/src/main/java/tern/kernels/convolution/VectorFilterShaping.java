package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.ops.FilterNorm;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link FilterShaping} on {@link DType#F32}. The argument of the sine is taken as an unrounded product and reduced by
 * three parts of π, so the sine is within 1e-7 for |frequency·x| up to 30,000, and beyond that by the library. Gradients of
 * parameters are summed in single precision over some rows and in double precision over these sums. Stateless, safe to
 * share.
 */
public final class VectorFilterShaping implements FilterShaping {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    /** Elements of a task. */
    private static final int TASK = 1 << 14;
    private static final float LEAST_NORM = (float) ReferenceFilterShaping.LEAST_NORM;

    private static final float LARGEST_ANGLE = 30_000;
    private static final float PI_HIGH = 0x1.921fb6p+1f;
    private static final float PI_MIDDLE = -0x1.777a5cp-24f;
    private static final float PI_LOW = -0x1.ee59dap-49f;
    private static final float TURNS = (float) (1 / Math.PI);
    /** Adding this leaves an integer in the low bits of the significand. */
    private static final float ROUNDER = 0x1.8p+23f;
    // Minimax on |r| ≤ π/2: sin r = r + r³·S(r²), error 5e-9; cos r = 1 − r²/2 + r⁴·C(r²), error 4e-10.
    private static final float S0 = -1.66666571e-01f;
    private static final float S1 = 8.33301710e-03f;
    private static final float S2 = -1.98066016e-04f;
    private static final float S3 = 2.60002442e-06f;
    private static final float C0 = 4.16666558e-02f;
    private static final float C1 = -1.38885690e-03f;
    private static final float C2 = 2.47692915e-05f;
    private static final float C3 = -2.61935486e-07f;

    // e^r on |r| ≤ ln 2/2 by its series to r⁷, error 5e-9; below this argument the result is 0.
    private static final float LEAST_EXPONENT = -86.5f;
    private static final float LOG2_E = (float) (1 / Math.log(2));
    private static final float LN2_HIGH = 0x1.62e4p-1f;
    private static final float LN2_LOW = (float) (Math.log(2) - 0x1.62e4p-1);

    /** A body without state. */
    public VectorFilterShaping() {
    }

    /** Some rows. */
    @FunctionalInterface
    private interface RowWork {
        void run(int from, int to, int task, Workspace scratch);
    }

    private static int rowsOfTask(int width) {
        return Math.max(1, TASK / Math.max(1, width));
    }

    private static int tasks(long rows, int width) {
        int each = rowsOfTask(width);
        return (int) ((rows + each - 1) / each);
    }

    private static void eachRows(ThreadTeam team, long rows, int width, RowWork work) {
        int each = rowsOfTask(width);
        int tasks = tasks(rows, width);
        if (tasks == 1) {
            work.run(0, (int) rows, 0, team.scratch());
            return;
        }
        team.run(tasks,
                (task, scratch) -> work.run(task * each, (int) Math.min(rows, (task + 1L) * each), task, scratch));
    }

    private static long rows(Tensor x, int width) {
        return width == 0 ? 0 : x.elements() / width;
    }

    // ── sine ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void sine(ThreadTeam team, Tensor x, Tensor frequency, Tensor y) {
        int width = frequency.dim(0);
        eachRows(team, rows(x, width), width, (from, to, task, scratch) -> {
            for (long row = from; row < to; row++) {
                sineRow(x.data(), 4 * row * width, frequency.data(), y.data(), width);
            }
        });
    }

    private static void sineRow(MemorySegment x, long at, MemorySegment frequency, MemorySegment y, int width) {
        FloatVector rounder = broadcast(LANES, ROUNDER);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            long lane = 4L * c;
            FloatVector f = fromMemorySegment(LANES, frequency, lane, NATIVE);
            FloatVector v = fromMemorySegment(LANES, x, at + lane, NATIVE);
            FloatVector angle = f.mul(v);
            if (angle.abs().compare(VectorOperators.GT, LARGEST_ANGLE).anyTrue()) {
                for (int i = c; i < c + LANES.length(); i++) {
                    sineOf(x, at, frequency, y, i);
                }
                continue;
            }
            FloatVector rest = f.fma(v, angle.neg());
            FloatVector shifted = angle.fma(broadcast(LANES, TURNS), rounder);
            IntVector sign = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 31);
            FloatVector halfTurns = shifted.sub(rounder);
            FloatVector r = halfTurns.fma(broadcast(LANES, -PI_HIGH), angle);
            r = halfTurns.fma(broadcast(LANES, -PI_MIDDLE), r);
            r = halfTurns.fma(broadcast(LANES, -PI_LOW), r).add(rest);
            FloatVector s = r.mul(r);
            FloatVector p = s.fma(broadcast(LANES, S3), broadcast(LANES, S2));
            p = p.fma(s, broadcast(LANES, S1)).fma(s, broadcast(LANES, S0));
            r.mul(s).fma(p, r).reinterpretAsInts().lanewise(VectorOperators.XOR, sign).reinterpretAsFloats()
                    .intoMemorySegment(y, at + lane, NATIVE);
        }
        for (; c < width; c++) {
            sineOf(x, at, frequency, y, c);
        }
    }

    private static void sineOf(MemorySegment x, long at, MemorySegment frequency, MemorySegment y, int c) {
        double angle = (double) frequency.get(Tensor.FLOAT, 4L * c) * x.get(Tensor.FLOAT, at + 4L * c);
        y.set(Tensor.FLOAT, at + 4L * c, (float) Math.sin(angle));
    }

    @Override
    public void sineBackward(ThreadTeam team, Tensor x, Tensor frequency, Tensor dy, Tensor dx, Tensor dFrequency) {
        int width = frequency.dim(0);
        long rows = rows(x, width);
        Workspace.Mark mark = team.scratch().mark();
        Tensor sums = team.scratch().allocate(DType.F32, Shape.of(tasks(rows, width), width));
        eachRows(team, rows, width, (from, to, task, scratch) -> {
            long sum = 4L * task * width;
            sums.data().asSlice(sum, 4L * width).fill((byte) 0);
            for (long row = from; row < to; row++) {
                sineRowBackward(x.data(), 4 * row * width, frequency.data(), dy.data(), dx.data(), sums.data(), sum,
                        width);
            }
        });
        collect(sums, dFrequency);
        team.scratch().release(mark);
    }

    private static void sineRowBackward(MemorySegment x, long at, MemorySegment frequency, MemorySegment dy,
            MemorySegment dx,
            MemorySegment sums, long sum, int width) {
        FloatVector rounder = broadcast(LANES, ROUNDER);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            long lane = 4L * c;
            FloatVector f = fromMemorySegment(LANES, frequency, lane, NATIVE);
            FloatVector v = fromMemorySegment(LANES, x, at + lane, NATIVE);
            FloatVector angle = f.mul(v);
            if (angle.abs().compare(VectorOperators.GT, LARGEST_ANGLE).anyTrue()) {
                for (int i = c; i < c + LANES.length(); i++) {
                    sineBackwardOf(x, at, frequency, dy, dx, sums, sum, i);
                }
                continue;
            }
            FloatVector rest = f.fma(v, angle.neg());
            FloatVector shifted = angle.fma(broadcast(LANES, TURNS), rounder);
            IntVector sign = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 31);
            FloatVector halfTurns = shifted.sub(rounder);
            FloatVector r = halfTurns.fma(broadcast(LANES, -PI_HIGH), angle);
            r = halfTurns.fma(broadcast(LANES, -PI_MIDDLE), r);
            r = halfTurns.fma(broadcast(LANES, -PI_LOW), r).add(rest);
            FloatVector s = r.mul(r);
            FloatVector p = s.fma(broadcast(LANES, C3), broadcast(LANES, C2));
            p = p.fma(s, broadcast(LANES, C1)).fma(s, broadcast(LANES, C0));
            FloatVector cosine = s.mul(s).fma(p, s.fma(broadcast(LANES, -0.5f), broadcast(LANES, 1)));
            FloatVector slope = cosine.reinterpretAsInts().lanewise(VectorOperators.XOR, sign).reinterpretAsFloats()
                    .mul(fromMemorySegment(LANES, dy, at + lane, NATIVE));
            slope.mul(f).intoMemorySegment(dx, at + lane, NATIVE);
            slope.fma(v, fromMemorySegment(LANES, sums, sum + lane, NATIVE)).intoMemorySegment(sums, sum + lane,
                    NATIVE);
        }
        for (; c < width; c++) {
            sineBackwardOf(x, at, frequency, dy, dx, sums, sum, c);
        }
    }

    private static void sineBackwardOf(MemorySegment x, long at, MemorySegment frequency, MemorySegment dy,
            MemorySegment dx,
            MemorySegment sums, long sum, int c) {
        float f = frequency.get(Tensor.FLOAT, 4L * c);
        float v = x.get(Tensor.FLOAT, at + 4L * c);
        double slope = dy.get(Tensor.FLOAT, at + 4L * c) * Math.cos((double) f * v);
        dx.set(Tensor.FLOAT, at + 4L * c, (float) (slope * f));
        sums.set(Tensor.FLOAT, sum + 4L * c, (float) (sums.get(Tensor.FLOAT, sum + 4L * c) + slope * v));
    }

    // ── window ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void window(ThreadTeam team, Tensor g, Tensor delta, int span, double shift, Tensor y) {
        int width = delta.dim(0);
        eachRows(team, rows(g, width), width, (from, to, task, scratch) -> {
            for (int row = from; row < to; row++) {
                windowRow(g.data(), 4L * row * width, delta.data(), (double) row / (span - 1), (float) shift, y.data(),
                        width);
            }
        });
    }

    private static void windowRow(MemorySegment g, long at, MemorySegment delta, double place, float shift,
            MemorySegment y,
            int width) {
        FloatVector rate = broadcast(LANES, (float) -place);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            long lane = 4L * c;
            exponential(fromMemorySegment(LANES, delta, lane, NATIVE).abs().mul(rate)).add(shift)
                    .mul(fromMemorySegment(LANES, g, at + lane, NATIVE)).intoMemorySegment(y, at + lane, NATIVE);
        }
        for (; c < width; c++) {
            double decay = Math.exp(-Math.abs(delta.get(Tensor.FLOAT, 4L * c)) * place);
            y.set(Tensor.FLOAT, at + 4L * c, (float) (g.get(Tensor.FLOAT, at + 4L * c) * (decay + shift)));
        }
    }

    @Override
    public void windowBackward(ThreadTeam team, Tensor g, Tensor delta, int span, double shift, Tensor dy, Tensor dg,
            Tensor dDelta) {
        int width = delta.dim(0);
        long rows = rows(g, width);
        Workspace.Mark mark = team.scratch().mark();
        Tensor sums = team.scratch().allocate(DType.F32, Shape.of(tasks(rows, width), width));
        eachRows(team, rows, width, (from, to, task, scratch) -> {
            long sum = 4L * task * width;
            sums.data().asSlice(sum, 4L * width).fill((byte) 0);
            for (int row = from; row < to; row++) {
                windowRowBackward(g.data(), 4L * row * width, delta.data(), (double) row / (span - 1), (float) shift,
                        dy.data(),
                        dg.data(), sums.data(), sum, width);
            }
        });
        collect(sums, dDelta);
        team.scratch().release(mark);
    }

    private static void windowRowBackward(MemorySegment g, long at, MemorySegment delta, double place, float shift,
            MemorySegment dy, MemorySegment dg, MemorySegment sums, long sum, int width) {
        FloatVector rate = broadcast(LANES, (float) -place);
        FloatVector zero = FloatVector.zero(LANES);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            long lane = 4L * c;
            FloatVector d = fromMemorySegment(LANES, delta, lane, NATIVE);
            FloatVector decay = exponential(d.abs().mul(rate));
            FloatVector slope = fromMemorySegment(LANES, dy, at + lane, NATIVE);
            decay.add(shift).mul(slope).intoMemorySegment(dg, at + lane, NATIVE);
            FloatVector down = slope.mul(fromMemorySegment(LANES, g, at + lane, NATIVE)).mul(decay).mul(rate);
            // d|δ|/dδ is −1, 0 or 1.
            FloatVector signed = zero.blend(down, d.compare(VectorOperators.GT, 0)).blend(down.neg(),
                    d.compare(VectorOperators.LT, 0));
            signed.add(fromMemorySegment(LANES, sums, sum + lane, NATIVE)).intoMemorySegment(sums, sum + lane, NATIVE);
        }
        for (; c < width; c++) {
            float d = delta.get(Tensor.FLOAT, 4L * c);
            double decay = Math.exp(-Math.abs(d) * place);
            float slope = dy.get(Tensor.FLOAT, at + 4L * c);
            dg.set(Tensor.FLOAT, at + 4L * c, (float) (slope * (decay + shift)));
            double change = -slope * g.get(Tensor.FLOAT, at + 4L * c) * decay * place * Math.signum(d);
            sums.set(Tensor.FLOAT, sum + 4L * c, (float) (sums.get(Tensor.FLOAT, sum + 4L * c) + change));
        }
    }

    /**
     * e^x for x ≤ 0. The library's vector exponential would differ in its last bit between interpreted and compiled code;
     * this does not.
     */
    private static FloatVector exponential(FloatVector x) {
        FloatVector rounder = broadcast(LANES, ROUNDER);
        FloatVector shifted = x.max(LEAST_EXPONENT).fma(broadcast(LANES, LOG2_E), rounder);
        FloatVector k = shifted.sub(rounder);
        FloatVector r = k.fma(broadcast(LANES, -LN2_HIGH), x);
        r = k.fma(broadcast(LANES, -LN2_LOW), r);
        FloatVector p = r.fma(broadcast(LANES, 1 / 5040f), broadcast(LANES, 1 / 720f));
        p = p.fma(r, broadcast(LANES, 1 / 120f)).fma(r, broadcast(LANES, 1 / 24f)).fma(r, broadcast(LANES, 1 / 6f));
        p = p.fma(r, broadcast(LANES, 0.5f)).fma(r, broadcast(LANES, 1)).fma(r, broadcast(LANES, 1));
        IntVector scaled = p.reinterpretAsInts().add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23));
        return scaled.reinterpretAsFloats().blend(0, x.compare(VectorOperators.LT, LEAST_EXPONENT));
    }

    // ── norms ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void normalise(ThreadTeam team, Tensor taps, FilterNorm norm, Tensor y) {
        int width = taps.dim(1);
        Workspace.Mark mark = team.scratch().mark();
        switch (norm) {
            case NONE -> y.copyFrom(taps);
            case CHANNELS_L1 -> eachRows(team, taps.dim(0), width, (from, to, task, scratch) -> {
                Workspace.Mark lanesFrom = scratch.mark();
                MemorySegment lanes = scratch.floatMemory(LANES.length());
                for (long row = from; row < to; row++) {
                    long at = 4 * row * width;
                    float size = rowSum(taps.data(), at, width, lanes);
                    scaleRow(taps.data(), at, 1 / Math.max(size, LEAST_NORM), y.data(), width);
                }
                scratch.release(lanesFrom);
            });
            case TAPS_L1, TAPS_L2 -> {
                MemorySegment gains = team.scratch().floatMemory(width);
                double[] sizes = columnNorms(team, taps, norm);
                for (int c = 0; c < width; c++) {
                    gains.set(Tensor.FLOAT, 4L * c,
                            (float) (1 / Math.max(sizes[c], ReferenceFilterShaping.LEAST_NORM)));
                }
                eachRows(team, taps.dim(0), width, (from, to, task, scratch) -> {
                    for (long row = from; row < to; row++) {
                        mixRow(taps.data(), gains, taps.data(), gains, false, y.data(), 4 * row * width, width);
                    }
                });
            }
        }
        team.scratch().release(mark);
    }

    @Override
    public void normaliseBackward(ThreadTeam team, Tensor taps, FilterNorm norm, Tensor dy, Tensor dTaps) {
        int width = taps.dim(1);
        Workspace.Mark mark = team.scratch().mark();
        switch (norm) {
            case NONE -> dTaps.copyFrom(dy);
            case CHANNELS_L1 -> eachRows(team, taps.dim(0), width, (from, to, task, scratch) -> {
                Workspace.Mark lanesFrom = scratch.mark();
                MemorySegment lanes = scratch.floatMemory(LANES.length());
                for (long row = from; row < to; row++) {
                    long at = 4 * row * width;
                    float size = rowSum(taps.data(), at, width, lanes);
                    float pull = size < LEAST_NORM ? 0 : rowDot(taps.data(), dy.data(), at, width, lanes) / size;
                    pullRow(taps.data(), dy.data(), at, pull, 1 / Math.max(size, LEAST_NORM), dTaps.data(), width);
                }
                scratch.release(lanesFrom);
            });
            case TAPS_L1, TAPS_L2 -> {
                double[] sizes = columnNorms(team, taps, norm);
                double[] dots = columnDots(team, taps, dy);
                MemorySegment gains = team.scratch().floatMemory(width);
                MemorySegment pulls = team.scratch().floatMemory(width);
                boolean signs = norm == FilterNorm.TAPS_L1;
                for (int c = 0; c < width; c++) {
                    double size = sizes[c];
                    boolean small = size < ReferenceFilterShaping.LEAST_NORM;
                    gains.set(Tensor.FLOAT, 4L * c, (float) (1 / Math.max(size, ReferenceFilterShaping.LEAST_NORM)));
                    pulls.set(Tensor.FLOAT, 4L * c,
                            (float) (small ? 0 : -dots[c] / (size * size) / (signs ? 1 : size)));
                }
                eachRows(team, taps.dim(0), width, (from, to, task, scratch) -> {
                    for (long row = from; row < to; row++) {
                        if (signs) {
                            mixSigns(dy.data(), gains, taps.data(), pulls, dTaps.data(), 4 * row * width, width);
                        } else {
                            mixRow(dy.data(), gains, taps.data(), pulls, true, dTaps.data(), 4 * row * width, width);
                        }
                    }
                });
            }
        }
        team.scratch().release(mark);
    }

    /** to ← a ⊙ f, plus b ⊙ g if {@code both}. */
    private static void mixRow(MemorySegment a, MemorySegment f, MemorySegment b, MemorySegment g, boolean both,
            MemorySegment to, long at, int width) {
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            long lane = 4L * c;
            FloatVector sum = fromMemorySegment(LANES, a, at + lane, NATIVE)
                    .mul(fromMemorySegment(LANES, f, lane, NATIVE));
            if (both) {
                sum = fromMemorySegment(LANES, b, at + lane, NATIVE).fma(fromMemorySegment(LANES, g, lane, NATIVE),
                        sum);
            }
            sum.intoMemorySegment(to, at + lane, NATIVE);
        }
        for (; c < width; c++) {
            float sum = a.get(Tensor.FLOAT, at + 4L * c) * f.get(Tensor.FLOAT, 4L * c);
            to.set(Tensor.FLOAT, at + 4L * c, both
                    ? Math.fma(b.get(Tensor.FLOAT, at + 4L * c), g.get(Tensor.FLOAT, 4L * c), sum)
                    : sum);
        }
    }

    /** to ← a ⊙ f + sign(b) ⊙ g. */
    private static void mixSigns(MemorySegment a, MemorySegment f, MemorySegment b, MemorySegment g, MemorySegment to,
            long at,
            int width) {
        FloatVector zero = FloatVector.zero(LANES);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            long lane = 4L * c;
            FloatVector v = fromMemorySegment(LANES, b, at + lane, NATIVE);
            FloatVector pull = fromMemorySegment(LANES, g, lane, NATIVE);
            FloatVector signed = zero.blend(pull, v.compare(VectorOperators.GT, 0)).blend(pull.neg(),
                    v.compare(VectorOperators.LT, 0));
            fromMemorySegment(LANES, a, at + lane, NATIVE).fma(fromMemorySegment(LANES, f, lane, NATIVE), signed)
                    .intoMemorySegment(to, at + lane, NATIVE);
        }
        for (; c < width; c++) {
            to.set(Tensor.FLOAT, at + 4L * c,
                    Math.fma(a.get(Tensor.FLOAT, at + 4L * c), f.get(Tensor.FLOAT, 4L * c), Math
                            .signum(b.get(Tensor.FLOAT, at + 4L * c)) * g.get(Tensor.FLOAT, 4L * c)));
        }
    }

    /** to ← gain·(dy − pull·sign(taps)). */
    private static void pullRow(MemorySegment taps, MemorySegment dy, long at, float pull, float gain, MemorySegment to,
            int width) {
        FloatVector zero = FloatVector.zero(LANES);
        FloatVector up = broadcast(LANES, -pull);
        FloatVector down = broadcast(LANES, pull);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            long lane = at + 4L * c;
            FloatVector v = fromMemorySegment(LANES, taps, lane, NATIVE);
            zero.blend(up, v.compare(VectorOperators.GT, 0)).blend(down, v.compare(VectorOperators.LT, 0))
                    .add(fromMemorySegment(LANES, dy, lane, NATIVE)).mul(gain).intoMemorySegment(to, lane, NATIVE);
        }
        for (; c < width; c++) {
            long lane = at + 4L * c;
            to.set(Tensor.FLOAT, lane,
                    gain * (dy.get(Tensor.FLOAT, lane) - pull * Math.signum(taps.get(Tensor.FLOAT, lane))));
        }
    }

    private static void scaleRow(MemorySegment from, long at, float gain, MemorySegment to, int width) {
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            fromMemorySegment(LANES, from, at + 4L * c, NATIVE).mul(gain).intoMemorySegment(to, at + 4L * c, NATIVE);
        }
        for (; c < width; c++) {
            to.set(Tensor.FLOAT, at + 4L * c, gain * from.get(Tensor.FLOAT, at + 4L * c));
        }
    }

    private static float rowSum(MemorySegment taps, long at, int width, MemorySegment lanes) {
        FloatVector sums = FloatVector.zero(LANES);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            sums = fromMemorySegment(LANES, taps, at + 4L * c, NATIVE).abs().add(sums);
        }
        double sum = acrossLanes(sums, lanes);
        for (; c < width; c++) {
            sum += Math.abs(taps.get(Tensor.FLOAT, at + 4L * c));
        }
        return (float) sum;
    }

    private static float rowDot(MemorySegment a, MemorySegment b, long at, int width, MemorySegment lanes) {
        FloatVector sums = FloatVector.zero(LANES);
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            sums = fromMemorySegment(LANES, a, at + 4L * c, NATIVE)
                    .fma(fromMemorySegment(LANES, b, at + 4L * c, NATIVE), sums);
        }
        double sum = acrossLanes(sums, lanes);
        for (; c < width; c++) {
            sum += (double) a.get(Tensor.FLOAT, at + 4L * c) * b.get(Tensor.FLOAT, at + 4L * c);
        }
        return (float) sum;
    }

    /** The sum of a vector in lane order: that of {@code reduceLanes} depends on how the method was compiled. */
    private static double acrossLanes(FloatVector sums, MemorySegment lanes) {
        sums.intoMemorySegment(lanes, 0, NATIVE);
        double sum = 0;
        for (int i = 0; i < LANES.length(); i++) {
            sum += lanes.get(Tensor.FLOAT, 4L * i);
        }
        return sum;
    }

    private static double[] columnNorms(ThreadTeam team, Tensor taps, FilterNorm norm) {
        if (norm == FilterNorm.TAPS_L2) {
            double[] squares = columnDots(team, taps, taps);
            for (int c = 0; c < squares.length; c++) {
                squares[c] = Math.sqrt(squares[c]);
            }
            return squares;
        }
        int width = taps.dim(1);
        Workspace.Mark mark = team.scratch().mark();
        Tensor sums = team.scratch().allocate(DType.F32, Shape.of(tasks(taps.dim(0), width), width));
        eachRows(team, taps.dim(0), width, (from, to, task, scratch) -> {
            long sum = 4L * task * width;
            sums.data().asSlice(sum, 4L * width).fill((byte) 0);
            for (long row = from; row < to; row++) {
                addAbsolute(taps.data(), 4 * row * width, sums.data(), sum, width);
            }
        });
        double[] norms = totals(sums, width);
        team.scratch().release(mark);
        return norms;
    }

    private static void addAbsolute(MemorySegment taps, long at, MemorySegment sums, long sum, int width) {
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            fromMemorySegment(LANES, taps, at + 4L * c, NATIVE).abs()
                    .add(fromMemorySegment(LANES, sums, sum + 4L * c, NATIVE))
                    .intoMemorySegment(sums, sum + 4L * c, NATIVE);
        }
        for (; c < width; c++) {
            sums.set(Tensor.FLOAT, sum + 4L * c,
                    sums.get(Tensor.FLOAT, sum + 4L * c) + Math.abs(taps.get(Tensor.FLOAT, at + 4L
                            * c)));
        }
    }

    private static double[] columnDots(ThreadTeam team, Tensor a, Tensor b) {
        int width = a.dim(1);
        Workspace.Mark mark = team.scratch().mark();
        Tensor sums = team.scratch().allocate(DType.F32, Shape.of(tasks(a.dim(0), width), width));
        eachRows(team, a.dim(0), width, (from, to, task, scratch) -> {
            long sum = 4L * task * width;
            sums.data().asSlice(sum, 4L * width).fill((byte) 0);
            for (long row = from; row < to; row++) {
                addProducts(a.data(), b.data(), 4 * row * width, sums.data(), sum, width);
            }
        });
        double[] dots = totals(sums, width);
        team.scratch().release(mark);
        return dots;
    }

    private static void addProducts(MemorySegment a, MemorySegment b, long at, MemorySegment sums, long sum,
            int width) {
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            fromMemorySegment(LANES, a, at + 4L * c, NATIVE).fma(fromMemorySegment(LANES, b, at + 4L * c, NATIVE),
                    fromMemorySegment(LANES, sums, sum + 4L * c, NATIVE)).intoMemorySegment(sums, sum + 4L * c, NATIVE);
        }
        for (; c < width; c++) {
            sums.set(Tensor.FLOAT, sum + 4L * c,
                    Math.fma(a.get(Tensor.FLOAT, at + 4L * c), b.get(Tensor.FLOAT, at + 4L * c), sums
                            .get(Tensor.FLOAT, sum + 4L * c)));
        }
    }

    private static double[] totals(Tensor sums, int width) {
        double[] totals = new double[width];
        for (long i = 0; i < sums.elements(); i++) {
            totals[(int) (i % width)] += sums.data().get(Tensor.FLOAT, 4 * i);
        }
        return totals;
    }

    private static void collect(Tensor sums, Tensor into) {
        double[] totals = totals(sums, into.dim(0));
        for (int c = 0; c < totals.length; c++) {
            into.set(c, into.get(c) + totals[c]);
        }
    }
}
