package tern.kernels.attention;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, channels in the lanes; a task is some queries of a head, backward a head of a sequence. Other types go to the
 * plain body. Immutable.
 */
public final class VectorCrossAttention implements CrossAttention {
    private static final int QUERIES = 32;
    /** Below every exponent that counts. */
    private static final float NOTHING = -1e4f;

    private final CrossAttention plain = new ReferenceCrossAttention();

    /** A body without state. */
    public VectorCrossAttention() {
    }

    private static float dot(MemorySegment a, long aAt, MemorySegment b, long bAt, int n) {
        FloatVector even = FloatVector.zero(SPECIES);
        FloatVector odd = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= n - 2 * LENGTH; i += 2 * LENGTH) {
            long at = 4L * i;
            even = fromMemorySegment(SPECIES, a, aAt + at, ORDER)
                    .fma(fromMemorySegment(SPECIES, b, bAt + at, ORDER), even);
            odd = fromMemorySegment(SPECIES, a, aAt + at + BYTES, ORDER)
                    .fma(fromMemorySegment(SPECIES, b, bAt + at + BYTES, ORDER), odd);
        }
        for (; i <= n - LENGTH; i += LENGTH) {
            even = fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER)
                    .fma(fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER), even);
        }
        float sum = Lanes.sum(even.add(odd));
        for (; i < n; i++) {
            sum += a.get(Tensor.FLOAT, aAt + 4L * i) * b.get(Tensor.FLOAT, bAt + 4L * i);
        }
        return sum;
    }

    /** sum += factor·x. */
    private static void add(float factor, MemorySegment x, long xAt, MemorySegment sum, long sumAt, int n) {
        int i = 0;
        for (; i <= n - LENGTH; i += LENGTH) {
            long at = 4L * i;
            fromMemorySegment(SPECIES, x, xAt + at, ORDER)
                    .fma(Lanes.all(factor), fromMemorySegment(SPECIES, sum, sumAt + at, ORDER))
                    .intoMemorySegment(sum, sumAt + at, ORDER);
        }
        for (; i < n; i++) {
            long at = 4L * i;
            sum.set(Tensor.FLOAT, sumAt + at,
                    sum.get(Tensor.FLOAT, sumAt + at) + factor * x.get(Tensor.FLOAT, xAt + at));
        }
    }

    /** One head of one sequence, with room for the weights of a query. */
    private static final class Head {
        private final Inputs in;
        private final int b;
        private final int head;
        private final int keys;
        private final int values;
        private final float[] weights;

        Head(Inputs in, int b, int head, Workspace scratch) {
            this.in = in;
            this.b = b;
            this.head = head;
            this.keys = in.query().dim(3);
            this.values = in.value().dim(3);
            this.weights = scratch.floats(Math.max(LENGTH, Lanes.padded(in.most())));
        }

        int line(int t) {
            return b * in.time() + t;
        }

        /** Bytes before a query's row of a tensor with so many numbers a head. */
        long query(int t, int width) {
            return 4L * (((long) b * in.time() + t) * in.heads() + head) * width;
        }

        long row(int s, int width) {
            return 4L * (((long) b * in.rows() + s) * in.heads() + head) * width;
        }

        /** The weights of what a query reads; gives their number. */
        int weigh(int t) {
            int line = line(t);
            int count = in.spans().count()[line];
            if (count == 0) {
                return 0;
            }
            MemorySegment query = in.query().data();
            MemorySegment key = in.key().data();
            float scale = (float) in.scale();
            for (int i = 0; i < count; i++) {
                weights[i] = scale * dot(query, query(t, keys), key, row(in.row(line, i), keys), keys);
            }
            if (in.bias().dim(1) > 0) {
                MemorySegment bias = in.bias().data();
                long own = 4L * head * in.bias().dim(1);
                for (int i = 0; i < count; i++) {
                    weights[i] += bias.get(Tensor.FLOAT, own + 4L * in.distance(line, i));
                }
            }
            softmax(weights, count);
            return count;
        }
    }

    private static void softmax(float[] x, int count) {
        float most = x[0];
        for (int i = 1; i < count; i++) {
            most = Math.max(most, x[i]);
        }
        for (int i = 0; i < count; i++) {
            x[i] -= most;
        }
        int padded = Lanes.padded(count);
        Arrays.fill(x, count, padded, NOTHING);
        Lanes.exponentials(x, padded);
        float sum = 0;
        for (int i = 0; i < count; i++) {
            sum += x[i];
        }
        for (int i = 0; i < count; i++) {
            x[i] /= sum;
        }
    }

    @Override
    public void forward(ThreadTeam team, Inputs in, Tensor y) {
        if (in.query().dtype() != DType.F32) {
            plain.forward(team, in, y);
            return;
        }
        int blocks = (in.time() + QUERIES - 1) / QUERIES;
        team.run(in.query().dim(0) * in.heads() * blocks, (index, scratch) -> {
            int own = index / blocks;
            Head head = new Head(in, own / in.heads(), own % in.heads(), scratch);
            int from = index % blocks * QUERIES;
            for (int t = from; t < Math.min(in.time(), from + QUERIES); t++) {
                read(head, t, y.data());
            }
        });
    }

    private static void read(Head head, int t, MemorySegment y) {
        int count = head.weigh(t);
        long to = head.query(t, head.values);
        Lanes.clear(y, to, to + 4L * head.values);
        MemorySegment value = head.in.value().data();
        int line = head.line(t);
        for (int i = 0; i < count; i++) {
            add(head.weights[i], value, head.row(head.in.row(line, i), head.values), y, to, head.values);
        }
    }

    @Override
    public void backward(ThreadTeam team, Inputs in, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue,
            Tensor dBias) {
        if (in.query().dtype() != DType.F32) {
            plain.backward(team, in, dy, dQuery, dKey, dValue, dBias);
            return;
        }
        int batch = in.query().dim(0);
        int distances = in.bias().dim(1);
        Workspace.Mark kept = team.scratch().mark();
        Tensor parts = team.scratch().allocate(DType.F32, Shape.of(batch, in.heads(), distances));
        dKey.fill(0);
        dValue.fill(0);
        team.run(batch * in.heads(), (index, scratch) -> {
            Head head = new Head(in, index / in.heads(), index % in.heads(), scratch);
            float[] dDistance = scratch.floats(distances);
            Arrays.fill(dDistance, 0, distances, 0);
            float[] slopes = scratch.floats(head.weights.length);
            for (int t = 0; t < in.time(); t++) {
                retreat(head, t, dy.data(), dQuery.data(), dKey.data(), dValue.data(), dDistance, slopes);
            }
            MemorySegment.copy(dDistance, 0, parts.data(), Tensor.FLOAT, 4L * index * distances, distances);
        });
        for (long i = 0; i < dBias.elements(); i++) {
            double sum = 0;
            for (int b = 0; b < batch; b++) {
                sum += parts.get(b * dBias.elements() + i);
            }
            dBias.set(i, sum);
        }
        team.scratch().release(kept);
    }

    private static void retreat(Head head, int t, MemorySegment dy, MemorySegment dQuery, MemorySegment dKey,
            MemorySegment dValue, float[] dDistance, float[] slopes) {
        Inputs in = head.in;
        int line = head.line(t);
        int count = head.weigh(t);
        long given = head.query(t, head.values);
        long own = head.query(t, head.keys);
        Lanes.clear(dQuery, own, own + 4L * head.keys);
        float mean = 0;
        for (int i = 0; i < count; i++) {
            slopes[i] = dot(dy, given, in.value().data(), head.row(in.row(line, i), head.values), head.values);
            mean += head.weights[i] * slopes[i];
        }
        float scale = (float) in.scale();
        for (int i = 0; i < count; i++) {
            int row = in.row(line, i);
            float dScore = head.weights[i] * (slopes[i] - mean);
            if (in.bias().dim(1) > 0) {
                dDistance[in.distance(line, i)] += dScore;
            }
            add(scale * dScore, in.key().data(), head.row(row, head.keys), dQuery, own, head.keys);
            add(scale * dScore, in.query().data(), own, dKey, head.row(row, head.keys), head.keys);
            add(head.weights[i], dy, given, dValue, head.row(row, head.values), head.values);
        }
    }
}
