package tern.kernels.cells;

import tern.kernels.ThreadTeam;
import tern.ops.UnitCell;
import tern.tensor.Tensor;

/**
 * Plain loops in double precision, for F32 and F64; the state is rounded to its type after each position. Newton's linear
 * recurrences are solved by parallel cyclic reduction: in log₂ T sweeps every position is joined with the one 1, 2, 4 … before it
 * (DeepPCR; arXiv 2309.16318, section 3). Immutable.
 */
public final class ReferenceUnitScan implements UnitScan {
    /** A body without state. */
    public ReferenceUnitScan() {
    }

    private static void read(Tensor from, int row, int count, int unit, double[] into) {
        for (int i = 0; i < count; i++) {
            into[i] = from.get(((long) row * count + i) * from.shape().last() + unit);
        }
    }

    private static void write(double[] values, Tensor into, int row, int count, int unit) {
        for (int i = 0; i < count; i++) {
            into.set(((long) row * count + i) * into.shape().last() + unit, values[i]);
        }
    }

    @Override
    public void forward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y,
            Tensor nextState) {
        int time = x.dim(1);
        team.run(x.dim(0) * x.dim(3), (index, scratch) -> {
            int b = index / x.dim(3);
            int unit = index % x.dim(3);
            PlainUnit one = new PlainUnit(cell, weight, unit);
            double[] given = new double[cell.gates()];
            double[] before = new double[cell.states()];
            read(state, b, before.length, unit, before);
            write(before, nextState, b, before.length, unit);
            for (int t = 0; t < time; t++) {
                read(x, b * time + t, given.length, unit, given);
                one.step(given, before);
                write(one.next, y, b * time + t, 1, unit);
                write(one.next, nextState, b, before.length, unit);
                read(nextState, b, before.length, unit, before);
            }
        });
    }

    @Override
    public Convergence newton(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, int limit,
            double tolerance, Tensor y, Tensor nextState) {
        int tasks = x.dim(0) * x.dim(3);
        int[] iterations = new int[tasks];
        double[] residuals = new double[tasks];
        team.run(tasks, (index, scratch) -> new Unit(cell, x, weight, state, index / x.dim(3), index % x.dim(3))
                .solve(limit, tolerance, y, nextState, iterations, residuals, index));
        int most = 0;
        double residual = 0;
        for (int i = 0; i < tasks; i++) {
            most = Math.max(most, iterations[i]);
            residual = Double.isNaN(residuals[i]) ? Double.POSITIVE_INFINITY : Math.max(residual, residuals[i]);
        }
        return new Convergence(most, residual);
    }

    /** One unit of one sequence at all positions. */
    private static final class Unit {
        private final PlainUnit one;
        private final int b;
        private final int unit;
        private final int size;
        private final int time;
        private final double[][] given;
        /** States, the first before the first position. */
        private final double[][] states;
        private final double[][] right;
        private final double[][] left;

        Unit(UnitCell cell, Tensor x, Tensor weight, Tensor state, int b, int unit) {
            this.one = new PlainUnit(cell, weight, unit);
            this.b = b;
            this.unit = unit;
            this.size = cell.states();
            this.time = x.dim(1);
            this.given = new double[time][cell.gates()];
            this.states = new double[time + 1][size];
            this.right = new double[time][size];
            this.left = new double[time][size * size];
            read(state, b, size, unit, states[0]);
            for (int t = 0; t < time; t++) {
                read(x, b * time + t, cell.gates(), unit, given[t]);
                one.step(given[t], t == 0 ? states[0] : new double[size]);
                System.arraycopy(one.next, 0, states[t + 1], 0, size);
            }
        }

        void solve(int limit, double tolerance, Tensor y, Tensor nextState, int[] iterations, double[] residuals,
                int index) {
            double residual = linearise();
            int count = 0;
            for (; count < limit && !(residual <= tolerance); count++) {
                reduce();
                for (int t = 0; t < time; t++) {
                    for (int i = 0; i < size; i++) {
                        states[t + 1][i] += right[t][i];
                    }
                }
                residual = linearise();
            }
            iterations[index] = count;
            residuals[index] = residual;
            for (int t = 0; t < time; t++) {
                if (!(residual <= tolerance)) {
                    one.step(given[t], states[t]);
                    System.arraycopy(one.next, 0, states[t + 1], 0, size);
                }
                write(states[t + 1], y, b * time + t, 1, unit);
            }
            write(states[time], nextState, b, size, unit);
        }

        /** What every position lacks of being solved, and its Jacobian; the largest of the first. */
        private double linearise() {
            double largest = 0;
            for (int t = 0; t < time; t++) {
                one.linearise(given[t], states[t]);
                System.arraycopy(one.jacobian, 0, left[t], 0, size * size);
                for (int i = 0; i < size; i++) {
                    right[t][i] = one.next[i] - states[t + 1][i];
                    largest = Double.isNaN(right[t][i]) ? Double.POSITIVE_INFINITY
                            : Math.max(largest, Math.abs(right[t][i]));
                }
            }
            return largest;
        }

        /** Solves d_t = left_t d_(t−1) + right_t with d before the first 0; leaves d in place of the right sides. */
        private void reduce() {
            for (int distance = 1; distance < time; distance *= 2) {
                // From the last on, so that what is joined is of the sweep before.
                for (int t = time - 1; t >= distance; t--) {
                    double[] a = left[t];
                    double[] older = left[t - distance];
                    double[] joined = new double[size * size];
                    for (int i = 0; i < size; i++) {
                        for (int j = 0; j < size; j++) {
                            right[t][i] += a[i * size + j] * right[t - distance][j];
                            for (int k = 0; k < size; k++) {
                                joined[i * size + k] += a[i * size + j] * older[j * size + k];
                            }
                        }
                    }
                    left[t] = joined;
                }
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y, Tensor dy,
            Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dState) {
        int time = x.dim(1);
        int size = cell.states();
        team.run(x.dim(3), (unit, scratch) -> {
            PlainUnit one = new PlainUnit(cell, weight, unit);
            double[] given = new double[cell.gates()];
            double[] dGiven = new double[cell.gates()];
            double[] sums = new double[cell.weights()];
            for (int b = 0; b < x.dim(0); b++) {
                double[][] states = new double[time + 1][size];
                read(state, b, size, unit, states[0]);
                for (int t = 0; t < time; t++) {
                    read(x, b * time + t, given.length, unit, given);
                    one.step(given, states[t]);
                    System.arraycopy(one.next, 0, states[t + 1], 0, size);
                    read(y, b * time + t, 1, unit, states[t + 1]);
                }
                double[] slope = new double[size];
                double[] before = new double[size];
                read(dNextState, b, size, unit, slope);
                for (int t = time - 1; t >= 0; t--) {
                    slope[0] += dy.get(((long) b * time + t) * x.dim(3) + unit);
                    read(x, b * time + t, given.length, unit, given);
                    one.step(given, states[t]);
                    one.back(states[t], slope, dGiven, sums, before);
                    write(dGiven, dx, b * time + t, given.length, unit);
                    System.arraycopy(before, 0, slope, 0, size);
                }
                write(slope, dState, b, size, unit);
            }
            for (int w = 0; w < sums.length; w++) {
                long at = (long) w * x.dim(3) + unit;
                dWeight.set(at, dWeight.get(at) + sums[w]);
            }
        });
    }
}
