package tern.kernels.modal;

import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.all;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.kernels.lanes.Lanes.first;
import static tern.kernels.lanes.Lanes.load;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.lanes.Lanes;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Position after position, for few of them: reads and writes each state once a position. Scalar filters have their modes in
 * the lanes, filters of heads the entries of their matrices.
 */
final class ModalStep {
    private ModalStep() {
    }

    // ── scalar ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /** All positions of one sequence for filters {@code from} to {@code to}. */
    static void scalar(Tensor x, Modes modes, Tensor poles, Tensor passThrough, Tensor state, Tensor y,
            Tensor nextState,
            int b, int from, int to) {
        int time = x.dim(1);
        int filters = modes.filters();
        long base = 4L * b * modes.order();
        for (int t = 0; t < time; t++) {
            MemorySegment before = t == 0 ? state.data() : nextState.data();
            long row = 4 * ((long) b * time + t) * filters;
            for (int f = from; f < to; f++) {
                float in = x.data().get(FLOAT, row + 4L * f);
                float sum = passThrough.data().get(FLOAT, 4L * f) * in;
                int n = modes.pairStart()[f];
                int pairs = modes.pairStart()[f + 1] - n;
                if (pairs > 0) {
                    sum += pairs(before, nextState.data(), base, n, pairs, modes.pairs(), poles.data(),
                            modes.residueReal().data(), modes.residueImaginary().data(), in);
                }
                int m = modes.realStart()[f];
                int reals = modes.realStart()[f + 1] - m;
                if (reals > 0) {
                    sum += reals(before, nextState.data(), base + 8L * modes.pairs(), m, reals, 8L * modes.pairs(),
                            poles.data(), modes.realResidue().data(), in);
                }
                y.data().set(FLOAT, row + 4L * f, sum);
            }
        }
    }

