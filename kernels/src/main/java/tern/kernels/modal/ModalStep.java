package tern.kernels.modal;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.ops.Modes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Position after position, for few of them: reads and writes each state once a position. Scalar filters have their modes in
 * the lanes, one filter's after the other's without regard to where they end; heads have the entries of their matrices.
 */
final class ModalStep {
    private ModalStep() {
    }

    // ── scalar ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /** All positions of one sequence for filters {@code from} to {@code to}. */
    static void scalar(Tensor x, Modes modes, Tensor poles, Tensor passThrough, Tensor state, Tensor y,
            Tensor nextState,
            int b, int from, int to, Workspace scratch) {
        int time = x.dim(1);
        int filters = modes.filters();
        int firstPair = modes.pairStart()[from];
        int firstReal = modes.realStart()[from];
        int pairs = modes.pairStart()[to] - firstPair;
        int reals = modes.realStart()[to] - firstReal;
        long plane = 4L * modes.pairs();
        long base = 4L * b * modes.order();
        // One float for each mode: its input, then what is read from it; whole vectors may be written past the end.
        MemorySegment line = scratch.floatMemory(Math.max(pairs, reals) + LENGTH);
        for (int t = 0; t < time; t++) {
            MemorySegment before = t == 0 ? state.data() : nextState.data();
            long row = 4 * ((long) b * time + t) * filters;
            for (int f = from; f < to; f++) {
                float direct = passThrough.data().get(FLOAT, 4L * f) * x.data().get(FLOAT, row + 4L * f);
                y.data().set(FLOAT, row + 4L * f, direct);
            }
            if (pairs > 0) {
                spread(x.data(), row, modes.pairStart(), from, to, line);
                pairs(before, nextState.data(), base + 4L * firstPair, plane, poles.data(), 4L * firstPair,
                        modes.residueReal().data(), modes.residueImaginary().data(), line, pairs);
                collect(line, modes.pairStart(), from, to, y.data(), row);
            }
            if (reals > 0) {
                spread(x.data(), row, modes.realStart(), from, to, line);
                reals(before, nextState.data(), base + 2 * plane + 4L * firstReal, poles.data(),
                        2 * plane + 4L * firstReal,
                        modes.realResidue().data(), 4L * firstReal, line, reals);
                collect(line, modes.realStart(), from, to, y.data(), row);
            }
        }
    }

    // The input of each filter to all its modes.
    private static void spread(MemorySegment x, long row, int[] start, int from, int to, MemorySegment line) {
        int first = start[from];
        for (int f = from; f < to; f++) {
            FloatVector in = broadcast(x, row + 4L * f);
            for (int n = start[f]; n < start[f + 1]; n += LENGTH) {
                in.intoMemorySegment(line, 4L * (n - first), ORDER);
            }
        }
    }

    // y_f += the sum over a filter's modes, in their order.
    private static void collect(MemorySegment line, int[] start, int from, int to, MemorySegment y, long row) {
        int first = start[from];
        for (int f = from; f < to; f++) {
            float sum = 0;
            for (int n = start[f]; n < start[f + 1]; n++) {
                sum += line.get(FLOAT, 4L * (n - first));
            }
            y.set(FLOAT, row + 4L * f, y.get(FLOAT, row + 4L * f) + sum);
        }
    }

    // All modes of all filters alike: line ← Re R·s of the state s before, s ← λ·s + line.
    private static void pairs(MemorySegment before, MemorySegment after, long base, long plane, MemorySegment poles,
            long first, MemorySegment residueReal, MemorySegment residueImaginary, MemorySegment line, int count) {
        int i = 0;
        for (int bound = Lanes.bound(count); i < bound; i += LENGTH) {
            long at = 4L * i;
            FloatVector real = fromMemorySegment(SPECIES, before, base + at, ORDER);
            FloatVector imaginary = fromMemorySegment(SPECIES, before, base + plane + at, ORDER);
            FloatVector minus = imaginary.neg();
            FloatVector poleReal = fromMemorySegment(SPECIES, poles, first + at, ORDER);
            FloatVector poleImaginary = fromMemorySegment(SPECIES, poles, first + plane + at, ORDER);
            FloatVector in = fromMemorySegment(SPECIES, line, at, ORDER);
            real.fma(fromMemorySegment(SPECIES, residueReal, first + at, ORDER),
                    minus.mul(fromMemorySegment(SPECIES, residueImaginary, first + at, ORDER)))
                    .intoMemorySegment(line, at, ORDER);
            real.fma(poleReal, minus.fma(poleImaginary, in)).intoMemorySegment(after, base + at, ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, base + plane + at, ORDER);
        }
        for (; i < count; i++) {
            long at = 4L * i;
            float real = before.get(FLOAT, base + at);
            float imaginary = before.get(FLOAT, base + plane + at);
            float poleReal = poles.get(FLOAT, first + at);
            float poleImaginary = poles.get(FLOAT, first + plane + at);
            float in = line.get(FLOAT, at);
            line.set(FLOAT, at,
                    real * residueReal.get(FLOAT, first + at) - imaginary * residueImaginary.get(FLOAT, first + at));
            after.set(FLOAT, base + at, real * poleReal - imaginary * poleImaginary + in);
            after.set(FLOAT, base + plane + at, imaginary * poleReal + real * poleImaginary);
        }
    }

