package tern.kernels.attention;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64: one query at a time, its scores computed three times over. */
public final class ReferenceAttention implements Attention {
    /** A body without state. */
    public ReferenceAttention() {
    }

    /** Keys or values of one call: those of the history before {@code age}, then the call's own. */
    private record Rows(Tensor history, Tensor fresh, long age, int sequence) {
        int width() {
            return fresh.dim(3);
        }

        Tensor holder(long position) {
            return position < age ? history : fresh;
        }

        long at(long position, int head) {
            long row = position < age ? (long) sequence * history.dim(1) + position
                    : (long) sequence * fresh.dim(1) + position - age;
            return (row * fresh.dim(2) + head) * width();
        }

        double get(long position, int head, int channel) {
            return holder(position).get(at(position, head) + channel);
        }

        void add(long position, int head, int channel, double value) {
            Tensor tensor = holder(position);
            long at = at(position, head) + channel;
            tensor.set(at, tensor.get(at) + value);
        }

        double dot(Tensor query, long queryAt, long position, int head) {
            double sum = 0;
            for (int i = 0; i < width(); i++) {
                sum += query.get(queryAt + i) * get(position, head, i);
            }
            return sum;
        }
    }

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values,
            long[] ages,
            Tensor y, Tensor logSum) {
        int time = query.dim(1);
        int heads = query.dim(2);
        int width = query.dim(3);
        int valueWidth = value.dim(3);
        double scale = 1 / Math.sqrt(width);
        for (int b = 0; b < query.dim(0); b++) {
            Rows allKeys = new Rows(keys, key, ages[b], b);
            Rows allValues = new Rows(values, value, ages[b], b);
            for (int h = 0; h < heads; h++) {
                int group = Math.toIntExact((long) h * key.dim(2) / heads);
                for (int t = 0; t < time; t++) {
                    long row = ((long) b * time + t) * heads + h;
                    long last = ages[b] + t;
                    double highest = Double.NEGATIVE_INFINITY;
                    for (long s = 0; s <= last; s++) {
                        highest = Math.max(highest, scale * allKeys.dot(query, row * width, s, group));
                    }
                    double sum = 0;
                    for (long s = 0; s <= last; s++) {
                        sum += Math.exp(scale * allKeys.dot(query, row * width, s, group) - highest);
                    }
                    double total = highest + Math.log(sum);
                    logSum.set(((long) b * heads + h) * time + t, total);
                    for (int j = 0; j < valueWidth; j++) {
                        double mixed = 0;
                        for (long s = 0; s <= last; s++) {
                            double weight = Math.exp(scale * allKeys.dot(query, row * width, s, group) - total);
                            mixed += weight * allValues.get(s, group, j);
                        }
                        y.set(row * valueWidth + j, mixed);
                    }
                }
            }
            append(key, keys, ages[b], b);
            append(value, values, ages[b], b);
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values,
            long[] ages,
            Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dKeys,
            Tensor dValues) {
        int time = query.dim(1);
        int heads = query.dim(2);
        int width = query.dim(3);
        int valueWidth = value.dim(3);
        double scale = 1 / Math.sqrt(width);
        dQuery.fill(0);
        dKey.fill(0);
        dValue.fill(0);
        for (int b = 0; b < query.dim(0); b++) {
            Rows allKeys = new Rows(keys, key, ages[b], b);
            Rows allValues = new Rows(values, value, ages[b], b);
            Rows dAllKeys = new Rows(dKeys, dKey, ages[b], b);
            Rows dAllValues = new Rows(dValues, dValue, ages[b], b);
            for (int h = 0; h < heads; h++) {
                int group = Math.toIntExact((long) h * key.dim(2) / heads);
                for (int t = 0; t < time; t++) {
                    long row = ((long) b * time + t) * heads + h;
                    double total = logSum.get(((long) b * heads + h) * time + t);
                    double mean = 0;
                    for (int j = 0; j < valueWidth; j++) {
                        mean += dy.get(row * valueWidth + j) * y.get(row * valueWidth + j);
                    }
                    for (long s = 0; s <= ages[b] + t; s++) {
                        double weight = Math.exp(scale * allKeys.dot(query, row * width, s, group) - total);
                        double dWeight = allValues.dot(dy, row * valueWidth, s, group);
                        double dScore = scale * weight * (dWeight - mean);
                        for (int i = 0; i < width; i++) {
                            long at = row * width + i;
                            dQuery.set(at, dQuery.get(at) + dScore * allKeys.get(s, group, i));
                            dAllKeys.add(s, group, i, dScore * query.get(at));
                        }
                        for (int j = 0; j < valueWidth; j++) {
                            dAllValues.add(s, group, j, weight * dy.get(row * valueWidth + j));
                        }
                    }
                }
            }
        }
    }

    @Override
    public void rotary(ThreadTeam team, Tensor x, long[] ages, double[] speeds, Tensor y) {
        turn(x, ages, speeds, 1, y);
    }

    @Override
    public void rotaryBackward(ThreadTeam team, Tensor dy, long[] ages, double[] speeds, Tensor dx) {
        turn(dy, ages, speeds, -1, dx);
    }

    private static void append(Tensor fresh, Tensor history, long age, int b) {
        int capacity = history.dim(1);
        if (capacity == 0) {
            return;
        }
        long row = (long) fresh.dim(2) * fresh.dim(3);
        for (long i = 0; i < fresh.dim(1) * row; i++) {
            history.set(((long) b * capacity + age) * row + i, fresh.get(b * fresh.dim(1) * row + i));
        }
    }

    private static void turn(Tensor x, long[] ages, double[] speeds, int direction, Tensor y) {
        int time = x.dim(1);
        int heads = x.dim(2);
        int width = x.dim(3);
        int half = width / 2;
        for (int b = 0; b < x.dim(0); b++) {
            for (int t = 0; t < time; t++) {
                for (int i = 0; i < half; i++) {
                    double angle = (ages[b] + t) * speeds[i];
                    double cosine = Math.cos(angle);
                    double sine = direction * Math.sin(angle);
                    for (int h = 0; h < heads; h++) {
                        long at = (((long) b * time + t) * heads + h) * width + i;
                        double first = x.get(at);
                        double second = x.get(at + half);
                        y.set(at, first * cosine - second * sine);
                        y.set(at + half, first * sine + second * cosine);
                    }
                }
            }
        }
    }
}
