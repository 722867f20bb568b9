package tern.kernels.attention;

import tern.kernels.ThreadTeam;
import tern.ops.Chunks;
import tern.ops.Weighing;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64: one query at a time, its scores computed again where they are needed. */
public final class ReferenceChunkedAttention implements ChunkedAttention {
    /** A body without state. */
    public ReferenceChunkedAttention() {
    }

    /** What one head of one piece reads. */
    private record Reading(Piece piece, int head, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how,
            Tensor keys, Tensor values) {
        double scale(int read) {
            return how.weighing() == Weighing.SOFTMAX ? 1 / Math.sqrt(query.dim(3)) : 1.0 / read;
        }

        long queryAt(int i) {
            return row(query, piece.from() + i);
        }

        long row(Tensor of, int position) {
            return (((long) piece.sequence() * of.dim(1) + position) * of.dim(2) + head) * of.dim(3);
        }

        Tensor holder(int j, Tensor history, Tensor fresh) {
            return j < piece.cached() ? history : fresh;
        }

        long at(int j, Tensor history, Tensor fresh) {
            return j < piece.cached() ? row(history, j) : row(fresh, piece.from() + j - piece.cached());
        }

        /** What the weight of query i and key j is multiplied by. */
        double kept(int i, int j) {
            return how.dropped().any() ? how.dropped().factor(piece.line(query, head, i), j) : 1;
        }

        int biasAt(int i, int j) {
            return (bias.dim(0) - 1) / 2 + j - piece.cached() - i;
        }

        double score(int i, int j, int read) {
            Tensor from = holder(j, keys, key);
            long keyAt = at(j, keys, key);
            long queryAt = queryAt(i);
            double sum = 0;
            for (int k = 0; k < query.dim(3); k++) {
                sum += query.get(queryAt + k) * from.get(keyAt + k);
            }
            return sum * scale(read) + (bias.dim(0) > 0 ? bias.get(biasAt(i, j)) : 0);
        }

        double logSum(int i, int read) {
            double highest = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < read; j++) {
                highest = Math.max(highest, score(i, j, read));
            }
            double sum = 0;
            for (int j = 0; j < read; j++) {
                sum += Math.exp(score(i, j, read) - highest);
            }
            return read == 0 ? 0 : highest + Math.log(sum);
        }
    }

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum) {
        int time = query.dim(1);
        y.fill(0);
        logSum.fill(0);
        boolean normalised = how.weighing() == Weighing.SOFTMAX;
        for (Piece piece : Piece.of(how, time, ages, lengths)) {
            for (int h = 0; h < query.dim(2); h++) {
                Reading in = new Reading(piece, h, query, key, value, bias, how, keys, values);
                for (int i = 0; i < piece.queries(); i++) {
                    int read = piece.read(how, i);
                    double total = normalised ? in.logSum(i, read) : 0;
                    logSum.set(((long) piece.sequence() * query.dim(2) + h) * time + piece.from() + i, total);
                    long row = in.row(y, piece.from() + i);
                    for (int j = 0; j < read; j++) {
                        double weight = in.kept(i, j)
                                * Weights.value(how.weighing(), in.score(i, j, read) - total);
                        Tensor from = in.holder(j, values, value);
                        long valueAt = in.at(j, values, value);
                        for (int v = 0; v < value.dim(3); v++) {
                            y.set(row + v, y.get(row + v) + weight * from.get(valueAt + v));
                        }
                    }
                }
            }
        }
        Caches.append(key, keys, how, ages);
        Caches.append(value, values, how, ages);
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey,
            Tensor dValue, Tensor dBias, Tensor dKeys, Tensor dValues) {
        int time = query.dim(1);
        dQuery.fill(0);
        dKey.fill(0);
        dValue.fill(0);
        for (Piece piece : Piece.of(how, time, ages, lengths)) {
            for (int h = 0; h < query.dim(2); h++) {
                Reading in = new Reading(piece, h, query, key, value, bias, how, keys, values);
                for (int i = 0; i < piece.queries(); i++) {
                    long row = in.row(dy, piece.from() + i);
                    double total = logSum.get(((long) piece.sequence() * query.dim(2) + h) * time + piece.from() + i);
                    double mean = 0;
                    for (int v = 0; v < value.dim(3); v++) {
                        mean += dy.get(row + v) * y.get(row + v);
                    }
                    int read = piece.read(how, i);
                    for (int j = 0; j < read; j++) {
                        double score = in.score(i, j, read) - total;
                        double kept = in.kept(i, j);
                        double weight = kept * Weights.value(how.weighing(), score);
                        Tensor from = in.holder(j, values, value);
                        Tensor into = in.holder(j, dValues, dValue);
                        long valueAt = in.at(j, values, value);
                        double dWeight = how.weighing() == Weighing.SOFTMAX ? -mean : 0;
                        for (int v = 0; v < value.dim(3); v++) {
                            dWeight += kept * dy.get(row + v) * from.get(valueAt + v);
                            into.set(valueAt + v, into.get(valueAt + v) + weight * dy.get(row + v));
                        }
                        double dScore = dWeight * Weights.slope(how.weighing(), score);
                        if (bias.dim(0) > 0) {
                            int at = in.biasAt(i, j);
                            dBias.set(at, dBias.get(at) + dScore);
                        }
                        scoreBackward(in, i, j, dScore * in.scale(read), dQuery, in.holder(j, dKeys, dKey));
                    }
                }
            }
        }
    }

    private static void scoreBackward(Reading in, int i, int j, double dScore, Tensor dQuery, Tensor into) {
        Tensor from = in.holder(j, in.keys, in.key);
        long keyAt = in.at(j, in.keys, in.key);
        long queryAt = in.queryAt(i);
        for (int k = 0; k < in.query.dim(3); k++) {
            dQuery.set(queryAt + k, dQuery.get(queryAt + k) + dScore * from.get(keyAt + k));
            into.set(keyAt + k, into.get(keyAt + k) + dScore * in.query.get(queryAt + k));
        }
    }
}