    private static void reals(MemorySegment before, MemorySegment after, long base, MemorySegment poles, long poleAt,
            MemorySegment residue, long residueAt, MemorySegment line, int count) {
        int i = 0;
        for (int bound = Lanes.bound(count); i < bound; i += LENGTH) {
            long at = 4L * i;
            FloatVector value = fromMemorySegment(SPECIES, before, base + at, ORDER);
            FloatVector in = fromMemorySegment(SPECIES, line, at, ORDER);
            value.mul(fromMemorySegment(SPECIES, residue, residueAt + at, ORDER)).intoMemorySegment(line, at, ORDER);
            value.fma(fromMemorySegment(SPECIES, poles, poleAt + at, ORDER), in).intoMemorySegment(after, base + at,
                    ORDER);
        }
        for (; i < count; i++) {
            long at = 4L * i;
            float value = before.get(FLOAT, base + at);
            float in = line.get(FLOAT, at);
            line.set(FLOAT, at, value * residue.get(FLOAT, residueAt + at));
            after.set(FLOAT, base + at, value * poles.get(FLOAT, poleAt + at) + in);
        }
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
        MemorySegment added = scratch.floatMemory(entries);
        MemorySegment read = scratch.floatMemory(entries);
        long base = 4L * b * modes.order() * entries;
        for (int f = from; f < to; f++) {
            for (int t = 0; t < time; t++) {
                MemorySegment before = t == 0 ? state.data() : nextState.data();
                MemorySegment after = nextState.data();
                long at = 4L * (((long) b * time + t) * modes.filters() + f) * width;
                outer(key.data(), value.data(), at, width, added);
                read.fill((byte) 0);
                int e = 0;
                for (; e + 2 * LENGTH <= whole; e += 2 * LENGTH) {
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
            Tensor poles, MemorySegment added, MemorySegment read, boolean two) {
        int from = modes.pairStart()[f];
        int to = modes.pairStart()[f + 1];
        int all = modes.pairs();
        if (two) {
            pairsTwo(before, after, base + 4L * e, 4L * entries, from, to, all, poles.data(),
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
            Tensor poles, MemorySegment added, MemorySegment read, boolean two) {
        int from = modes.realStart()[f];
        int to = modes.realStart()[f + 1];
        long plane = 2L * modes.pairs();
        for (int j = e; j < e + (two ? 2 * LENGTH : LENGTH); j += LENGTH) {
            if (from < to) {
                realsOne(before, after, base + 4 * (plane * entries + j), 4L * entries, from, to, 4 * plane,
                        poles.data(),
                        modes.realResidue().data(), added, read, 4L * j);
            }
        }
    }

    private static void pairsTwo(MemorySegment before, MemorySegment after, long base, long row, int from, int to,
            int all,
            MemorySegment poles, MemorySegment residueReal, MemorySegment residueImaginary, MemorySegment added,
            MemorySegment read, long at) {
        FloatVector sum0 = FloatVector.zero(Lanes.SPECIES);
        FloatVector sum1 = sum0;
        FloatVector in0 = fromMemorySegment(SPECIES, added, at, ORDER);
        FloatVector in1 = fromMemorySegment(SPECIES, added, at + BYTES, ORDER);
        for (int n = from; n < to; n++) {
            FloatVector poleReal = broadcast(poles, 4L * n);
            FloatVector poleImaginary = broadcast(poles, 4L * (all + n));
            FloatVector outReal = broadcast(residueReal, 4L * n);
            FloatVector outImaginary = broadcast(residueImaginary, 4L * n);
            long realAt = base + n * row;
            long imaginaryAt = base + (all + n) * row;
            FloatVector real = fromMemorySegment(SPECIES, before, realAt, ORDER);
            FloatVector imaginary = fromMemorySegment(SPECIES, before, imaginaryAt, ORDER);
            FloatVector minus = imaginary.neg();
            sum0 = minus.fma(outImaginary, real.fma(outReal, sum0));
            real.fma(poleReal, minus.fma(poleImaginary, in0)).intoMemorySegment(after, realAt, ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, imaginaryAt, ORDER);
            real = fromMemorySegment(SPECIES, before, realAt + BYTES, ORDER);
            imaginary = fromMemorySegment(SPECIES, before, imaginaryAt + BYTES, ORDER);
            minus = imaginary.neg();
            sum1 = minus.fma(outImaginary, real.fma(outReal, sum1));
            real.fma(poleReal, minus.fma(poleImaginary, in1)).intoMemorySegment(after, realAt + BYTES, ORDER);
            imaginary.fma(poleReal, real.mul(poleImaginary)).intoMemorySegment(after, imaginaryAt + BYTES, ORDER);
        }
        sum0.intoMemorySegment(read, at, ORDER);
        sum1.intoMemorySegment(read, at + BYTES, ORDER);
    }

    private static void pairsOne(MemorySegment before, MemorySegment after, long base, long row, int from, int to,
            int all,
            MemorySegment poles, MemorySegment residueReal, MemorySegment residueImaginary, MemorySegment added,
            MemorySegment read, long at) {
        FloatVector sum = FloatVector.zero(Lanes.SPECIES);
        FloatVector in = fromMemorySegment(SPECIES, added, at, ORDER);
        for (int n = from; n < to; n++) {
            FloatVector poleReal = broadcast(poles, 4L * n);
            FloatVector poleImaginary = broadcast(poles, 4L * (all + n));
            long realAt = base + n * row;
            long imaginaryAt = base + (all + n) * row;
            FloatVector real = fromMemorySegment(SPECIES, before, realAt, ORDER);
            FloatVector imaginary = fromMemorySegment(SPECIES, before, imaginaryAt, ORDER);
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
        FloatVector sum = fromMemorySegment(SPECIES, read, at, ORDER);
        FloatVector in = fromMemorySegment(SPECIES, added, at, ORDER);
        for (int m = from; m < to; m++) {
            FloatVector value = fromMemorySegment(SPECIES, before, base + m * row, ORDER);
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
