package tern.kernels.channels;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.bound;
import static tern.kernels.lanes.Lanes.first;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.store;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Vector bodies for F32; see {@link RowTasks} for how rows are cut and summed. */
public final class VectorChannels implements Channels {
    /** A body without state. */
    public VectorChannels() {
    }

    @Override
    public void add(ThreadTeam team, Tensor x, Tensor row, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment addend = row.data();
        MemorySegment out = y.data();
        int n = width(row);
        RowTasks.run(team, rows(x, n), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                add(in, 4L * r * n, addend, out, n);
            }
        });
    }

    private static void add(MemorySegment x, long at, MemorySegment row, MemorySegment y, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            store(load(x, at + 4L * i).add(load(row, 4L * i)), y, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            store(load(x, at + 4L * i, rest).add(load(row, 4L * i, rest)), y, at + 4L * i, rest);
        }
    }

    @Override
    public void addBackward(ThreadTeam team, Tensor dy, Tensor dRow) {
        MemorySegment gradient = dy.data();
        int n = width(dRow);
        RowTasks.sum(team, rows(dy, n), n, (from, to, sums, sumsAt) -> {
            for (int r = from; r < to; r++) {
                addTo(gradient, 4L * r * n, sums, sumsAt, n);
            }
        }, dRow);
    }

    private static void addTo(MemorySegment x, long at, MemorySegment sum, long sumAt, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            store(load(x, at + 4L * i).add(load(sum, sumAt + 4L * i)), sum, sumAt + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            store(load(x, at + 4L * i, rest).add(load(sum, sumAt + 4L * i, rest)), sum, sumAt + 4L * i, rest);
        }
    }

    @Override
    public void multiply(ThreadTeam team, Tensor x, Tensor row, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment factor = row.data();
        MemorySegment out = y.data();
        int n = width(row);
        RowTasks.run(team, rows(x, n), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                multiply(in, 4L * r * n, factor, out, n);
            }
        });
    }

    private static void multiply(MemorySegment x, long at, MemorySegment row, MemorySegment y, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            store(load(x, at + 4L * i).mul(load(row, 4L * i)), y, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            store(load(x, at + 4L * i, rest).mul(load(row, 4L * i, rest)), y, at + 4L * i, rest);
        }
    }

    @Override
    public void multiplyBackward(ThreadTeam team, Tensor x, Tensor row, Tensor dy, Tensor dx, Tensor dRow) {
        MemorySegment in = x.data();
        MemorySegment factor = row.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        int n = width(row);
        RowTasks.sum(team, rows(x, n), n, (from, to, sums, sumsAt) -> {
            for (int r = from; r < to; r++) {
                multiplyBackward(in, 4L * r * n, factor, gradient, out, sums, sumsAt, n);
            }
        }, dRow);
    }

    private static void multiplyBackward(MemorySegment x, long at, MemorySegment row, MemorySegment dy,
            MemorySegment dx, MemorySegment sum, long sumAt, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector gradient = load(dy, at + 4L * i);
            store(gradient.fma(load(x, at + 4L * i), load(sum, sumAt + 4L * i)), sum, sumAt + 4L * i);
            store(gradient.mul(load(row, 4L * i)), dx, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector gradient = load(dy, at + 4L * i, rest);
            store(gradient.fma(load(x, at + 4L * i, rest), load(sum, sumAt + 4L * i, rest)), sum, sumAt + 4L * i,
                    rest);
            store(gradient.mul(load(row, 4L * i, rest)), dx, at + 4L * i, rest);
        }
    }

    @Override
    public void interpolate(ThreadTeam team, Tensor x, Tensor towards, Tensor weight, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment other = towards.data();
        MemorySegment part = weight.data();
        MemorySegment out = y.data();
        int n = x.shape().last();
        long stride = weight.elements() == x.elements() ? 4L * n : 0;
        RowTasks.run(team, rows(x, n), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                interpolate(in, other, 4L * r * n, part, stride * r, out, n);
            }
        });
    }

    private static void interpolate(MemorySegment x, MemorySegment towards, long at, MemorySegment weight,
            long weightAt, MemorySegment y, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector from = load(x, at + 4L * i);
            store(load(towards, at + 4L * i).sub(from).fma(load(weight, weightAt + 4L * i), from), y, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector from = load(x, at + 4L * i, rest);
            store(load(towards, at + 4L * i, rest).sub(from).fma(load(weight, weightAt + 4L * i, rest), from), y,
                    at + 4L * i, rest);
        }
    }

    @Override
    public void interpolateBackward(ThreadTeam team, Tensor x, Tensor towards, Tensor weight, Tensor dy, Tensor dx,
            Tensor dTowards, Tensor dWeight) {
        int n = x.shape().last();
        Interpolation at = new Interpolation(x.data(), towards.data(), weight.data(), dy.data(), dx.data(),
                dTowards.data());
        if (weight.elements() == x.elements()) {
            MemorySegment sums = dWeight.data();
            RowTasks.run(team, rows(x, n), n, (from, to) -> {
                for (int r = from; r < to; r++) {
                    at.backward(4L * r * n, 4L * r * n, sums, 4L * r * n, n);
                }
            });
        } else {
            RowTasks.sum(team, rows(x, n), n, (from, to, sums, sumsAt) -> {
                for (int r = from; r < to; r++) {
                    at.backward(4L * r * n, 0, sums, sumsAt, n);
                }
            }, dWeight);
        }
    }

    private record Interpolation(MemorySegment x, MemorySegment towards, MemorySegment weight, MemorySegment dy,
            MemorySegment dx, MemorySegment dTowards) {
        void backward(long at, long weightAt, MemorySegment sum, long sumAt, int n) {
            int i = 0;
            for (int bound = bound(n); i < bound; i += LENGTH) {
                FloatVector gradient = load(dy, at + 4L * i);
                FloatVector part = gradient.mul(load(weight, weightAt + 4L * i));
                FloatVector difference = load(towards, at + 4L * i).sub(load(x, at + 4L * i));
                store(gradient.fma(difference, load(sum, sumAt + 4L * i)), sum, sumAt + 4L * i);
                store(part, dTowards, at + 4L * i);
                store(gradient.sub(part), dx, at + 4L * i);
            }
            if (i < n) {
                VectorMask<Float> rest = first(n - i);
                FloatVector gradient = load(dy, at + 4L * i, rest);
                FloatVector part = gradient.mul(load(weight, weightAt + 4L * i, rest));
                FloatVector difference = load(towards, at + 4L * i, rest).sub(load(x, at + 4L * i, rest));
                store(gradient.fma(difference, load(sum, sumAt + 4L * i, rest)), sum, sumAt + 4L * i, rest);
                store(part, dTowards, at + 4L * i, rest);
                store(gradient.sub(part), dx, at + 4L * i, rest);
            }
        }
    }

    private static int width(Tensor row) {
        return Math.toIntExact(row.elements());
    }

    private static int rows(Tensor x, int width) {
        return width == 0 ? 0 : Math.toIntExact(x.elements() / width);
    }
}
