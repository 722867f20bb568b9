package tern.kernels.elementwise;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.bound;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.ops.Activation;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32. Work is cut into blocks of 32,768 elements, one task each; a tensor of one block stays on the
 * calling thread. Activations are within a few units in the last place of the reference and take infinities.
 */
public final class VectorElementwise implements Elementwise {
    private static final int BLOCK = 1 << 15;
    // Gates pass through a scratch run of this many floats, small enough to stay in the first-level cache.
    private static final int RUN = 1 << 10;
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;

    /** A body without state. */
    public VectorElementwise() {
    }

    @FunctionalInterface
    private interface Block {
        void run(long at, int n, Workspace scratch);
    }

    private static void blocks(ThreadTeam team, long elements, Block block) {
        if (elements <= BLOCK) {
            Workspace.Mark mark = team.scratch().mark();
            block.run(0, (int) elements, team.scratch());
            team.scratch().release(mark);
        } else {
            team.run(blockCount(elements),
                    (index, scratch) -> block.run(4L * BLOCK * index, blockLength(elements, index),
                            scratch));
        }
    }

    private static int blockCount(long elements) {
        return Math.toIntExact((elements + BLOCK - 1) / BLOCK);
    }

    private static int blockLength(long elements, int index) {
        return (int) Math.min(BLOCK, elements - (long) BLOCK * index);
    }

    @Override
    public void add(ThreadTeam team, Tensor a, Tensor b, Tensor y) {
        MemorySegment left = a.data();
        MemorySegment right = b.data();
        MemorySegment out = y.data();
        blocks(team, y.elements(), (at, n, scratch) -> add(left, right, out, at, n));
    }

    @Override
    public void addToColumns(ThreadTeam team, Tensor part, Tensor whole, int from) {
        MemorySegment added = part.data();
        MemorySegment sums = whole.data();
        int rows = part.dim(0);
        int width = part.dim(1);
        long stride = 4L * whole.dim(1);
        int each = Math.max(1, BLOCK / Math.max(1, width));
        int tasks = (rows + each - 1) / each;
        ThreadTeam.Task task = (index, scratch) -> {
            for (int row = index * each; row < Math.min(rows, (index + 1) * each); row++) {
                addTo(sums, row * stride + 4L * from, added, 4L * width * row, width);
            }
        };
        if (tasks == 1) {
            task.run(0, team.scratch());
        } else {
            team.run(tasks, task);
        }
    }

    private static void addTo(MemorySegment sums, long to, MemorySegment added, long at, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            fromMemorySegment(SPECIES, sums, to + 4L * i, ORDER)
                    .add(fromMemorySegment(SPECIES, added, at + 4L * i, ORDER))
                    .intoMemorySegment(sums, to + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            sums.set(FLOAT, to + 4L * i, sums.get(FLOAT, to + 4L * i) + added.get(FLOAT, at + 4L * i));
        }
    }

    private static void add(MemorySegment a, MemorySegment b, MemorySegment y, long at, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            fromMemorySegment(SPECIES, a, at + 4L * i, ORDER).add(fromMemorySegment(SPECIES, b, at + 4L * i, ORDER))
                    .intoMemorySegment(y, at + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            y.set(FLOAT, at + 4L * i, a.get(FLOAT, at + 4L * i) + b.get(FLOAT, at + 4L * i));
        }
    }

    @Override
    public void multiply(ThreadTeam team, Tensor a, Tensor b, Tensor y) {
        MemorySegment left = a.data();
        MemorySegment right = b.data();
        MemorySegment out = y.data();
        blocks(team, y.elements(), (at, n, scratch) -> multiply(left, at, right, at, out, at, n));
    }

