package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * {@link HeadConvolution} in its quadratic form, in plain loops and double precision; serves every computed type.
 * Stateless, safe to share.
 */
public final class ReferenceHeadConvolution implements HeadConvolution {

    /** A body without state. */
    public ReferenceHeadConvolution() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor y) {
        int time = query.dim(1);
        int filters = query.dim(2);
        int width = query.dim(3);
        for (int b = 0; b < query.dim(0); b++) {
            int age = Math.toIntExact(ages[b]);
            for (int f = 0; f < filters; f++) {
                for (int t = 0; t < time; t++) {
                    double[] sums = new double[width];
                    for (int position = Math.max(0, age + t - taps.dim(0) + 1); position <= age + t; position++) {
                        double score = 0;
                        for (int i = 0; i < width; i++) {
                            score += query.get(at(query, b, t, f, i)) * past(key, keys, age, b, position, f, i);
                        }
                        score *= taps.get((long) (age + t - position) * filters + f);
                        for (int j = 0; j < width; j++) {
                            sums[j] += score * past(value, values, age, b, position, f, j);
                        }
                    }
                    double own = 0;
                    for (int i = 0; i < width; i++) {
                        own += query.get(at(query, b, t, f, i)) * key.get(at(key, b, t, f, i));
                    }
                    for (int j = 0; j < width; j++) {
                        y.set(at(y, b, t, f, j), sums[j] + skip.get(f) * own * value.get(at(value, b, t, f, j)));
                    }
                }
            }
            if (keys.dim(1) > 0) {
                keep(key, keys, b, age);
                keep(value, values, b, age);
            }
        }
    }

    private static void keep(Tensor rows, Tensor history, int b, int age) {
        for (int t = 0; t < rows.dim(1); t++) {
            for (int f = 0; f < rows.dim(2); f++) {
                for (int i = 0; i < rows.dim(3); i++) {
                    history.set(at(history, b, age + t, f, i), rows.get(at(rows, b, t, f, i)));
                }
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dTaps,
            Tensor dSkip,
            Tensor dKeys, Tensor dValues) {
        int time = query.dim(1);
        int filters = query.dim(2);
        int width = query.dim(3);
        int lags = taps.dim(0);
        for (int f = 0; f < filters; f++) {
            double skipSum = 0;
            double[] tapSums = new double[lags];
            for (int b = 0; b < query.dim(0); b++) {
                int age = Math.toIntExact(ages[b]);
                double[][] queryGrad = new double[time][width];
                double[][] keyGrad = new double[age + time][width];
                double[][] valueGrad = new double[age + time][width];
                for (int t = 0; t < time; t++) {
                    for (int position = 0; position <= age + t; position++) {
                        int lag = age + t - position;
                        double gain = (lag < lags ? taps.get((long) lag * filters + f) : 0)
                                + (lag == 0 ? skip.get(f) : 0);
                        double score = 0;
                        double pull = 0;
                        for (int i = 0; i < width; i++) {
                            score += query.get(at(query, b, t, f, i)) * past(key, keys, age, b, position, f, i);
                            pull += dy.get(at(dy, b, t, f, i)) * past(value, values, age, b, position, f, i);
                        }
                        if (lag < lags) {
                            tapSums[lag] += score * pull;
                        }
                        if (lag == 0) {
                            skipSum += score * pull;
                        }
                        for (int i = 0; i < width; i++) {
                            queryGrad[t][i] += gain * pull * past(key, keys, age, b, position, f, i);
                            keyGrad[position][i] += gain * pull * query.get(at(query, b, t, f, i));
                            valueGrad[position][i] += gain * score * dy.get(at(dy, b, t, f, i));
                        }
                    }
                }
                for (int i = 0; i < width; i++) {
                    for (int t = 0; t < time; t++) {
                        dQuery.set(at(dQuery, b, t, f, i), queryGrad[t][i]);
                        dKey.set(at(dKey, b, t, f, i), keyGrad[age + t][i]);
                        dValue.set(at(dValue, b, t, f, i), valueGrad[age + t][i]);
                    }
                    for (int position = 0; position < age; position++) {
                        long row = at(dKeys, b, position, f, i);
                        dKeys.set(row, dKeys.get(row) + keyGrad[position][i]);
                        dValues.set(row, dValues.get(row) + valueGrad[position][i]);
                    }
                }
            }
            dSkip.set(f, dSkip.get(f) + skipSum);
            for (int m = 0; m < lags; m++) {
                long tap = (long) m * filters + f;
                dTaps.set(tap, dTaps.get(tap) + tapSums[m]);
            }
        }
    }

    /** The row of an absolute position: of the history below the age, of this call's rows from there on. */
    private static double past(Tensor rows, Tensor history, int age, int b, int position, int f, int i) {
        return position < age ? history.get(at(history, b, position, f, i))
                : rows.get(at(rows, b, position - age, f, i));
    }

    private static long at(Tensor tensor, int b, int row, int f, int i) {
        return (((long) b * tensor.dim(1) + row) * tensor.dim(2) + f) * tensor.dim(3) + i;
    }
}
