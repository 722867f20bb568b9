package tern.kernels.attention;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64; gradients are added up in double precision too. Immutable. */
public final class ReferenceCrossAttention implements CrossAttention {
    /** A body without state. */
    public ReferenceCrossAttention() {
    }

    private static double[] numbers(Tensor of, long row, int count) {
        double[] numbers = new double[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = of.get(row * count + i);
        }
        return numbers;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** One head of one sequence: its rows of keys and values, and which row of a tensor they are. */
    private record Head(Inputs in, int b, int head) {
        long query(int t) {
            return ((long) b * in.time() + t) * in.heads() + head;
        }

        long row(int s) {
            return ((long) b * in.rows() + s) * in.heads() + head;
        }

        double[] key(int s) {
            return numbers(in.key(), row(s), in.key().dim(3));
        }

        double[] value(int s) {
            return numbers(in.value(), row(s), in.value().dim(3));
        }

        double[] weights(int t, double[] query) {
            int line = b * in.time() + t;
            double[] weights = new double[in.spans().count()[line]];
            double most = Double.NEGATIVE_INFINITY;
            for (int i = 0; i < weights.length; i++) {
                weights[i] = dot(query, key(in.row(line, i))) * in.scale();
                if (in.bias().dim(1) > 0) {
                    weights[i] += in.bias().get((long) head * in.bias().dim(1) + in.distance(line, i));
                }
                most = Math.max(most, weights[i]);
            }
            double sum = 0;
            for (int i = 0; i < weights.length; i++) {
                weights[i] = Math.exp(weights[i] - most);
                sum += weights[i];
            }
            for (int i = 0; i < weights.length; i++) {
                weights[i] /= sum;
            }
            return weights;
        }
    }

    @Override
    public void forward(ThreadTeam team, Inputs in, Tensor y) {
        int width = in.value().dim(3);
        team.run(in.query().dim(0) * in.heads(), (index, scratch) -> {
            Head head = new Head(in, index / in.heads(), index % in.heads());
            for (int t = 0; t < in.time(); t++) {
                double[] weights = head.weights(t, numbers(in.query(), head.query(t), in.query().dim(3)));
                double[] sum = new double[width];
                for (int i = 0; i < weights.length; i++) {
                    double[] value = head.value(in.row(head.b * in.time() + t, i));
                    for (int v = 0; v < width; v++) {
                        sum[v] += weights[i] * value[v];
                    }
                }
                for (int v = 0; v < width; v++) {
                    y.set(head.query(t) * width + v, sum[v]);
                }
            }
        });
    }

    @Override
    public void backward(ThreadTeam team, Inputs in, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue,
            Tensor dBias) {
        int keys = in.query().dim(3);
        int values = in.value().dim(3);
        // A task is a head of all sequences, which share its biases.
        team.run(in.heads(), (index, scratch) -> {
            double[] dDistance = new double[in.bias().dim(1)];
            for (int b = 0; b < in.query().dim(0); b++) {
                backward(new Head(in, b, index), dy, dQuery, dKey, dValue, dDistance, keys, values);
            }
            for (int p = 0; p < dDistance.length; p++) {
                dBias.set((long) index * dDistance.length + p, dDistance[p]);
            }
        });
    }

    private static void backward(Head head, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, double[] dDistance,
            int keys, int values) {
        Inputs in = head.in;
        double[][] dKeys = new double[in.rows()][keys];
        double[][] dValues = new double[in.rows()][values];
        for (int t = 0; t < in.time(); t++) {
            int line = head.b * in.time() + t;
            double[] query = numbers(in.query(), head.query(t), keys);
            double[] given = numbers(dy, head.query(t), values);
            double[] weights = head.weights(t, query);
            double[] dWeights = new double[weights.length];
            double mean = 0;
            for (int i = 0; i < weights.length; i++) {
                dWeights[i] = dot(given, head.value(in.row(line, i)));
                mean += weights[i] * dWeights[i];
            }
            double[] found = new double[keys];
            for (int i = 0; i < weights.length; i++) {
                int row = in.row(line, i);
                double dScore = weights[i] * (dWeights[i] - mean);
                if (dDistance.length > 0) {
                    dDistance[in.distance(line, i)] += dScore;
                }
                double[] key = head.key(row);
                for (int k = 0; k < keys; k++) {
                    found[k] += in.scale() * dScore * key[k];
                    dKeys[row][k] += in.scale() * dScore * query[k];
                }
                for (int v = 0; v < values; v++) {
                    dValues[row][v] += weights[i] * given[v];
                }
            }
            for (int k = 0; k < keys; k++) {
                dQuery.set(head.query(t) * keys + k, found[k]);
            }
        }
        for (int s = 0; s < in.rows(); s++) {
            for (int k = 0; k < keys; k++) {
                dKey.set(head.row(s) * keys + k, dKeys[s][k]);
            }
            for (int v = 0; v < values; v++) {
                dValue.set(head.row(s) * values + v, dValues[s][v]);
            }
        }
    }
}
