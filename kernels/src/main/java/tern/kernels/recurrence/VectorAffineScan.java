package tern.kernels.recurrence;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.first;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Vector bodies for F32, channels in the lanes, state in registers. Forward: a task is four vectors of channels of one sequence,
 * whose four chains hide each other's latency. Backward: likewise, of all sequences that share factors; what shared factors
 * gather is summed over blocks of positions in F32, over blocks in F64.
 */
public final class VectorAffineScan implements AffineScan {
    private static final int WIDE = 4 * LENGTH;
    private static final int BLOCK = 64;

    /** A body without state. */
    public VectorAffineScan() {
    }

    /**
     * One group of channels of one sequence: byte offsets of its first position, and from a position to the next.
     *
     * @param stride of rows of x and y
     * @param factorStride of rows of factors, 0 if all positions share one
     * @param imaginary from a real part to its imaginary one
     */
    private record Place(long at, long stride, long factorAt, long factorStride, long stateAt, long imaginary) {
        static Place of(Tensor decay, Tensor y, int b, int channel) {
            long stride = 4L * y.dim(2);
            return new Place(b * y.dim(1) * stride + 4L * channel, stride,
                    4L * ReferenceAffineScan.factorAt(decay, b, 0, channel),
                    decay.dim(1) == 1 ? 0 : 4L * decay.dim(2),
                    b * stride + 4L * channel, 4L * decay.dim(2));
        }

        Place next() {
            return new Place(at + BYTES, stride, factorAt + BYTES, factorStride, stateAt + BYTES, imaginary);
        }
    }