    // Reads Re Σ R·s out and sets s ← λ·s + x, for the pairs of one filter.
    private static float pairs(MemorySegment before, MemorySegment after, long base, int start, int count, int all,
            MemorySegment poles, MemorySegment residueReal, MemorySegment residueImaginary, float x) {
        long plane = 4L * all;
        FloatVector sum = FloatVector.zero(Lanes.SPECIES);
        for (int i = 0; i < count; i += LENGTH) {
            VectorMask<Float> mask = first(count - i);
            long at = 4L * (start + i);
            FloatVector real = load(before, base + at, mask);
            FloatVector imaginary = load(before, base + plane + at, mask);
            FloatVector poleReal = load(poles, at, mask);
            FloatVector poleImaginary = load(poles, plane + at, mask);
            sum = real.fma(load(residueReal, at, mask), sum);
            sum = imaginary.neg().fma(load(residueImaginary, at, mask), sum);
            real.fma(poleReal, imaginary.neg().fma(poleImaginary, all(x))).intoMemorySegment(after, base + at, ORDER,
                    mask);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, base + plane + at, ORDER, mask);
        }
        return Lanes.sum(sum);
    }

    private static float reals(MemorySegment before, MemorySegment after, long base, int start, int count,
            long poleBase,
            MemorySegment poles, MemorySegment residue, float x) {
        FloatVector sum = FloatVector.zero(Lanes.SPECIES);
        for (int i = 0; i < count; i += LENGTH) {
            VectorMask<Float> mask = first(count - i);
            long at = 4L * (start + i);
            FloatVector value = load(before, base + at, mask);
            sum = value.fma(load(residue, at, mask), sum);
            value.fma(load(poles, poleBase + at, mask), all(x)).intoMemorySegment(after, base + at, ORDER, mask);
        }
        return Lanes.sum(sum);
    }

    // ── heads ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /** All positions of one sequence for filters {@code from} to {@code to}. */
    static void heads(Tensor query, Tensor key, Tensor value, Modes modes, Tensor poles, Tensor passThrough,
            Tensor state,
            Tensor y, Tensor nextState, int b, int from, int to, Workspace scratch) {
        int time = query.dim(1);
        int width = query.dim(3);
        int entries = width * width;
        int whole = Lanes.bound(entries);
        MemorySegment added = scratch.allocate(DType.F32, Shape.of(entries)).data();
        MemorySegment read = scratch.allocate(DType.F32, Shape.of(entries)).data();
        long base = 4L * b * modes.order() * entries;
        for (int f = from; f < to; f++) {
            for (int t = 0; t < time; t++) {
                MemorySegment before = t == 0 ? state.data() : nextState.data();
                MemorySegment after = nextState.data();
                long at = 4L * (((long) b * time + t) * modes.filters() + f) * width;
                outer(key.data(), value.data(), at, width, added);
                read.fill((byte) 0);
                int e = 0;
                for (; e + 4 * LENGTH <= whole; e += 4 * LENGTH) {
                    pairs(before, after, base, e, entries, f, modes, poles, added, read, true);
                    reals(before, after, base, e, entries, f, modes, poles, added, read, true);
                }
                for (; e < whole; e += LENGTH) {
                    pairs(before, after, base, e, entries, f, modes, poles, added, read, false);
                    reals(before, after, base, e, entries, f, modes, poles, added, read, false);
                }
                for (; e < entries; e++) {
                    entry(before, after, base, e, entries, f, modes, poles, added, read);
                }
                readOut(query.data(), key.data(), value.data(), at, width, passThrough.data().get(FLOAT, 4L * f), read,
                        y.data());
            }
        }
    }

    private static void outer(MemorySegment key, MemorySegment value, long at, int width, MemorySegment added) {
        for (int i = 0; i < width; i++) {
            float left = key.get(FLOAT, at + 4L * i);
            for (int j = 0; j < width; j++) {
                added.set(FLOAT, 4L * (i * width + j), left * value.get(FLOAT, at + 4L * j));
            }
        }
    }

    // y_j ← Σ_i q_i·W_ij + h_0·(q·k)·v_j.
    private static void readOut(MemorySegment query, MemorySegment key, MemorySegment value, long at, int width,
            float h0,
            MemorySegment read, MemorySegment y) {
        float score = 0;
        for (int i = 0; i < width; i++) {
            score += query.get(FLOAT, at + 4L * i) * key.get(FLOAT, at + 4L * i);
        }
        score *= h0;
        for (int j = 0; j < width; j++) {
            float sum = score * value.get(FLOAT, at + 4L * j);
            for (int i = 0; i < width; i++) {
                sum += query.get(FLOAT, at + 4L * i) * read.get(FLOAT, 4L * (i * width + j));
            }
            y.set(FLOAT, at + 4L * j, sum);
        }
    }

    private static void pairs(MemorySegment before, MemorySegment after, long base, int e, int entries, int f,
            Modes modes,
            Tensor poles, MemorySegment added, MemorySegment read, boolean four) {
        int from = modes.pairStart()[f];
        int to = modes.pairStart()[f + 1];
        int all = modes.pairs();
        if (four) {
            pairsFour(before, after, base + 4L * e, 4L * entries, from, to, all, poles.data(),
                    modes.residueReal().data(),
                    modes.residueImaginary().data(), added, read, 4L * e);
        } else {
            pairsOne(before, after, base + 4L * e, 4L * entries, from, to, all, poles.data(),
                    modes.residueReal().data(),
                    modes.residueImaginary().data(), added, read, 4L * e);
        }
    }

    private static void reals(MemorySegment before, MemorySegment after, long base, int e, int entries, int f,
            Modes modes,
            Tensor poles, MemorySegment added, MemorySegment read, boolean four) {
        int from = modes.realStart()[f];
        int to = modes.realStart()[f + 1];
        long plane = 2L * modes.pairs();
        for (int j = e; j < e + (four ? 4 * LENGTH : LENGTH); j += LENGTH) {
            if (from < to) {
                realsOne(before, after, base + 4 * (plane * entries + j), 4L * entries, from, to, 4 * plane,
                        poles.data(),
                        modes.realResidue().data(), added, read, 4L * j);
            }
        }
    }

    private static void pairsFour(MemorySegment before, MemorySegment after, long base, long row, int from, int to,
            int all,
            MemorySegment poles, MemorySegment residueReal, MemorySegment residueImaginary, MemorySegment added,
            MemorySegment read, long at) {
        FloatVector sum0 = FloatVector.zero(Lanes.SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        for (int n = from; n < to; n++) {
            FloatVector poleReal = broadcast(poles, 4L * n);
            FloatVector poleImaginary = broadcast(poles, 4L * (all + n));
            FloatVector outReal = broadcast(residueReal, 4L * n);
            FloatVector outImaginary = broadcast(residueImaginary, 4L * n).neg();
            long realAt = base + n * row;
            long imaginaryAt = base + (all + n) * row;
            FloatVector real = load(before, realAt);
            FloatVector imaginary = load(before, imaginaryAt);
            sum0 = imaginary.fma(outImaginary, real.fma(outReal, sum0));
            real.fma(poleReal, imaginary.neg().fma(poleImaginary, load(added, at))).intoMemorySegment(after, realAt,
                    ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, imaginaryAt, ORDER);
            real = load(before, realAt + BYTES);
            imaginary = load(before, imaginaryAt + BYTES);
            sum1 = imaginary.fma(outImaginary, real.fma(outReal, sum1));
            real.fma(poleReal, imaginary.neg().fma(poleImaginary, load(added, at + BYTES)))
                    .intoMemorySegment(after, realAt + BYTES, ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, imaginaryAt + BYTES, ORDER);
            real = load(before, realAt + 2L * BYTES);
            imaginary = load(before, imaginaryAt + 2L * BYTES);
            sum2 = imaginary.fma(outImaginary, real.fma(outReal, sum2));
            real.fma(poleReal, imaginary.neg().fma(poleImaginary, load(added, at + 2L * BYTES)))
                    .intoMemorySegment(after, realAt + 2L * BYTES, ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, imaginaryAt + 2L * BYTES, ORDER);
            real = load(before, realAt + 3L * BYTES);
            imaginary = load(before, imaginaryAt + 3L * BYTES);
            sum3 = imaginary.fma(outImaginary, real.fma(outReal, sum3));
            real.fma(poleReal, imaginary.neg().fma(poleImaginary, load(added, at + 3L * BYTES)))
                    .intoMemorySegment(after, realAt + 3L * BYTES, ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, imaginaryAt + 3L * BYTES, ORDER);
        }
        sum0.intoMemorySegment(read, at, ORDER);
        sum1.intoMemorySegment(read, at + BYTES, ORDER);
        sum2.intoMemorySegment(read, at + 2L * BYTES, ORDER);
        sum3.intoMemorySegment(read, at + 3L * BYTES, ORDER);
    }

    private static void pairsOne(MemorySegment before, MemorySegment after, long base, long row, int from, int to,
            int all,
            MemorySegment poles, MemorySegment residueReal, MemorySegment residueImaginary, MemorySegment added,
            MemorySegment read, long at) {
        FloatVector sum = FloatVector.zero(Lanes.SPECIES);
        FloatVector in = load(added, at);
        for (int n = from; n < to; n++) {
            FloatVector poleReal = broadcast(poles, 4L * n);
            FloatVector poleImaginary = broadcast(poles, 4L * (all + n));
            long realAt = base + n * row;
            long imaginaryAt = base + (all + n) * row;
            FloatVector real = load(before, realAt);
            FloatVector imaginary = load(before, imaginaryAt);
            sum = real.fma(broadcast(residueReal, 4L * n), sum);
            sum = imaginary.neg().fma(broadcast(residueImaginary, 4L * n), sum);
            real.fma(poleReal, imaginary.neg().fma(poleImaginary, in)).intoMemorySegment(after, realAt, ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, imaginaryAt, ORDER);
        }
        sum.intoMemorySegment(read, at, ORDER);
    }

    private static void realsOne(MemorySegment before, MemorySegment after, long base, long row, int from, int to,
            long poleBase, MemorySegment poles, MemorySegment residue, MemorySegment added, MemorySegment read,
            long at) {
        FloatVector sum = load(read, at);
        FloatVector in = load(added, at);
        for (int m = from; m < to; m++) {
            FloatVector value = load(before, base + m * row);
            sum = value.fma(broadcast(residue, 4L * m), sum);
            value.fma(broadcast(poles, poleBase + 4L * m), in).intoMemorySegment(after, base + m * row, ORDER);
        }
        sum.intoMemorySegment(read, at, ORDER);
    }

    private static void entry(MemorySegment before, MemorySegment after, long base, int e, int entries, int f,
            Modes modes,
            Tensor poles, MemorySegment added, MemorySegment read) {
        int all = modes.pairs();
        float in = added.get(FLOAT, 4L * e);
        float sum = 0;
        for (int n = modes.pairStart()[f]; n < modes.pairStart()[f + 1]; n++) {
            long realAt = base + 4L * ((long) n * entries + e);
            long imaginaryAt = base + 4L * ((long) (all + n) * entries + e);
            float poleReal = poles.data().get(FLOAT, 4L * n);
            float poleImaginary = poles.data().get(FLOAT, 4L * (all + n));
            float real = before.get(FLOAT, realAt);
            float imaginary = before.get(FLOAT, imaginaryAt);
            sum += modes.residueReal().data().get(FLOAT, 4L * n) * real
                    - modes.residueImaginary().data().get(FLOAT, 4L * n) * imaginary;
            after.set(FLOAT, realAt, poleReal * real - poleImaginary * imaginary + in);
            after.set(FLOAT, imaginaryAt, poleReal * imaginary + poleImaginary * real);
        }
        for (int m = modes.realStart()[f]; m < modes.realStart()[f + 1]; m++) {
            long at = base + 4L * ((2L * all + m) * entries + e);
            float value = before.get(FLOAT, at);
            sum += modes.realResidue().data().get(FLOAT, 4L * m) * value;
            after.set(FLOAT, at, poles.data().get(FLOAT, 4L * (2L * all + m)) * value + in);
        }
        read.set(FLOAT, 4L * e, sum);
    }
}
