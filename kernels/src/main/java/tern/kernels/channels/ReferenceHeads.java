package tern.kernels.channels;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64. */
public final class ReferenceHeads implements Heads {
    /** A body without state. */
    public ReferenceHeads() {
    }

    @Override
    public void groupNorm(ThreadTeam team, Tensor x, int groups, Tensor gain, Tensor bias, double epsilon, Tensor y) {
        int width = x.shape().last() / groups;
        for (long at = 0; at < x.elements(); at += width) {
            long channel = at % x.shape().last();
            double mean = mean(x, at, width);
            double scale = scale(x, at, width, mean, epsilon);
            for (int d = 0; d < width; d++) {
                y.set(at + d, gain.get(channel + d) * (x.get(at + d) - mean) * scale + bias.get(channel + d));
            }
        }
    }

    @Override
    public void groupNormBackward(ThreadTeam team, Tensor x, int groups, Tensor gain, double epsilon, Tensor dy,
            Tensor dx, Tensor dGain, Tensor dBias) {
        int width = x.shape().last() / groups;
        for (long at = 0; at < x.elements(); at += width) {
            long channel = at % x.shape().last();
            double mean = mean(x, at, width);
            double scale = scale(x, at, width, mean, epsilon);
            double sum = 0;
            double projection = 0;
            for (int d = 0; d < width; d++) {
                double gradient = dy.get(at + d) * gain.get(channel + d);
                sum += gradient;
                projection += gradient * (x.get(at + d) - mean) * scale;
            }
            for (int d = 0; d < width; d++) {
                double normalised = (x.get(at + d) - mean) * scale;
                double gradient = dy.get(at + d);
                dx.set(at + d,
                        scale * (gradient * gain.get(channel + d) - (sum + normalised * projection) / width));
                dGain.set(channel + d, dGain.get(channel + d) + gradient * normalised);
                dBias.set(channel + d, dBias.get(channel + d) + gradient);
            }
        }
    }

    private static double mean(Tensor x, long at, int width) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            sum += x.get(at + d);
        }
        return sum / width;
    }

    private static double scale(Tensor x, long at, int width, double mean, double epsilon) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            sum += (x.get(at + d) - mean) * (x.get(at + d) - mean);
        }
        return 1 / Math.sqrt(sum / width + epsilon);
    }

    @Override
    public void unit(ThreadTeam team, Tensor x, double floor, Tensor y) {
        int width = x.shape().last();
        for (long at = 0; at < x.elements(); at += width) {
            double norm = Math.max(norm(x, at, width), floor);
            for (int d = 0; d < width; d++) {
                y.set(at + d, x.get(at + d) / norm);
            }
        }
    }

    @Override
    public void unitBackward(ThreadTeam team, Tensor x, double floor, Tensor dy, Tensor dx) {
        int width = x.shape().last();
        for (long at = 0; at < x.elements(); at += width) {
            double norm = norm(x, at, width);
            double along = 0;
            if (norm > floor) {
                for (int d = 0; d < width; d++) {
                    along += dy.get(at + d) * x.get(at + d) / (norm * norm);
                }
            }
            double divisor = Math.max(norm, floor);
            for (int d = 0; d < width; d++) {
                dx.set(at + d, (dy.get(at + d) - along * x.get(at + d)) / divisor);
            }
        }
    }

    private static double norm(Tensor x, long at, int width) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            sum += x.get(at + d) * x.get(at + d);
        }
        return Math.sqrt(sum);
    }

    @Override
    public void scaleRows(ThreadTeam team, Tensor x, Tensor factor, boolean divide, Tensor y) {
        int width = x.shape().last();
        for (long at = 0; at < x.elements(); at++) {
            double by = factor.get(at / width);
            y.set(at, divide ? x.get(at) / by : x.get(at) * by);
        }
    }

    @Override
    public void scaleRowsBackward(ThreadTeam team, Tensor x, Tensor factor, boolean divide, Tensor dy, Tensor dx,
            Tensor dFactor) {
        int width = x.shape().last();
        for (long row = 0; row < factor.elements(); row++) {
            double by = factor.get(row);
            double sum = 0;
            for (long at = row * width; at < (row + 1) * width; at++) {
                sum += dy.get(at) * x.get(at);
                dx.set(at, divide ? dy.get(at) / by : dy.get(at) * by);
            }
            dFactor.set(row, divide ? -sum / by / by : sum);
        }
    }

    @Override
    public void softmax(ThreadTeam team, Tensor x, Tensor y) {
        int width = x.shape().last();
        for (long at = 0; at < x.elements(); at += width) {
            double largest = Double.NEGATIVE_INFINITY;
            for (int d = 0; d < width; d++) {
                largest = Math.max(largest, x.get(at + d));
            }
            double sum = 0;
            for (int d = 0; d < width; d++) {
                sum += Math.exp(x.get(at + d) - largest);
            }
            for (int d = 0; d < width; d++) {
                y.set(at + d, Math.exp(x.get(at + d) - largest) / sum);
            }
        }
    }

    @Override
    public void softmaxBackward(ThreadTeam team, Tensor y, Tensor dy, Tensor dx) {
        int width = y.shape().last();
        for (long at = 0; at < y.elements(); at += width) {
            double sum = 0;
            for (int d = 0; d < width; d++) {
                sum += dy.get(at + d) * y.get(at + d);
            }
            for (int d = 0; d < width; d++) {
                dx.set(at + d, y.get(at + d) * (dy.get(at + d) - sum));
            }
        }
    }

    @Override
    public void bonus(ThreadTeam team, Tensor query, Tensor key, Tensor bonus, Tensor value, Tensor y) {
        int keys = query.shape().last();
        int values = value.shape().last();
        for (long head = 0; head < query.dim(0) * (long) query.dim(1); head++) {
            double score = score(query, key, bonus, head, keys);
            for (int j = 0; j < values; j++) {
                y.set(head * values + j, score * value.get(head * values + j));
            }
        }
    }

    @Override
    public void bonusBackward(ThreadTeam team, Tensor query, Tensor key, Tensor bonus, Tensor value, Tensor dy,
            Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dBonus) {
        int keys = query.shape().last();
        int values = value.shape().last();
        for (long head = 0; head < query.dim(0) * (long) query.dim(1); head++) {
            double score = score(query, key, bonus, head, keys);
            double dScore = 0;
            for (long j = head * values; j < (head + 1) * values; j++) {
                dScore += dy.get(j) * value.get(j);
                dValue.set(j, score * dy.get(j));
            }
            for (int i = 0; i < keys; i++) {
                long at = head * keys + i;
                long channel = at % bonus.elements();
                double u = bonus.get(channel);
                double q = query.get(at);
                double k = key.get(at);
                dQuery.set(at, dScore * u * k);
                dKey.set(at, dScore * u * q);
                dBonus.set(channel, dBonus.get(channel) + dScore * q * k);
            }
        }
    }

    private static double score(Tensor query, Tensor key, Tensor bonus, long head, int keys) {
        double score = 0;
        for (long at = head * keys; at < (head + 1) * keys; at++) {
            score += query.get(at) * bonus.get(at % bonus.elements()) * key.get(at);
        }
        return score;
    }
}
