package tern.kernels.channels;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.all;
import static tern.kernels.lanes.Lanes.bound;
import static tern.kernels.lanes.Lanes.first;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.store;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;

/**
 * Vector bodies for F32, all heads of a row one after another; sums over a head are kept in floats, one a lane. See
 * {@link RowTasks} for how rows are cut and summed.
 */
public final class VectorHeads implements Heads {
    /** A body without state. */
    public VectorHeads() {
    }

    @Override
    public void groupNorm(ThreadTeam team, Tensor x, int groups, Tensor gain, Tensor bias, double epsilon, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment gains = gain.data();
        MemorySegment biases = bias.data();
        MemorySegment out = y.data();
        int n = x.shape().last() / groups;
        RowTasks.run(team, x.shape().rows(), x.shape().last(), (from, to) -> {
            for (int r = from; r < to; r++) {
                for (int g = 0; g < groups; g++) {
                    long at = 4L * n * ((long) r * groups + g);
                    float mean = sum(in, at, n) / n;
                    float scale = scale(squares(in, at, mean, n), n, epsilon);
                    normalise(in, at, mean, scale, gains, biases, 4L * n * g, out, n);
                }
            }
        });
    }

    private static float scale(float squares, int n, double epsilon) {
        return (float) (1 / Math.sqrt(squares / (double) n + epsilon));
    }

    private static void normalise(MemorySegment x, long at, float mean, float scale, MemorySegment gain,
            MemorySegment bias, long channel, MemorySegment y, int n) {
        FloatVector means = all(mean);
        FloatVector scales = all(scale);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector normalised = load(x, at + 4L * i).sub(means).mul(scales);
            store(normalised.fma(load(gain, channel + 4L * i), load(bias, channel + 4L * i)), y, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector normalised = load(x, at + 4L * i, rest).sub(means).mul(scales);
            store(normalised.fma(load(gain, channel + 4L * i, rest), load(bias, channel + 4L * i, rest)), y,
                    at + 4L * i, rest);
        }
    }

    @Override
    public void groupNormBackward(ThreadTeam team, Tensor x, int groups, Tensor gain, double epsilon, Tensor dy,
            Tensor dx, Tensor dGain, Tensor dBias) {
        MemorySegment in = x.data();
        MemorySegment gains = gain.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        int width = x.shape().last();
        int n = width / groups;
        RowTasks.sum(team, x.shape().rows(), width, (from, to, sums, sumsAt) -> {
            for (int r = from; r < to; r++) {
                for (int g = 0; g < groups; g++) {
                    long at = 4L * n * ((long) r * groups + g);
                    long channel = 4L * n * g;
                    float mean = sum(in, at, n) / n;
                    float scale = scale(squares(in, at, mean, n), n, epsilon);
                    float gradientMean = products(gradient, at, gains, channel, n) / n;
                    // The product with the centred input, then normalised: Σ dy·gain·(x − mean)·scale / n.
                    float projection = threeProducts(gradient, at, gains, channel, in, mean, n) * scale / n;
                    normaliseBackward(in, at, mean, scale, gains, channel, gradientMean, projection, gradient, out, n);
                    addGains(in, at, mean, scale, gradient, sums, sumsAt + channel, sumsAt + 4L * width + channel, n);
                }
            }
        }, dGain, dBias);
    }

    private static void normaliseBackward(MemorySegment x, long at, float mean, float scale, MemorySegment gain,
            long channel, float gradientMean, float projection, MemorySegment dy, MemorySegment dx, int n) {
        FloatVector means = all(mean);
        FloatVector scales = all(scale);
        FloatVector gradientMeans = all(gradientMean);
        FloatVector back = all(-projection);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector normalised = load(x, at + 4L * i).sub(means).mul(scales);
            FloatVector centred = load(dy, at + 4L * i).mul(load(gain, channel + 4L * i)).sub(gradientMeans);
            store(normalised.fma(back, centred).mul(scales), dx, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector normalised = load(x, at + 4L * i, rest).sub(means).mul(scales);
            FloatVector centred = load(dy, at + 4L * i, rest).mul(load(gain, channel + 4L * i, rest))
                    .sub(gradientMeans);
            store(normalised.fma(back, centred).mul(scales), dx, at + 4L * i, rest);
        }
    }