    private static void multiply(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment y, long yAt,
            int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER).mul(fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER))
                    .intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            y.set(FLOAT, yAt + 4L * i, a.get(FLOAT, aAt + 4L * i) * b.get(FLOAT, bAt + 4L * i));
        }
    }

    @Override
    public void multiplyBackward(ThreadTeam team, Tensor a, Tensor b, Tensor dy, Tensor da, Tensor db) {
        MemorySegment left = a.data();
        MemorySegment right = b.data();
        MemorySegment gradient = dy.data();
        MemorySegment dLeft = da.data();
        MemorySegment dRight = db.data();
        blocks(team, dy.elements(), (at, n, scratch) -> multiplyBackward(left, right, gradient, dLeft, dRight, at, n));
    }

    private static void multiplyBackward(MemorySegment a, MemorySegment b, MemorySegment dy, MemorySegment da,
            MemorySegment db, long at, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector left = fromMemorySegment(SPECIES, a, at + 4L * i, ORDER);
            FloatVector right = fromMemorySegment(SPECIES, b, at + 4L * i, ORDER);
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + 4L * i, ORDER);
            gradient.mul(right).intoMemorySegment(da, at + 4L * i, ORDER);
            gradient.mul(left).intoMemorySegment(db, at + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            float left = a.get(FLOAT, at + 4L * i);
            float right = b.get(FLOAT, at + 4L * i);
            float gradient = dy.get(FLOAT, at + 4L * i);
            da.set(FLOAT, at + 4L * i, gradient * right);
            db.set(FLOAT, at + 4L * i, gradient * left);
        }
    }

    @Override
    public void scale(ThreadTeam team, Tensor x, double factor, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment out = y.data();
        float rounded = (float) factor;
        blocks(team, y.elements(), (at, n, scratch) -> scale(in, rounded, out, at, n));
    }

    private static void scale(MemorySegment x, float factor, MemorySegment y, long at, int n) {
        FloatVector factors = FloatVector.broadcast(SPECIES, factor);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            fromMemorySegment(SPECIES, x, at + 4L * i, ORDER).mul(factors).intoMemorySegment(y, at + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            y.set(FLOAT, at + 4L * i, x.get(FLOAT, at + 4L * i) * factor);
        }
    }

    @Override
    public void activate(ThreadTeam team, Tensor x, Activation f, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment out = y.data();
        blocks(team, y.elements(), (at, n, scratch) -> ActivationLanes.value(f, in, at, out, at, n, scratch));
    }

    @Override
    public void activateBackward(ThreadTeam team, Tensor x, Activation f, Tensor dy, Tensor dx) {
        MemorySegment in = x.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        blocks(team, dx.elements(), (at, n, scratch) -> {
            if (ActivationLanes.hasBackward(f)) {
                ActivationLanes.backward(f, in, gradient, out, at, n, scratch);
                return;
            }
            MemorySegment slopes = scratch.floatMemory(RUN);
            for (int from = 0; from < n; from += RUN) {
                int length = Math.min(RUN, n - from);
                long here = at + 4L * from;
                ActivationLanes.slope(f, in, here, slopes, 0, length, scratch);
                timesSlopes(gradient, slopes, out, here, length);
            }
        });
    }

    // 0 where dy is: a slope may have overflowed, as that of the exponential does beyond 88.
    private static void timesSlopes(MemorySegment dy, MemorySegment slopes, MemorySegment dx, long at, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + 4L * i, ORDER);
            gradient.mul(fromMemorySegment(SPECIES, slopes, 4L * i, ORDER))
                    .blend(0, gradient.compare(VectorOperators.EQ, 0)).intoMemorySegment(dx, at + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            float gradient = dy.get(FLOAT, at + 4L * i);
            dx.set(FLOAT, at + 4L * i, gradient == 0 ? 0 : gradient * slopes.get(FLOAT, 4L * i));
        }
    }

    @Override
    public void gate(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor y) {
        MemorySegment in = gate.data();
        MemorySegment factor = value.data();
        MemorySegment out = y.data();
        blocks(team, y.elements(), (at, n, scratch) -> {
            MemorySegment gates = scratch.floatMemory(RUN);
            for (int from = 0; from < n; from += RUN) {
                int length = Math.min(RUN, n - from);
                long here = at + 4L * from;
                ActivationLanes.value(f, in, here, gates, 0, length, scratch);
                multiply(gates, 0, factor, here, out, here, length);
            }
        });
    }

    @Override
    public void gateBackward(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor dy, Tensor dGate,
            Tensor dValue) {
        MemorySegment in = gate.data();
        MemorySegment factor = value.data();
        MemorySegment gradient = dy.data();
        MemorySegment dIn = dGate.data();
        MemorySegment dFactor = dValue.data();
        blocks(team, dy.elements(), (at, n, scratch) -> {
            MemorySegment gates = scratch.floatMemory(RUN);
            MemorySegment slopes = scratch.floatMemory(RUN);
            for (int from = 0; from < n; from += RUN) {
                int length = Math.min(RUN, n - from);
                long here = at + 4L * from;
                ActivationLanes.value(f, in, here, gates, 0, length, scratch);
                ActivationLanes.slope(f, in, here, slopes, 0, length, scratch);
                gateBackward(gates, slopes, factor, gradient, dIn, dFactor, here, length);
            }
        });
    }

    private static void gateBackward(MemorySegment gates, MemorySegment slopes, MemorySegment value, MemorySegment dy,
            MemorySegment dGate, MemorySegment dValue, long at, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + 4L * i, ORDER);
            FloatVector factor = fromMemorySegment(SPECIES, value, at + 4L * i, ORDER);
            gradient.mul(factor).mul(fromMemorySegment(SPECIES, slopes, 4L * i, ORDER)).intoMemorySegment(dGate,
                    at + 4L * i, ORDER);
            gradient.mul(fromMemorySegment(SPECIES, gates, 4L * i, ORDER)).intoMemorySegment(dValue, at + 4L * i,
                    ORDER);
        }
        for (; i < n; i++) {
            float gradient = dy.get(FLOAT, at + 4L * i);
            float factor = value.get(FLOAT, at + 4L * i);
            dGate.set(FLOAT, at + 4L * i, gradient * factor * slopes.get(FLOAT, 4L * i));
            dValue.set(FLOAT, at + 4L * i, gradient * gates.get(FLOAT, 4L * i));
        }
    }

    @Override
    public double sum(ThreadTeam team, Tensor x) {
        return total(team, x, VectorElementwise::sum);
    }

    @Override
    public double sumOfSquares(ThreadTeam team, Tensor x) {
        return total(team, x, VectorElementwise::sumOfSquares);
    }

    @FunctionalInterface
    private interface BlockSum {
        double of(MemorySegment x, long at, int n);
    }

    private static double total(ThreadTeam team, Tensor x, BlockSum block) {
        MemorySegment in = x.data();
        if (x.elements() <= BLOCK) {
            return block.of(in, 0, (int) x.elements());
        }
        Workspace.Mark mark = team.scratch().mark();
        int count = blockCount(x.elements());
        Tensor sums = team.scratch().allocate(DType.F64, Shape.of(count));
        team.run(count, (index, scratch) -> sums.set(index, block.of(in, 4L * BLOCK * index,
                blockLength(x.elements(), index))));
        double sum = 0;
        for (int index = 0; index < count; index++) {
            sum += sums.get(index);
        }
        team.scratch().release(mark);
        return sum;
    }

    // For the few numbers that are ever summed: without vectors, which before they are compiled would live on the heap.
    private static double sum(MemorySegment x, long at, int n) {
        double even = 0;
        double odd = 0;
        int i = 0;
        for (int bound = n - n % 2; i < bound; i += 2) {
            even += x.get(FLOAT, at + 4L * i);
            odd += x.get(FLOAT, at + 4L * i + 4);
        }
        return i < n ? even + odd + x.get(FLOAT, at + 4L * i) : even + odd;
    }

    // In the order of lanes; a reduction's own order would change once this is compiled.
    private static double lanes(DoubleVector sums) {
        double sum = 0;
        for (int lane = 0; lane < DOUBLES.length(); lane++) {
            sum += sums.lane(lane);
        }
        return sum;
    }

    // Each float vector is widened in two halves with a double sum for each, so nothing is rounded to a float on the way.
    private static double sumOfSquares(MemorySegment x, long at, int n) {
        DoubleVector low = DoubleVector.zero(DOUBLES);
        DoubleVector high = low;
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector in = fromMemorySegment(SPECIES, x, at + 4L * i, ORDER);
            DoubleVector first = (DoubleVector) in.convertShape(VectorOperators.F2D, DOUBLES, 0);
            DoubleVector second = (DoubleVector) in.convertShape(VectorOperators.F2D, DOUBLES, 1);
            low = first.fma(first, low);
            high = second.fma(second, high);
        }
        double sum = lanes(low.add(high));
        for (; i < n; i++) {
            double in = x.get(FLOAT, at + 4L * i);
            sum += in * in;
        }
        return sum;
    }
}
