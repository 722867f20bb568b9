package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Plain loops in double precision, for F32 and F64. Backward keeps a and b of the positions and what is left of the gradient
 * of p when the dependence of a·e^p and b·e^p on it is set aside: that part follows the larger logarithm alone.
 */
public final class ReferenceAverageScan implements AverageScan {
    /** A body without state. */
    public ReferenceAverageScan() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor y,
            Tensor nextState) {
        int time = key.dim(1);
        int width = key.dim(2);
        for (int b = 0; b < key.dim(0); b++) {
            for (int d = 0; d < width; d++) {
                double rate = rate(decay, d);
                long at = (long) b * 3 * width + d;
                double numerator = state.get(at);
                double denominator = state.get(at + width);
                double logarithm = denominator == 0 ? NOTHING : state.get(at + 2L * width);
                for (int t = 0; t < time; t++) {
                    long here = ((long) b * time + t) * width + d;
                    double k = key.get(here);
                    double v = value.get(here);
                    double own = bonus.get(d) + k;
                    double most = Math.max(logarithm, own);
                    double old = Math.exp(logarithm - most);
                    double fresh = Math.exp(own - most);
                    y.set(here, (old * numerator + fresh * v) / (old * denominator + fresh));
                    most = Math.max(logarithm - rate, k);
                    old = Math.exp(logarithm - rate - most);
                    fresh = Math.exp(k - most);
                    numerator = old * numerator + fresh * v;
                    denominator = old * denominator + fresh;
                    logarithm = most;
                }
                nextState.set(at, numerator);
                nextState.set(at + width, denominator);
                nextState.set(at + 2L * width, time == 0 ? state.get(at + 2L * width) : logarithm);
            }
        }
    }

    private static double rate(Tensor decay, int d) {
        return Math.min(Math.exp(decay.get(d)), HIGHEST_RATE);
    }

    @Override
    public void backward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dKey, Tensor dValue, Tensor dDecay, Tensor dBonus, Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        int time = key.dim(1);
        int width = key.dim(2);
        Tensor states = team.scratch().allocate(DType.F64, Shape.of(time + 1, 3));
        for (int d = 0; d < width; d++) {
            double rate = rate(decay, d);
            double dRate = 0;
            double dOwnSum = 0;
            for (int b = 0; b < key.dim(0); b++) {
                long at = (long) b * 3 * width + d;
                advance(key, value, rate, state, b, d, states);
                double numerator = states.get(3L * time);
                double denominator = states.get(3L * time + 1);
                double dNumerator = dNextState.get(at);
                double dDenominator = dNextState.get(at + width);
                double rest = dNextState.get(at + 2L * width) - numerator * dNumerator - denominator * dDenominator;
                for (int t = time - 1; t >= 0; t--) {
                    long here = ((long) b * time + t) * width + d;
                    double k = key.get(here);
                    double v = value.get(here);
                    numerator = states.get(3L * t);
                    denominator = states.get(3L * t + 1);
                    double logarithm = states.get(3L * t + 2);
                    double decayed = logarithm - rate;
                    double most = Math.max(decayed, k);
                    double old = Math.exp(decayed - most);
                    double fresh = Math.exp(k - most);
                    double dv = fresh * dNumerator;
                    double dk = fresh * (v * dNumerator + dDenominator) + (decayed < k ? rest : 0);
                    rest = decayed < k ? 0 : rest;
                    dRate -= old * (numerator * dNumerator + denominator * dDenominator) + rest;
                    dNumerator *= old;
                    dDenominator *= old;

                    double own = bonus.get(d) + k;
                    most = Math.max(logarithm, own);
                    old = Math.exp(logarithm - most);
                    fresh = Math.exp(own - most);
                    double sum = old * denominator + fresh;
                    double y = (old * numerator + fresh * v) / sum;
                    double alpha = dy.get(here) / sum;
                    double dOwn = fresh * alpha * (v - y);
                    dNumerator += old * alpha;
                    dDenominator -= old * alpha * y;
                    dOwnSum += dOwn;
                    dKey.set(here, dk + dOwn);
                    dValue.set(here, dv + fresh * alpha);
                }
                boolean empty = states.get(1) == 0;
                dState.set(at, dNumerator);
                dState.set(at + width, dDenominator);
                dState.set(at + 2L * width, empty && time > 0 ? 0
                        : rest + states.get(0) * dNumerator + states.get(1) * dDenominator);
            }
            dDecay.set(d, dDecay.get(d) + dRate * rate);
            dBonus.set(d, dBonus.get(d) + dOwnSum);
        }
        team.scratch().release(mark);
    }

    // (a, b, p) before each position, and after the last.
    private static void advance(Tensor key, Tensor value, double rate, Tensor state, int b, int d, Tensor states) {
        int time = key.dim(1);
        int width = key.dim(2);
        long at = (long) b * 3 * width + d;
        double numerator = state.get(at);
        double denominator = state.get(at + width);
        double logarithm = denominator == 0 ? NOTHING : state.get(at + 2L * width);
        for (int t = 0;; t++) {
            states.set(3L * t, numerator);
            states.set(3L * t + 1, denominator);
            states.set(3L * t + 2, logarithm);
            if (t == time) {
                return;
            }
            long here = ((long) b * time + t) * width + d;
            double most = Math.max(logarithm - rate, key.get(here));
            double old = Math.exp(logarithm - rate - most);
            double fresh = Math.exp(key.get(here) - most);
            numerator = old * numerator + fresh * value.get(here);
            denominator = old * denominator + fresh;
            logarithm = most;
        }
    }
}
