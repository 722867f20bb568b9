package tern.kernels.modal;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.ops.Modes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Many positions of scalar filters: a group of filters in the lanes, a chunk of positions in the first-level cache, and one
 * mode after another run over the chunk with its state in registers. Filters of fewer modes than the longest of their group
 * have modes of residue 0 and pole 0 there.
 */
final class ScalarScan {
    /** Positions in a chunk. */
    static final int CHUNK = 64;
    private static final int PLANES = 6;

    private final Modes modes;
    private final int from;
    private final int count;
    private final int pairs;
    private final int reals;
    /** For each slot of a pair: Re λ, Im λ, Re R, Im R, Re s, Im s; a vector each. Then for each real slot ρ, S, s. */
    private final MemorySegment slots;

    /** The group of filters {@code from}…, with poles and residues laid out by slots. */
    ScalarScan(Modes modes, Tensor poles, int from, Workspace scratch) {
        this.modes = modes;
        this.from = from;
        this.count = Math.min(LENGTH, modes.filters() - from);
        int mostPairs = 0;
        int mostReals = 0;
        for (int lane = 0; lane < count; lane++) {
            mostPairs = Math.max(mostPairs, modes.pairStart()[from + lane + 1] - modes.pairStart()[from + lane]);
            mostReals = Math.max(mostReals, modes.realStart()[from + lane + 1] - modes.realStart()[from + lane]);
        }
        this.pairs = mostPairs;
        this.reals = mostReals;
        this.slots = floats(scratch, slotVectors() * LENGTH).fill((byte) 0);
        int all = modes.pairs();
        eachPair((n, slot, lane) -> {
            set(slot, 0, lane, poles.data().get(FLOAT, 4L * n));
            set(slot, 1, lane, poles.data().get(FLOAT, 4L * (all + n)));
            set(slot, 2, lane, modes.residueReal().data().get(FLOAT, 4L * n));
            set(slot, 3, lane, modes.residueImaginary().data().get(FLOAT, 4L * n));
        });
        eachReal((m, slot, lane) -> {
            slots.set(FLOAT, realAt(slot, 0) + 4L * lane, poles.data().get(FLOAT, 4L * (2L * all + m)));
            slots.set(FLOAT, realAt(slot, 1) + 4L * lane, modes.realResidue().data().get(FLOAT, 4L * m));
        });
    }

    private interface Placed {
        void at(int mode, int slot, int lane);
    }

    private void eachPair(Placed work) {
        for (int lane = 0; lane < count; lane++) {
            for (int n = modes.pairStart()[from + lane]; n < modes.pairStart()[from + lane + 1]; n++) {
                work.at(n, n - modes.pairStart()[from + lane], lane);
            }
        }
    }

    private void eachReal(Placed work) {
        for (int lane = 0; lane < count; lane++) {
            for (int m = modes.realStart()[from + lane]; m < modes.realStart()[from + lane + 1]; m++) {
                work.at(m, m - modes.realStart()[from + lane], lane);
            }
        }
    }

    private int slotVectors() {
        return PLANES * pairs + 3 * reals;
    }

    private long pairAt(int slot, int plane) {
        return (long) BYTES * (PLANES * slot + plane);
    }

    private long realAt(int slot, int plane) {
        return (long) BYTES * (PLANES * pairs + 3 * slot + plane);
    }

    private void set(int slot, int plane, int lane, float value) {
        slots.set(FLOAT, pairAt(slot, plane) + 4L * lane, value);
    }

    private void readState(Tensor state, int b) {
        for (int slot = 0; slot < pairs; slot++) {
            slots.asSlice(pairAt(slot, 4), 2L * BYTES).fill((byte) 0);
        }
        for (int slot = 0; slot < reals; slot++) {
            slots.asSlice(realAt(slot, 2), BYTES).fill((byte) 0);
        }
        long base = 4L * b * modes.order();
        int all = modes.pairs();
        eachPair((n, slot, lane) -> {
            set(slot, 4, lane, state.data().get(FLOAT, base + 4L * n));
            set(slot, 5, lane, state.data().get(FLOAT, base + 4L * (all + n)));
        });
        eachReal((m, slot, lane) -> slots.set(FLOAT, realAt(slot, 2) + 4L * lane,
                state.data().get(FLOAT, base + 4L * (2L * all + m))));
    }