    private static void addGains(MemorySegment x, long at, float mean, float scale, MemorySegment dy,
            MemorySegment sums, long gainAt, long biasAt, int n) {
        FloatVector means = all(mean);
        FloatVector scales = all(scale);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector normalised = load(x, at + 4L * i).sub(means).mul(scales);
            FloatVector gradient = load(dy, at + 4L * i);
            store(gradient.fma(normalised, load(sums, gainAt + 4L * i)), sums, gainAt + 4L * i);
            store(gradient.add(load(sums, biasAt + 4L * i)), sums, biasAt + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector normalised = load(x, at + 4L * i, rest).sub(means).mul(scales);
            FloatVector gradient = load(dy, at + 4L * i, rest);
            store(gradient.fma(normalised, load(sums, gainAt + 4L * i, rest)), sums, gainAt + 4L * i, rest);
            store(gradient.add(load(sums, biasAt + 4L * i, rest)), sums, biasAt + 4L * i, rest);
        }
    }

    @Override
    public void unit(ThreadTeam team, Tensor x, double floor, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment out = y.data();
        int n = x.shape().last();
        RowTasks.run(team, x.shape().rows(), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                long at = 4L * n * r;
                double norm = Math.sqrt(squares(in, at, 0, n));
                scaleRow(in, at, (float) (1 / Math.max(norm, floor)), out, at, n);
            }
        });
    }

    @Override
    public void unitBackward(ThreadTeam team, Tensor x, double floor, Tensor dy, Tensor dx) {
        MemorySegment in = x.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        int n = x.shape().last();
        RowTasks.run(team, x.shape().rows(), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                long at = 4L * n * r;
                float squares = squares(in, at, 0, n);
                double norm = Math.sqrt(squares);
                float along = norm > floor ? products(gradient, at, in, at, n) / squares : 0;
                unitRowBackward(in, gradient, at, along, (float) (1 / Math.max(norm, floor)), out, n);
            }
        });
    }

    private static void unitRowBackward(MemorySegment x, MemorySegment dy, long at, float along, float scale,
            MemorySegment dx, int n) {
        FloatVector back = all(-along);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            store(load(x, at + 4L * i).fma(back, load(dy, at + 4L * i)).mul(scale), dx, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            store(load(x, at + 4L * i, rest).fma(back, load(dy, at + 4L * i, rest)).mul(scale), dx, at + 4L * i,
                    rest);
        }
    }

    @Override
    public void scaleRows(ThreadTeam team, Tensor x, Tensor factor, boolean divide, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment factors = factor.data();
        MemorySegment out = y.data();
        int n = x.shape().last();
        RowTasks.run(team, x.shape().rows(), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                float by = factors.get(Tensor.FLOAT, 4L * r);
                scaleRow(in, 4L * n * r, divide ? 1 / by : by, out, 4L * n * r, n);
            }
        });
    }

    @Override
    public void scaleRowsBackward(ThreadTeam team, Tensor x, Tensor factor, boolean divide, Tensor dy, Tensor dx,
            Tensor dFactor) {
        MemorySegment in = x.data();
        MemorySegment factors = factor.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        MemorySegment sums = dFactor.data();
        int n = x.shape().last();
        RowTasks.run(team, x.shape().rows(), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                long at = 4L * n * r;
                float by = factors.get(Tensor.FLOAT, 4L * r);
                float sum = products(gradient, at, in, at, n);
                sums.set(Tensor.FLOAT, 4L * r, divide ? -sum / by / by : sum);
                scaleRow(gradient, at, divide ? 1 / by : by, out, at, n);
            }
        });
    }

    @Override
    public void softmax(ThreadTeam team, Tensor x, Tensor y) {
        MemorySegment in = x.data();
        MemorySegment out = y.data();
        int n = x.shape().last();
        RowTasks.run(team, x.shape().rows(), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                long at = 4L * n * r;
                float sum = exponentials(in, at, largest(in, at, n), out, n);
                scaleRow(out, at, 1 / sum, out, at, n);
            }
        });
    }

    private static float largest(MemorySegment x, long at, int n) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            largest = Math.max(largest, x.get(Tensor.FLOAT, at + 4L * i));
        }
        return largest;
    }

    // y ← e^(x − shift), and their sum.
    private static float exponentials(MemorySegment x, long at, float shift, MemorySegment y, int n) {
        FloatVector shifts = all(shift);
        FloatVector sum = all(0);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector power = Lanes.exp(load(x, at + 4L * i).sub(shifts));
            store(power, y, at + 4L * i);
            sum = sum.add(power);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector power = all(0).blend(Lanes.exp(load(x, at + 4L * i, rest).sub(shifts)), rest);
            store(power, y, at + 4L * i, rest);
            sum = sum.add(power);
        }
        return Lanes.sum(sum);
    }

    @Override
    public void softmaxBackward(ThreadTeam team, Tensor y, Tensor dy, Tensor dx) {
        MemorySegment result = y.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        int n = y.shape().last();
        RowTasks.run(team, y.shape().rows(), n, (from, to) -> {
            for (int r = from; r < to; r++) {
                long at = 4L * n * r;
                softmaxRowBackward(result, gradient, at, products(result, at, gradient, at, n), out, n);
            }
        });
    }

    private static void softmaxRowBackward(MemorySegment y, MemorySegment dy, long at, float mean, MemorySegment dx,
            int n) {
        FloatVector means = all(mean);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            store(load(dy, at + 4L * i).sub(means).mul(load(y, at + 4L * i)), dx, at + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            store(load(dy, at + 4L * i, rest).sub(means).mul(load(y, at + 4L * i, rest)), dx, at + 4L * i, rest);
        }
    }

    @Override
    public void bonus(ThreadTeam team, Tensor query, Tensor key, Tensor bonus, Tensor value, Tensor y) {
        MemorySegment queries = query.data();
        MemorySegment keys = key.data();
        MemorySegment bonuses = bonus.data();
        MemorySegment values = value.data();
        MemorySegment out = y.data();
        int heads = query.dim(1);
        int n = query.shape().last();
        int m = value.shape().last();
        RowTasks.run(team, query.dim(0), heads * (n + m), (from, to) -> {
            for (int r = from; r < to; r++) {
                for (int h = 0; h < heads; h++) {
                    long head = (long) r * heads + h;
                    float score = threeProducts(queries, 4L * n * head, bonuses, 4L * n * h, keys, 0, n);
                    scaleRow(values, 4L * m * head, score, out, 4L * m * head, m);
                }
            }
        });
    }

    @Override
    public void bonusBackward(ThreadTeam team, Tensor query, Tensor key, Tensor bonus, Tensor value, Tensor dy,
            Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dBonus) {
        MemorySegment queries = query.data();
        MemorySegment keys = key.data();
        MemorySegment bonuses = bonus.data();
        MemorySegment values = value.data();
        MemorySegment gradient = dy.data();
        MemorySegment queryOut = dQuery.data();
        MemorySegment keyOut = dKey.data();
        MemorySegment valueOut = dValue.data();
        int heads = query.dim(1);
        int n = query.shape().last();
        int m = value.shape().last();
        RowTasks.sum(team, query.dim(0), heads * (n + m), (from, to, sums, sumsAt) -> {
            for (int r = from; r < to; r++) {
                for (int h = 0; h < heads; h++) {
                    long head = (long) r * heads + h;
                    long at = 4L * n * head;
                    float score = threeProducts(queries, at, bonuses, 4L * n * h, keys, 0, n);
                    scaleRow(gradient, 4L * m * head, score, valueOut, 4L * m * head, m);
                    float dScore = products(gradient, 4L * m * head, values, 4L * m * head, m);
                    scaledProduct(bonuses, 4L * n * h, keys, at, dScore, queryOut, at, n);
                    scaledProduct(bonuses, 4L * n * h, queries, at, dScore, keyOut, at, n);
                    addScaledProduct(queries, keys, at, dScore, sums, sumsAt + 4L * n * h, n);
                }
            }
        }, dBonus);
    }

    private static void scaledProduct(MemorySegment a, long aAt, MemorySegment b, long bAt, float factor,
            MemorySegment y, long yAt, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            store(load(a, aAt + 4L * i).mul(load(b, bAt + 4L * i)).mul(factor), y, yAt + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            store(load(a, aAt + 4L * i, rest).mul(load(b, bAt + 4L * i, rest)).mul(factor), y, yAt + 4L * i, rest);
        }
    }

    private static void addScaledProduct(MemorySegment a, MemorySegment b, long at, float factor, MemorySegment sum,
            long sumAt, int n) {
        FloatVector factors = all(factor);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector product = load(a, at + 4L * i).mul(load(b, at + 4L * i));
            store(product.fma(factors, load(sum, sumAt + 4L * i)), sum, sumAt + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector product = load(a, at + 4L * i, rest).mul(load(b, at + 4L * i, rest));
            store(product.fma(factors, load(sum, sumAt + 4L * i, rest)), sum, sumAt + 4L * i, rest);
        }
    }

    private static void scaleRow(MemorySegment x, long at, float factor, MemorySegment y, long yAt, int n) {
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            store(load(x, at + 4L * i).mul(factor), y, yAt + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            store(load(x, at + 4L * i, rest).mul(factor), y, yAt + 4L * i, rest);
        }
    }

    private static float sum(MemorySegment x, long at, int n) {
        FloatVector sum = all(0);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            sum = sum.add(load(x, at + 4L * i));
        }
        return i < n ? Lanes.sum(sum.add(load(x, at + 4L * i, first(n - i)))) : Lanes.sum(sum);
    }

    // Σ (x − mean)².
    private static float squares(MemorySegment x, long at, float mean, int n) {
        FloatVector means = all(mean);
        FloatVector sum = all(0);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector centred = load(x, at + 4L * i).sub(means);
            sum = centred.fma(centred, sum);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector centred = load(x, at + 4L * i, rest).sub(means, rest);
            sum = centred.fma(centred, sum);
        }
        return Lanes.sum(sum);
    }

    // Σ a b.
    private static float products(MemorySegment a, long aAt, MemorySegment b, long bAt, int n) {
        FloatVector sum = all(0);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            sum = load(a, aAt + 4L * i).fma(load(b, bAt + 4L * i), sum);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            sum = load(a, aAt + 4L * i, rest).fma(load(b, bAt + 4L * i, rest), sum);
        }
        return Lanes.sum(sum);
    }

    // Σ a b (c − shift), where a and c lie at one place.
    private static float threeProducts(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment c,
            float shift, int n) {
        FloatVector shifts = all(shift);
        FloatVector sum = all(0);
        int i = 0;
        for (int bound = bound(n); i < bound; i += LENGTH) {
            FloatVector product = load(a, aAt + 4L * i).mul(load(b, bAt + 4L * i));
            sum = product.fma(load(c, aAt + 4L * i).sub(shifts), sum);
        }
        if (i < n) {
            VectorMask<Float> rest = first(n - i);
            FloatVector product = load(a, aAt + 4L * i, rest).mul(load(b, bAt + 4L * i, rest));
            sum = product.fma(load(c, aAt + 4L * i, rest).sub(shifts), sum);
        }
        return Lanes.sum(sum);
    }
}
