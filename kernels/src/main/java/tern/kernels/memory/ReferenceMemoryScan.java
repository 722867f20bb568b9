package tern.kernels.memory;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64; the state is rounded to its type at the end of a call. Immutable. */
public final class ReferenceMemoryScan implements MemoryScan {
    /** A body without state. */
    public ReferenceMemoryScan() {
    }

    private static double[] row(Tensor from, long row, int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = from.get(row * count + i);
        }
        return values;
    }

    private static void put(double[] values, Tensor into, long row) {
        for (int i = 0; i < values.length; i++) {
            into.set(row * values.length + i, values[i]);
        }
    }

    /** One head of one sequence. */
    private static final class Head {
        private final Inputs in;
        private final int b;
        private final int head;
        private final int keys;
        private final int values;
        private final double[] memory;
        private final double[] momentum;
        private final double[] anchor;
        /** What the last surprise was multiplied with. */
        private double shortened = 1;

        Head(Inputs in, Tensor state, int b, int head) {
            this.in = in;
            this.b = b;
            this.head = head;
            this.keys = in.key().dim(3);
            this.values = in.value().dim(3);
            long at = ((long) b * in.heads() + head) * 3;
            this.memory = row(state, at, keys * values);
            this.momentum = row(state, at + 1, keys * values);
            this.anchor = row(state, at + 2, keys * values);
        }

        double[] surprise(int t, double[] key) {
            double[] surprise = row(in.value(), in.row(b, t, head), values);
            for (int v = 0; v < values; v++) {
                surprise[v] = -surprise[v];
                for (int k = 0; k < keys; k++) {
                    surprise[v] += key[k] * anchor[k * values + v];
                }
            }
            double square = 0;
            for (double one : surprise) {
                square += one * one;
            }
            shortened = MemoryScan.shortening(square);
            for (int v = 0; v < values; v++) {
                surprise[v] *= shortened;
            }
            return surprise;
        }

        /** Learns a position; gives the surprise. */
        double[] write(int t) {
            if (in.begins(b, t)) {
                System.arraycopy(memory, 0, anchor, 0, memory.length);
            }
            long row = in.row(b, t, head);
            double[] key = row(in.key(), row, keys);
            double[] surprise = surprise(t, key);
            for (int i = 0; i < memory.length; i++) {
                momentum[i] = in.momentum().get(row) * momentum[i]
                        - 2 * in.rate().get(row) * key[i / values] * surprise[i % values];
                memory[i] = in.keep().get(row) * memory[i] + momentum[i];
            }
            return surprise;
        }

        double[] read(int t) {
            double[] query = row(in.query(), in.row(b, t, head), keys);
            double[] y = new double[values];
            for (int i = 0; i < memory.length; i++) {
                y[i % values] += query[i / values] * memory[i];
            }
            return y;
        }
    }

    /** The gradient of a surprise before it was shortened: what would have made it longer moved nothing. */
    private static void shorten(double[] slope, double[] surprise, double factor) {
        if (factor == 1) {
            return;
        }
        double along = 0;
        for (int v = 0; v < slope.length; v++) {
            along += slope[v] * surprise[v];
        }
        along /= (double) LONGEST_SURPRISE * LONGEST_SURPRISE;
        for (int v = 0; v < slope.length; v++) {
            slope[v] = factor * (slope[v] - along * surprise[v]);
        }
    }

    @Override
    public void forward(ThreadTeam team, Inputs in, Tensor state, Tensor y, Tensor nextState) {
        team.run(in.query().dim(0) * in.heads(), (index, scratch) -> {
            int b = index / in.heads();
            int head = index % in.heads();
            Head one = new Head(in, state, b, head);
            for (int t = 0; t < in.time(); t++) {
                one.write(t);
                put(one.read(t), y, in.row(b, t, head));
            }
            put(one.memory, nextState, index * 3L);
            put(one.momentum, nextState, index * 3L + 1);
            put(one.anchor, nextState, index * 3L + 2);
        });
    }

    @Override
    public void backward(ThreadTeam team, Inputs in, Tensor state, Tensor dy, Tensor dNextState, Inputs dIn,
            Tensor dState) {
        team.run(in.query().dim(0) * in.heads(), (index, scratch) -> {
            int b = index / in.heads();
            int head = index % in.heads();
            Head one = new Head(in, state, b, head);
            int time = in.time();
            double[][] memories = new double[time + 1][];
            double[][] momenta = new double[time + 1][];
            double[][] anchors = new double[time][];
            double[][] surprises = new double[time][];
            double[] shortened = new double[time];
            for (int t = 0; t < time; t++) {
                memories[t] = one.memory.clone();
                momenta[t] = one.momentum.clone();
                surprises[t] = one.write(t);
                shortened[t] = one.shortened;
                anchors[t] = one.anchor.clone();
            }
            memories[time] = one.memory.clone();
            double[] dMemory = row(dNextState, index * 3L, one.memory.length);
            double[] dMomentum = row(dNextState, index * 3L + 1, one.memory.length);
            double[] dAnchor = row(dNextState, index * 3L + 2, one.memory.length);
            for (int t = time - 1; t >= 0; t--) {
                long row = in.row(b, t, head);
                double[] query = row(in.query(), row, one.keys);
                double[] key = row(in.key(), row, one.keys);
                double[] dRead = row(dy, row, one.values);
                double rate = in.rate().get(row);
                double[] dQuery = new double[one.keys];
                double[] dKey = new double[one.keys];
                double[] dSurprise = new double[one.values];
                double dRate = 0;
                double dEta = 0;
                double dKeep = 0;
                for (int i = 0; i < dMemory.length; i++) {
                    int k = i / one.values;
                    int v = i % one.values;
                    dQuery[k] += memories[t + 1][i] * dRead[v];
                    dMemory[i] += query[k] * dRead[v];
                    dMomentum[i] += dMemory[i];
                    dKeep += dMemory[i] * memories[t][i];
                    dEta += dMomentum[i] * momenta[t][i];
                    dRate -= 2 * dMomentum[i] * key[k] * surprises[t][v];
                    dKey[k] -= 2 * rate * dMomentum[i] * surprises[t][v];
                    dSurprise[v] -= 2 * rate * dMomentum[i] * key[k];
                }
                shorten(dSurprise, surprises[t], shortened[t]);
                for (int i = 0; i < dMemory.length; i++) {
                    int k = i / one.values;
                    int v = i % one.values;
                    dKey[k] += anchors[t][i] * dSurprise[v];
                    dAnchor[i] += key[k] * dSurprise[v];
                    dMemory[i] *= in.keep().get(row);
                    dMomentum[i] *= in.momentum().get(row);
                    if (in.begins(b, t)) {
                        dMemory[i] += dAnchor[i];
                        dAnchor[i] = 0;
                    }
                }
                for (int v = 0; v < one.values; v++) {
                    dIn.value().set(row * one.values + v, -dSurprise[v]);
                }
                put(dQuery, dIn.query(), row);
                put(dKey, dIn.key(), row);
                dIn.rate().set(row, dRate);
                dIn.momentum().set(row, dEta);
                dIn.keep().set(row, dKeep);
            }
            put(dMemory, dState, index * 3L);
            put(dMomentum, dState, index * 3L + 1);
            put(dAnchor, dState, index * 3L + 2);
        });
    }
}