    private void writeState(Tensor state, int b) {
        long base = 4L * b * modes.order();
        int all = modes.pairs();
        eachPair((n, slot, lane) -> {
            state.data().set(FLOAT, base + 4L * n, slots.get(FLOAT, pairAt(slot, 4) + 4L * lane));
            state.data().set(FLOAT, base + 4L * (all + n), slots.get(FLOAT, pairAt(slot, 5) + 4L * lane));
        });
        eachReal((m, slot, lane) -> state.data().set(FLOAT, base + 4L * (2L * all + m),
                slots.get(FLOAT, realAt(slot, 2) + 4L * lane)));
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** y and the next state of one sequence. */
    void forward(Tensor x, Tensor passThrough, Tensor state, Tensor y, Tensor nextState, int b, Workspace scratch) {
        int time = x.dim(1);
        MemorySegment in = floats(scratch, CHUNK * LENGTH);
        MemorySegment out = floats(scratch, CHUNK * LENGTH);
        MemorySegment direct = lanes(passThrough, scratch);
        readState(state, b);
        for (int start = 0; start < time; start += CHUNK) {
            int length = Math.min(CHUNK, time - start);
            pack(x, b, start, length, in);
            products(in, direct, out, length);
            for (int slot = 0; slot < pairs; slot++) {
                scanPair(slots, pairAt(slot, 0), in, out, length);
            }
            for (int slot = 0; slot < reals; slot++) {
                scanReal(slots, realAt(slot, 0), in, out, length);
            }
            unpack(out, y, b, start, length);
        }
        writeState(nextState, b);
    }

    private static void products(MemorySegment in, MemorySegment direct, MemorySegment out, int length) {
        FloatVector factor = fromMemorySegment(SPECIES, direct, 0, ORDER);
        for (int t = 0; t < length; t++) {
            fromMemorySegment(SPECIES, in, (long) t * BYTES, ORDER).mul(factor).intoMemorySegment(out, (long) t * BYTES,
                    ORDER);
        }
    }

    private static void scanPair(MemorySegment slots, long slot, MemorySegment in, MemorySegment out, int length) {
        FloatVector poleReal = fromMemorySegment(SPECIES, slots, slot, ORDER);
        FloatVector poleImaginary = fromMemorySegment(SPECIES, slots, slot + BYTES, ORDER);
        FloatVector outReal = fromMemorySegment(SPECIES, slots, slot + 2L * BYTES, ORDER);
        FloatVector outImaginary = fromMemorySegment(SPECIES, slots, slot + 3L * BYTES, ORDER).neg();
        FloatVector real = fromMemorySegment(SPECIES, slots, slot + 4L * BYTES, ORDER);
        FloatVector imaginary = fromMemorySegment(SPECIES, slots, slot + 5L * BYTES, ORDER);
        for (int t = 0; t < length; t++) {
            long at = (long) t * BYTES;
            imaginary.fma(outImaginary, real.fma(outReal, fromMemorySegment(SPECIES, out, at, ORDER)))
                    .intoMemorySegment(out, at, ORDER);
            FloatVector next = real.fma(poleReal,
                    imaginary.neg().fma(poleImaginary, fromMemorySegment(SPECIES, in, at, ORDER)));
            imaginary = imaginary.fma(poleReal, real.mul(poleImaginary));
            real = next;
        }
        real.intoMemorySegment(slots, slot + 4L * BYTES, ORDER);
        imaginary.intoMemorySegment(slots, slot + 5L * BYTES, ORDER);
    }

    private static void scanReal(MemorySegment slots, long slot, MemorySegment in, MemorySegment out, int length) {
        FloatVector pole = fromMemorySegment(SPECIES, slots, slot, ORDER);
        FloatVector residue = fromMemorySegment(SPECIES, slots, slot + BYTES, ORDER);
        FloatVector value = fromMemorySegment(SPECIES, slots, slot + 2L * BYTES, ORDER);
        for (int t = 0; t < length; t++) {
            long at = (long) t * BYTES;
            value.fma(residue, fromMemorySegment(SPECIES, out, at, ORDER)).intoMemorySegment(out, at, ORDER);
            value = value.fma(pole, fromMemorySegment(SPECIES, in, at, ORDER));
        }
        value.intoMemorySegment(slots, slot + 2L * BYTES, ORDER);
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** dx and dState of one sequence, and its part of the parameters' sums. */
    void backward(Tensor x, Tensor passThrough, Tensor state, Tensor dy, Tensor dNextState, Tensor dx, Tensor dState,
            ModalSums sums, int b, Workspace scratch) {
        int time = x.dim(1);
        int chunks = (time + CHUNK - 1) / CHUNK;
        MemorySegment in = floats(scratch, CHUNK * LENGTH);
        MemorySegment gradient = floats(scratch, CHUNK * LENGTH);
        MemorySegment out = floats(scratch, CHUNK * LENGTH);
        MemorySegment states = floats(scratch, 2 * CHUNK * LENGTH);
        MemorySegment found = floats(scratch, 4 * LENGTH);
        MemorySegment direct = lanes(passThrough, scratch);
        // The state before each chunk, slot after slot: real and imaginary part of a pair, value of a real pole.
        long keptBytes = (long) BYTES * (2 * pairs + reals);
        MemorySegment kept = floats(scratch, Math.toIntExact(chunks * keptBytes / 4));
        readState(state, b);
        for (int chunk = 0; chunk < chunks; chunk++) {
            int length = Math.min(CHUNK, time - chunk * CHUNK);
            pack(x, b, chunk * CHUNK, length, in);
            for (int slot = 0; slot < pairs; slot++) {
                MemorySegment.copy(slots, pairAt(slot, 4), kept, chunk * keptBytes + 2L * BYTES * slot, 2L * BYTES);
                recallPair(slots, pairAt(slot, 0), in, states, length);
                MemorySegment.copy(states, 0, slots, pairAt(slot, 4), 2L * BYTES);
            }
            for (int slot = 0; slot < reals; slot++) {
                MemorySegment.copy(slots, realAt(slot, 2), kept, chunk * keptBytes + (long) BYTES * (2 * pairs + slot),
                        BYTES);
                recallReal(slots, realAt(slot, 0), in, states, length);
                MemorySegment.copy(states, 0, slots, realAt(slot, 2), BYTES);
            }
        }
        MemorySegment after = floats(scratch, (2 * pairs + reals) * LENGTH).fill((byte) 0);
        readState(dNextState, b);
        for (int slot = 0; slot < pairs; slot++) {
            MemorySegment.copy(slots, pairAt(slot, 4), after, 2L * BYTES * slot, 2L * BYTES);
        }
        for (int slot = 0; slot < reals; slot++) {
            MemorySegment.copy(slots, realAt(slot, 2), after, (long) BYTES * (2 * pairs + slot), BYTES);
        }
        for (int chunk = chunks - 1; chunk >= 0; chunk--) {
            int length = Math.min(CHUNK, time - chunk * CHUNK);
            pack(x, b, chunk * CHUNK, length, in);
            pack(dy, b, chunk * CHUNK, length, gradient);
            products(gradient, direct, out, length);
            directSum(in, gradient, length, found);
            for (int lane = 0; lane < count; lane++) {
                ModalSums.add(sums.passThrough(), (long) b * modes.filters() + from + lane,
                        found.get(FLOAT, 4L * lane));
            }
            for (int slot = 0; slot < pairs; slot++) {
                MemorySegment.copy(kept, chunk * keptBytes + 2L * BYTES * slot, slots, pairAt(slot, 4), 2L * BYTES);
                recallPair(slots, pairAt(slot, 0), in, states, length);
                returnPair(slots, pairAt(slot, 0), states, gradient, out, length, after, 2L * BYTES * slot, found);
                addPair(sums, b, slot, found);
            }
            for (int slot = 0; slot < reals; slot++) {
                long afterAt = (long) BYTES * (2 * pairs + slot);
                MemorySegment.copy(kept, chunk * keptBytes + afterAt, slots, realAt(slot, 2), BYTES);
                recallReal(slots, realAt(slot, 0), in, states, length);
                returnReal(slots, realAt(slot, 0), states, gradient, out, length, after, afterAt, found);
                addReal(sums, b, slot, found);
            }
            unpack(out, dx, b, chunk * CHUNK, length);
        }
        for (int slot = 0; slot < pairs; slot++) {
            MemorySegment.copy(after, 2L * BYTES * slot, slots, pairAt(slot, 4), 2L * BYTES);
        }
        for (int slot = 0; slot < reals; slot++) {
            MemorySegment.copy(after, (long) BYTES * (2 * pairs + slot), slots, realAt(slot, 2), BYTES);
        }
        writeState(dState, b);
    }

    // The states before each position of a chunk, positions from 1 on; the place of position 0 takes the state after the
    // last, since the state before the first is in the slot.
    private static void recallPair(MemorySegment slots, long slot, MemorySegment in, MemorySegment states, int length) {
        FloatVector poleReal = fromMemorySegment(SPECIES, slots, slot, ORDER);
        FloatVector poleImaginary = fromMemorySegment(SPECIES, slots, slot + BYTES, ORDER);
        FloatVector real = fromMemorySegment(SPECIES, slots, slot + 4L * BYTES, ORDER);
        FloatVector imaginary = fromMemorySegment(SPECIES, slots, slot + 5L * BYTES, ORDER);
        for (int t = 0; t < length; t++) {
            real.intoMemorySegment(states, 2L * t * BYTES, ORDER);
            imaginary.intoMemorySegment(states, 2L * t * BYTES + BYTES, ORDER);
            FloatVector next = real.fma(poleReal,
                    imaginary.neg().fma(poleImaginary, fromMemorySegment(SPECIES, in, (long) t * BYTES, ORDER)));
            imaginary = imaginary.fma(poleReal, real.mul(poleImaginary));
            real = next;
        }
        real.intoMemorySegment(states, 0, ORDER);
        imaginary.intoMemorySegment(states, BYTES, ORDER);
    }

    private static void recallReal(MemorySegment slots, long slot, MemorySegment in, MemorySegment states, int length) {
        FloatVector pole = fromMemorySegment(SPECIES, slots, slot, ORDER);
        FloatVector value = fromMemorySegment(SPECIES, slots, slot + 2L * BYTES, ORDER);
        for (int t = 0; t < length; t++) {
            value.intoMemorySegment(states, (long) t * BYTES, ORDER);
            value = value.fma(pole, fromMemorySegment(SPECIES, in, (long) t * BYTES, ORDER));
        }
        value.intoMemorySegment(states, 0, ORDER);
    }

    // From the gradient of the state after the chunk to that before it; found ← dλ and dR of the chunk, out += dx.
    private static void returnPair(MemorySegment slots, long slot, MemorySegment states, MemorySegment gradient,
            MemorySegment out, int length, MemorySegment after, long afterAt, MemorySegment found) {
        fromMemorySegment(SPECIES, slots, slot + 4L * BYTES, ORDER).intoMemorySegment(states, 0, ORDER);
        fromMemorySegment(SPECIES, slots, slot + 5L * BYTES, ORDER).intoMemorySegment(states, BYTES, ORDER);
        FloatVector poleReal = fromMemorySegment(SPECIES, slots, slot, ORDER);
        FloatVector poleImaginary = fromMemorySegment(SPECIES, slots, slot + BYTES, ORDER);
        FloatVector outReal = fromMemorySegment(SPECIES, slots, slot + 2L * BYTES, ORDER);
        FloatVector outImaginary = fromMemorySegment(SPECIES, slots, slot + 3L * BYTES, ORDER).neg();
        FloatVector dReal = fromMemorySegment(SPECIES, after, afterAt, ORDER);
        FloatVector dImaginary = fromMemorySegment(SPECIES, after, afterAt + BYTES, ORDER);
        FloatVector dPoleReal = FloatVector.zero(Lanes.SPECIES);
        FloatVector dPoleImaginary = dPoleReal;
        FloatVector dOutReal = dPoleReal;
        FloatVector dOutImaginary = dPoleReal;
        for (int t = length - 1; t >= 0; t--) {
            FloatVector real = fromMemorySegment(SPECIES, states, 2L * t * BYTES, ORDER);
            FloatVector imaginary = fromMemorySegment(SPECIES, states, 2L * t * BYTES + BYTES, ORDER);
            FloatVector dy = fromMemorySegment(SPECIES, gradient, (long) t * BYTES, ORDER);
            fromMemorySegment(SPECIES, out, (long) t * BYTES, ORDER).add(dReal).intoMemorySegment(out, (long) t * BYTES,
                    ORDER);
            dOutReal = dy.fma(real, dOutReal);
            dOutImaginary = dy.fma(imaginary, dOutImaginary);
            dPoleReal = dReal.fma(real, dImaginary.fma(imaginary, dPoleReal));
            dPoleImaginary = dImaginary.fma(real, dReal.neg().fma(imaginary, dPoleImaginary));
            FloatVector next = dReal.fma(poleReal, dImaginary.fma(poleImaginary, dy.mul(outReal)));
            dImaginary = dImaginary.fma(poleReal, dReal.neg().fma(poleImaginary, dy.mul(outImaginary)));
            dReal = next;
        }
        dReal.intoMemorySegment(after, afterAt, ORDER);
        dImaginary.intoMemorySegment(after, afterAt + BYTES, ORDER);
        dPoleReal.intoMemorySegment(found, 0, ORDER);
        dPoleImaginary.intoMemorySegment(found, BYTES, ORDER);
        dOutReal.intoMemorySegment(found, 2L * BYTES, ORDER);
        dOutImaginary.intoMemorySegment(found, 3L * BYTES, ORDER);
    }

    private static void returnReal(MemorySegment slots, long slot, MemorySegment states, MemorySegment gradient,
            MemorySegment out, int length, MemorySegment after, long afterAt, MemorySegment found) {
        fromMemorySegment(SPECIES, slots, slot + 2L * BYTES, ORDER).intoMemorySegment(states, 0, ORDER);
        FloatVector pole = fromMemorySegment(SPECIES, slots, slot, ORDER);
        FloatVector residue = fromMemorySegment(SPECIES, slots, slot + BYTES, ORDER);
        FloatVector dValue = fromMemorySegment(SPECIES, after, afterAt, ORDER);
        FloatVector dPole = FloatVector.zero(Lanes.SPECIES);
        FloatVector dResidue = dPole;
        for (int t = length - 1; t >= 0; t--) {
            FloatVector value = fromMemorySegment(SPECIES, states, (long) t * BYTES, ORDER);
            FloatVector dy = fromMemorySegment(SPECIES, gradient, (long) t * BYTES, ORDER);
            fromMemorySegment(SPECIES, out, (long) t * BYTES, ORDER).add(dValue).intoMemorySegment(out,
                    (long) t * BYTES, ORDER);
            dResidue = dy.fma(value, dResidue);
            dPole = dValue.fma(value, dPole);
            dValue = dValue.fma(pole, dy.mul(residue));
        }
        dValue.intoMemorySegment(after, afterAt, ORDER);
        dPole.intoMemorySegment(found, 0, ORDER);
        dResidue.intoMemorySegment(found, BYTES, ORDER);
    }

    private static void directSum(MemorySegment in, MemorySegment gradient, int length, MemorySegment found) {
        FloatVector sum = fromMemorySegment(SPECIES, in, 0, ORDER).mul(fromMemorySegment(SPECIES, gradient, 0, ORDER));
        for (int t = 1; t < length; t++) {
            sum = fromMemorySegment(SPECIES, in, (long) t * BYTES, ORDER)
                    .fma(fromMemorySegment(SPECIES, gradient, (long) t * BYTES, ORDER), sum);
        }
        sum.intoMemorySegment(found, 0, ORDER);
    }

    private void addPair(ModalSums sums, int b, int slot, MemorySegment found) {
        long base = (long) b * modes.order();
        int all = modes.pairs();
        for (int lane = 0; lane < count; lane++) {
            int n = modes.pairStart()[from + lane] + slot;
            if (n < modes.pairStart()[from + lane + 1]) {
                ModalSums.add(sums.poles(), base + n, found.get(FLOAT, 4L * lane));
                ModalSums.add(sums.poles(), base + all + n, found.get(FLOAT, BYTES + 4L * lane));
                ModalSums.add(sums.residues(), base + n, found.get(FLOAT, 2L * BYTES + 4L * lane));
                ModalSums.add(sums.residues(), base + all + n, -found.get(FLOAT, 3L * BYTES + 4L * lane));
            }
        }
    }

    private void addReal(ModalSums sums, int b, int slot, MemorySegment found) {
        long base = (long) b * modes.order() + 2L * modes.pairs();
        for (int lane = 0; lane < count; lane++) {
            int m = modes.realStart()[from + lane] + slot;
            if (m < modes.realStart()[from + lane + 1]) {
                ModalSums.add(sums.poles(), base + m, found.get(FLOAT, 4L * lane));
                ModalSums.add(sums.residues(), base + m, found.get(FLOAT, BYTES + 4L * lane));
            }
        }
    }

    // ── lanes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    private MemorySegment lanes(Tensor perFilter, Workspace scratch) {
        MemorySegment lanes = floats(scratch, LENGTH).fill((byte) 0);
        MemorySegment.copy(perFilter.data(), 4L * from, lanes, 0, 4L * count);
        return lanes;
    }

    private void pack(Tensor x, int b, int start, int length, MemorySegment into) {
        long row = 4L * modes.filters();
        long at = row * ((long) b * x.dim(1) + start) + 4L * from;
        if (count == LENGTH) {
            for (int t = 0; t < length; t++) {
                fromMemorySegment(SPECIES, x.data(), at + t * row, ORDER).intoMemorySegment(into, (long) t * BYTES,
                        ORDER);
            }
        } else {
            into.fill((byte) 0);
            for (int t = 0; t < length; t++) {
                MemorySegment.copy(x.data(), at + t * row, into, (long) t * BYTES, 4L * count);
            }
        }
    }

    private void unpack(MemorySegment from, Tensor y, int b, int start, int length) {
        long row = 4L * modes.filters();
        long at = row * ((long) b * y.dim(1) + start) + 4L * this.from;
        if (count == LENGTH) {
            for (int t = 0; t < length; t++) {
                fromMemorySegment(SPECIES, from, (long) t * BYTES, ORDER).intoMemorySegment(y.data(), at + t * row,
                        ORDER);
            }
        } else {
            for (int t = 0; t < length; t++) {
                MemorySegment.copy(from, (long) t * BYTES, y.data(), at + t * row, 4L * count);
            }
        }
    }

    private static MemorySegment floats(Workspace scratch, int length) {
        return scratch.floatMemory(length);
    }
}