    private static int groups(Tensor decay) {
        return (decay.dim(2) + WIDE - 1) / WIDE;
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void forward(ThreadTeam team, Tensor decay, Tensor turn, Tensor x, Tensor state, Tensor y,
            Tensor nextState) {
        int groups = groups(decay);
        int time = x.dim(1);
        if (nextState != state) {
            nextState.copyFrom(state);
        }
        Regions.run(team, x.dim(0) * groups, x.elements(), (index, scratch) -> {
            int channel = index % groups * WIDE;
            int left = decay.dim(2) - channel;
            Place place = Place.of(decay, y, index / groups, channel);
            if (turn.dim(2) == 0 && left >= WIDE) {
                four(decay.data(), x.data(), y.data(), nextState.data(), place, time);
                return;
            }
            for (; left > 0 && channel < index % groups * WIDE + WIDE; left -= LENGTH, channel += LENGTH) {
                if (turn.dim(2) == 0) {
                    one(decay.data(), x.data(), y.data(), nextState.data(), place, time, first(left));
                } else {
                    turning(decay.data(), turn.data(), x.data(), y.data(), nextState.data(), place, time, first(left));
                }
                place = place.next();
            }
        });
    }

    private static void four(MemorySegment decay, MemorySegment x, MemorySegment y, MemorySegment state, Place place,
            int time) {
        FloatVector h0 = fromMemorySegment(SPECIES, state, place.stateAt, ORDER);
        FloatVector h1 = fromMemorySegment(SPECIES, state, place.stateAt + BYTES, ORDER);
        FloatVector h2 = fromMemorySegment(SPECIES, state, place.stateAt + 2L * BYTES, ORDER);
        FloatVector h3 = fromMemorySegment(SPECIES, state, place.stateAt + 3L * BYTES, ORDER);
        long at = place.at;
        long factor = place.factorAt;
        for (int t = 0; t < time; t++) {
            h0 = fromMemorySegment(SPECIES, decay, factor, ORDER).fma(h0, fromMemorySegment(SPECIES, x, at, ORDER));
            h1 = fromMemorySegment(SPECIES, decay, factor + BYTES, ORDER).fma(h1,
                    fromMemorySegment(SPECIES, x, at + BYTES, ORDER));
            h2 = fromMemorySegment(SPECIES, decay, factor + 2L * BYTES, ORDER).fma(h2,
                    fromMemorySegment(SPECIES, x, at + 2L * BYTES, ORDER));
            h3 = fromMemorySegment(SPECIES, decay, factor + 3L * BYTES, ORDER).fma(h3,
                    fromMemorySegment(SPECIES, x, at + 3L * BYTES, ORDER));
            h0.intoMemorySegment(y, at, ORDER);
            h1.intoMemorySegment(y, at + BYTES, ORDER);
            h2.intoMemorySegment(y, at + 2L * BYTES, ORDER);
            h3.intoMemorySegment(y, at + 3L * BYTES, ORDER);
            at += place.stride;
            factor += place.factorStride;
        }
        h0.intoMemorySegment(state, place.stateAt, ORDER);
        h1.intoMemorySegment(state, place.stateAt + BYTES, ORDER);
        h2.intoMemorySegment(state, place.stateAt + 2L * BYTES, ORDER);
        h3.intoMemorySegment(state, place.stateAt + 3L * BYTES, ORDER);
    }

    private static void one(MemorySegment decay, MemorySegment x, MemorySegment y, MemorySegment state, Place place,
            int time, VectorMask<Float> mask) {
        FloatVector h = fromMemorySegment(SPECIES, state, place.stateAt, ORDER, mask);
        long at = place.at;
        long factor = place.factorAt;
        for (int t = 0; t < time; t++) {
            h = fromMemorySegment(SPECIES, decay, factor, ORDER, mask).fma(h,
                    fromMemorySegment(SPECIES, x, at, ORDER, mask));
            h.intoMemorySegment(y, at, ORDER, mask);
            at += place.stride;
            factor += place.factorStride;
        }
        h.intoMemorySegment(state, place.stateAt, ORDER, mask);
    }

    private static void turning(MemorySegment decay, MemorySegment turn, MemorySegment x, MemorySegment y,
            MemorySegment state, Place place, int time, VectorMask<Float> mask) {
        FloatVector real = fromMemorySegment(SPECIES, state, place.stateAt, ORDER, mask);
        FloatVector imaginary = fromMemorySegment(SPECIES, state, place.stateAt + place.imaginary, ORDER, mask);
        long at = place.at;
        long factor = place.factorAt;
        for (int t = 0; t < time; t++) {
            FloatVector a = fromMemorySegment(SPECIES, decay, factor, ORDER, mask);
            FloatVector b = fromMemorySegment(SPECIES, turn, factor, ORDER, mask);
            FloatVector turned = b.neg().fma(imaginary, a.fma(real, fromMemorySegment(SPECIES, x, at, ORDER, mask)));
            imaginary = b.fma(real, a.fma(imaginary, fromMemorySegment(SPECIES, x, at + place.imaginary, ORDER, mask)));
            real = turned;
            real.intoMemorySegment(y, at, ORDER, mask);
            imaginary.intoMemorySegment(y, at + place.imaginary, ORDER, mask);
            at += place.stride;
            factor += place.factorStride;
        }
        real.intoMemorySegment(state, place.stateAt, ORDER, mask);
        imaginary.intoMemorySegment(state, place.stateAt + place.imaginary, ORDER, mask);
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** What backward reads and writes, as memory. */
    private record Given(MemorySegment decay, MemorySegment turn, MemorySegment state, MemorySegment y,
            MemorySegment dy, MemorySegment dDecay, MemorySegment dTurn, MemorySegment dx, MemorySegment dState) {
    }

    @Override
    public void backward(ThreadTeam team, Tensor decay, Tensor turn, Tensor state, Tensor y, Tensor dy,
            Tensor dNextState, Tensor dDecay, Tensor dTurn, Tensor dx, Tensor dState) {
        int groups = groups(decay);
        int time = y.dim(1);
        // Sequences that share factors belong to one task.
        int apart = decay.dim(0);
        Given given = new Given(decay.data(), turn.data(), state.data(), y.data(), dy.data(), dDecay.data(),
                dTurn.data(), dx.data(), dState.data());
        dState.copyFrom(dNextState);
        Regions.run(team, apart * groups, y.elements(), (index, scratch) -> {
            int from = index % groups * WIDE;
            MemorySegment sums = scratch.floatMemory(2L * LENGTH);
            MemorySegment totals = scratch.doubleMemory(2L * WIDE);
            totals.fill((byte) 0);
            int to = Math.min(decay.dim(2), from + WIDE);
            for (int b = index / groups; b < y.dim(0); b += apart) {
                // Blocks outermost, so that rows are read in whole stretches.
                for (int end = time; end > 0; end -= BLOCK) {
                    Place place = Place.of(decay, y, b, from);
                    if (turn.dim(2) == 0 && place.factorStride > 0 && to - from == WIDE) {
                        backFour(given, place, Math.max(0, end - BLOCK), end);
                        continue;
                    }
                    for (int channel = from; channel < to; channel += LENGTH) {
                        backward(given, turn.dim(2) > 0, place, Math.max(0, end - BLOCK), end,
                                first(decay.dim(2) - channel), sums, totals, 16L * (channel - from));
                        place = place.next();
                    }
                }
            }
            if (decay.dim(1) == 1) {
                for (int channel = from; channel < to; channel += LENGTH) {
                    long factor = 4L * ReferenceAffineScan.factorAt(decay, index / groups, 0, channel);
                    int lanes = Math.min(LENGTH, decay.dim(2) - channel);
                    settle(totals, 16L * (channel - from), given.dDecay, factor, lanes);
                    if (turn.dim(2) > 0) {
                        settle(totals, 16L * (channel - from) + 8L * LENGTH, given.dTurn, factor, lanes);
                    }
                }
            }
        });
    }

    private static void backward(Given given, boolean complex, Place place, int from, int to,
            VectorMask<Float> mask, MemorySegment sums, MemorySegment totals, long totalsAt) {
        boolean shared = place.factorStride == 0;
        if (complex && shared) {
            turningBackShared(given, place, from, to, mask, sums);
        } else if (complex) {
            turningBackOwn(given, place, from, to, mask);
        } else if (shared) {
            backShared(given, place, from, to, mask, sums);
        } else {
            backOwn(given, place, from, to, mask);
        }
        for (int lane = 0; shared && lane < 2 * LENGTH; lane++) {
            long at = totalsAt + 8L * lane;
            totals.set(Tensor.DOUBLE, at, totals.get(Tensor.DOUBLE, at) + sums.get(Tensor.FLOAT, 4L * lane));
        }
    }

    private static void settle(MemorySegment totals, long at, MemorySegment into, long intoAt, int lanes) {
        for (int lane = 0; lane < lanes; lane++) {
            long to = intoAt + 4L * lane;
            into.set(Tensor.FLOAT, to,
                    (float) (into.get(Tensor.FLOAT, to) + totals.get(Tensor.DOUBLE, at + 8L * lane)));
        }
    }

    // Shared factors and own ones have loops of their own: of both in one, the compiler keeps neither in registers.
    private static void backShared(Given in, Place place, int from, int to, VectorMask<Float> mask,
            MemorySegment sums) {
        FloatVector carried = fromMemorySegment(SPECIES, in.dState, place.stateAt, ORDER, mask);
        FloatVector decay = fromMemorySegment(SPECIES, in.decay, place.factorAt, ORDER, mask);
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int t = to - 1; t >= from; t--) {
            long at = place.at + t * place.stride;
            FloatVector found = carried.add(fromMemorySegment(SPECIES, in.dy, at, ORDER, mask));
            found.intoMemorySegment(in.dx, at, ORDER, mask);
            MemorySegment earlier = t > 0 ? in.y : in.state;
            long earlierAt = t > 0 ? at - place.stride : place.stateAt;
            sum = found.fma(fromMemorySegment(SPECIES, earlier, earlierAt, ORDER, mask), sum);
            carried = found.mul(decay);
        }
        carried.intoMemorySegment(in.dState, place.stateAt, ORDER, mask);
        sum.intoMemorySegment(sums, 0, ORDER);
        FloatVector.zero(SPECIES).intoMemorySegment(sums, BYTES, ORDER);
    }

    private static void backOwn(Given in, Place place, int from, int to, VectorMask<Float> mask) {
        FloatVector carried = fromMemorySegment(SPECIES, in.dState, place.stateAt, ORDER, mask);
        for (int t = to - 1; t >= from; t--) {
            long at = place.at + t * place.stride;
            long factor = place.factorAt + t * place.factorStride;
            FloatVector found = carried.add(fromMemorySegment(SPECIES, in.dy, at, ORDER, mask));
            found.intoMemorySegment(in.dx, at, ORDER, mask);
            MemorySegment earlier = t > 0 ? in.y : in.state;
            long earlierAt = t > 0 ? at - place.stride : place.stateAt;
            found.fma(fromMemorySegment(SPECIES, earlier, earlierAt, ORDER, mask),
                    fromMemorySegment(SPECIES, in.dDecay, factor, ORDER, mask)).intoMemorySegment(in.dDecay, factor,
                            ORDER, mask);
            carried = found.mul(fromMemorySegment(SPECIES, in.decay, factor, ORDER, mask));
        }
        carried.intoMemorySegment(in.dState, place.stateAt, ORDER, mask);
    }

    // Four neighbours, so that memory gives whole stretches.
    private static void backFour(Given in, Place place, int from, int to) {
        FloatVector c0 = fromMemorySegment(SPECIES, in.dState, place.stateAt, ORDER);
        FloatVector c1 = fromMemorySegment(SPECIES, in.dState, place.stateAt + BYTES, ORDER);
        FloatVector c2 = fromMemorySegment(SPECIES, in.dState, place.stateAt + 2L * BYTES, ORDER);
        FloatVector c3 = fromMemorySegment(SPECIES, in.dState, place.stateAt + 3L * BYTES, ORDER);
        MemorySegment dy = in.dy;
        MemorySegment decay = in.decay;
        for (int t = to - 1; t >= from; t--) {
            long at = place.at + t * place.stride;
            long factor = place.factorAt + t * place.factorStride;
            MemorySegment earlier = t > 0 ? in.y : in.state;
            long earlierAt = t > 0 ? at - place.stride : place.stateAt;
            c0 = c0.add(fromMemorySegment(SPECIES, dy, at, ORDER));
            c1 = c1.add(fromMemorySegment(SPECIES, dy, at + BYTES, ORDER));
            c2 = c2.add(fromMemorySegment(SPECIES, dy, at + 2L * BYTES, ORDER));
            c3 = c3.add(fromMemorySegment(SPECIES, dy, at + 3L * BYTES, ORDER));
            give(in, c0, at, factor, earlier, earlierAt);
            give(in, c1, at + BYTES, factor + BYTES, earlier, earlierAt + BYTES);
            give(in, c2, at + 2L * BYTES, factor + 2L * BYTES, earlier, earlierAt + 2L * BYTES);
            give(in, c3, at + 3L * BYTES, factor + 3L * BYTES, earlier, earlierAt + 3L * BYTES);
            c0 = c0.mul(fromMemorySegment(SPECIES, decay, factor, ORDER));
            c1 = c1.mul(fromMemorySegment(SPECIES, decay, factor + BYTES, ORDER));
            c2 = c2.mul(fromMemorySegment(SPECIES, decay, factor + 2L * BYTES, ORDER));
            c3 = c3.mul(fromMemorySegment(SPECIES, decay, factor + 3L * BYTES, ORDER));
        }
        c0.intoMemorySegment(in.dState, place.stateAt, ORDER);
        c1.intoMemorySegment(in.dState, place.stateAt + BYTES, ORDER);
        c2.intoMemorySegment(in.dState, place.stateAt + 2L * BYTES, ORDER);
        c3.intoMemorySegment(in.dState, place.stateAt + 3L * BYTES, ORDER);
    }

    private static void give(Given in, FloatVector found, long at, long factor, MemorySegment earlier, long earlierAt) {
        found.intoMemorySegment(in.dx, at, ORDER);
        found.fma(fromMemorySegment(SPECIES, earlier, earlierAt, ORDER),
                fromMemorySegment(SPECIES, in.dDecay, factor, ORDER)).intoMemorySegment(in.dDecay, factor, ORDER);
    }

    private static void turningBackShared(Given in, Place place, int from, int to, VectorMask<Float> mask,
            MemorySegment sums) {
        FloatVector a = fromMemorySegment(SPECIES, in.decay, place.factorAt, ORDER, mask);
        FloatVector b = fromMemorySegment(SPECIES, in.turn, place.factorAt, ORDER, mask);
        FloatVector real = fromMemorySegment(SPECIES, in.dState, place.stateAt, ORDER, mask);
        FloatVector imaginary = fromMemorySegment(SPECIES, in.dState, place.stateAt + place.imaginary, ORDER, mask);
        FloatVector sum = FloatVector.zero(SPECIES);
        FloatVector turnedSum = FloatVector.zero(SPECIES);
        for (int t = to - 1; t >= from; t--) {
            long at = place.at + t * place.stride;
            real = real.add(fromMemorySegment(SPECIES, in.dy, at, ORDER, mask));
            imaginary = imaginary.add(fromMemorySegment(SPECIES, in.dy, at + place.imaginary, ORDER, mask));
            real.intoMemorySegment(in.dx, at, ORDER, mask);
            imaginary.intoMemorySegment(in.dx, at + place.imaginary, ORDER, mask);
            MemorySegment earlier = t > 0 ? in.y : in.state;
            long earlierAt = t > 0 ? at - place.stride : place.stateAt;
            FloatVector before = fromMemorySegment(SPECIES, earlier, earlierAt, ORDER, mask);
            FloatVector turned = fromMemorySegment(SPECIES, earlier, earlierAt + place.imaginary, ORDER, mask);
            sum = sum.add(real.fma(before, imaginary.mul(turned)));
            turnedSum = turnedSum.add(imaginary.fma(before, real.mul(turned).neg()));
            FloatVector back = a.fma(real, b.mul(imaginary));
            imaginary = a.fma(imaginary, b.mul(real).neg());
            real = back;
        }
        real.intoMemorySegment(in.dState, place.stateAt, ORDER, mask);
        imaginary.intoMemorySegment(in.dState, place.stateAt + place.imaginary, ORDER, mask);
        sum.intoMemorySegment(sums, 0, ORDER);
        turnedSum.intoMemorySegment(sums, BYTES, ORDER);
    }

    private static void turningBackOwn(Given in, Place place, int from, int to, VectorMask<Float> mask) {
        FloatVector real = fromMemorySegment(SPECIES, in.dState, place.stateAt, ORDER, mask);
        FloatVector imaginary = fromMemorySegment(SPECIES, in.dState, place.stateAt + place.imaginary, ORDER, mask);
        for (int t = to - 1; t >= from; t--) {
            long at = place.at + t * place.stride;
            long factor = place.factorAt + t * place.factorStride;
            real = real.add(fromMemorySegment(SPECIES, in.dy, at, ORDER, mask));
            imaginary = imaginary.add(fromMemorySegment(SPECIES, in.dy, at + place.imaginary, ORDER, mask));
            real.intoMemorySegment(in.dx, at, ORDER, mask);
            imaginary.intoMemorySegment(in.dx, at + place.imaginary, ORDER, mask);
            FloatVector a = fromMemorySegment(SPECIES, in.decay, factor, ORDER, mask);
            FloatVector b = fromMemorySegment(SPECIES, in.turn, factor, ORDER, mask);
            ownFactor(in, place, t, factor, mask);
            FloatVector back = a.fma(real, b.mul(imaginary));
            imaginary = a.fma(imaginary, b.mul(real).neg());
            real = back;
        }
        real.intoMemorySegment(in.dState, place.stateAt, ORDER, mask);
        imaginary.intoMemorySegment(in.dState, place.stateAt + place.imaginary, ORDER, mask);
    }

    /** The gradient of one position's own complex factor, from that of its input. */
    private static void ownFactor(Given in, Place place, int t, long factor, VectorMask<Float> mask) {
        long at = place.at + t * place.stride;
        FloatVector real = fromMemorySegment(SPECIES, in.dx, at, ORDER, mask);
        FloatVector imaginary = fromMemorySegment(SPECIES, in.dx, at + place.imaginary, ORDER, mask);
        MemorySegment earlier = t > 0 ? in.y : in.state;
        long earlierAt = t > 0 ? at - place.stride : place.stateAt;
        FloatVector before = fromMemorySegment(SPECIES, earlier, earlierAt, ORDER, mask);
        FloatVector turned = fromMemorySegment(SPECIES, earlier, earlierAt + place.imaginary, ORDER, mask);
        real.fma(before, imaginary.mul(turned)).add(fromMemorySegment(SPECIES, in.dDecay, factor, ORDER, mask))
                .intoMemorySegment(in.dDecay, factor, ORDER, mask);
        imaginary.fma(before, real.mul(turned).neg()).add(fromMemorySegment(SPECIES, in.dTurn, factor, ORDER, mask))
                .intoMemorySegment(in.dTurn, factor, ORDER, mask);
    }
}
