package tern.kernels.cells;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import tern.kernels.lanes.Lanes;

/**
 * What cells do unit by unit, in loops over arrays whose parts lie one after the other, n numbers each, a multiple of a vector.
 * The parts of a position stand in the order of {@code Cell.kept}. Each loop has a method of its own, so that the compiler keeps
 * vectors in registers. Stateless.
 */
final class CellLoops {
    private static final float LOWEST = (float) CellScan.LOWEST_FIRST_GATE;

    private CellLoops() {
    }

    private static FloatVector at(float[] x, int i) {
        return FloatVector.fromArray(SPECIES, x, i);
    }

    /** x ← σ(x). */
    static void sigmoids(float[] x, int from, int count) {
        for (int i = from; i < from + count; i += LENGTH) {
            Lanes.sigmoid(at(x, i)).intoArray(x, i);
        }
    }

    /** x ← tanh x. */
    static void tanhs(float[] x, int from, int count) {
        for (int i = from; i < from + count; i += LENGTH) {
            Lanes.tanh(at(x, i)).intoArray(x, i);
        }
    }

    /** into ← ln σ(x) = −softplus(−x). */
    private static void logSigmoids(float[] x, int from, float[] into, int intoAt, int count) {
        for (int i = 0; i < count; i += LENGTH) {
            Lanes.softplus(at(x, from + i).neg()).neg().intoArray(into, intoAt + i);
        }
    }

    /** x += y. */
    static void add(float[] x, int xAt, float[] y, int yAt, int count) {
        for (int i = 0; i < count; i += LENGTH) {
            at(x, xAt + i).add(at(y, yAt + i)).intoArray(x, xAt + i);
        }
    }

    /** x −= … : x ← y − x, of everything. */
    private static void negate(float[] x, int from, int count) {
        for (int i = from; i < from + count; i += LENGTH) {
            at(x, i).neg().intoArray(x, i);
        }
    }

    /** Sums i, f, z, o to σ(i), σ(f), tanh z, σ(o), c; c moves on; h written. */
    static void lstm(float[] g, int n, float[] c, int cAt, float[] h) {
        sigmoids(g, 0, 2 * n);
        tanhs(g, 2 * n, n);
        sigmoids(g, 3 * n, n);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector next = at(g, n + i).fma(at(c, cAt + i), at(g, i).mul(at(g, 2 * n + i)));
            next.intoArray(c, cAt + i);
            next.intoArray(g, 4 * n + i);
            next.intoArray(h, i);
        }
        tanhs(h, 0, n);
        for (int i = 0; i < n; i += LENGTH) {
            at(g, 3 * n + i).mul(at(h, i)).intoArray(h, i);
        }
    }

    /** Sums r, z, R_n h + bias and x_n to σ(r), σ(z), n, R_n h + bias; h moves on. */
    static void gru(float[] g, int n, float[] h, int hAt) {
        sigmoids(g, 0, 2 * n);
        for (int i = 0; i < n; i += LENGTH) {
            at(g, i).fma(at(g, 3 * n + i), at(g, 2 * n + i)).intoArray(g, 2 * n + i);
        }
        tanhs(g, 2 * n, n);
        update(g, n, h, hAt);
    }

    /** h ← z h + (1 − z) n with σ(z) and n in their places. */
    static void update(float[] g, int n, float[] h, int hAt) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector fresh = at(g, 2 * n + i);
            at(h, hAt + i).sub(fresh).fma(at(g, n + i), fresh).intoArray(h, hAt + i);
        }
    }

    /** out ← x ⊙ y. */
    static void product(float[] x, int xAt, float[] y, int yAt, float[] out, int outAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            at(x, xAt + i).mul(at(y, yAt + i)).intoArray(out, outAt + i);
        }
    }

    /** Sums i, f, z, o to what an sLSTM keeps; c, n, m, {@code apart} numbers apart, move on; h written. */
    static void exponential(float[] g, int n, float[] state, int stateAt, int apart, float[] h) {
        int old = 5 * n;
        logSigmoids(g, n, g, old, n);
        negate(g, n, n);
        System.arraycopy(g, n, g, 4 * n, n);
        sigmoids(g, 4 * n, n);
        tanhs(g, 2 * n, n);
        sigmoids(g, 3 * n, n);
        exponents(g, n, state, stateAt, apart);
        exponentials(g, 0, 2 * n);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector in = at(g, i);
            FloatVector forget = at(g, n + i);
            FloatVector c = forget.fma(at(state, stateAt + i), in.mul(at(g, 2 * n + i)));
            FloatVector sum = forget.fma(at(state, stateAt + apart + i), in);
            c.intoArray(state, stateAt + i);
            sum.intoArray(state, stateAt + apart + i);
            c.intoArray(g, 5 * n + i);
            sum.intoArray(g, 6 * n + i);
            at(g, 3 * n + i).mul(c).div(sum).intoArray(h, i);
        }
    }

    /** x ← e^x, 1 where x is 0 and 0 where it is −∞. */
    private static void exponentials(float[] x, int from, int count) {
        for (int i = from; i < from + count; i += LENGTH) {
            Lanes.exp(at(x, i)).intoArray(x, i);
        }
    }

    /** From i and ln σ(f) to i − m and ln σ(f) + m₋ − m; m moves on. */
    private static void exponents(float[] g, int n, float[] state, int stateAt, int apart) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector in = at(g, i);
            FloatVector old = at(g, 5 * n + i).add(at(state, stateAt + 2 * apart + i));
            VectorMask<Float> fresh = at(state, stateAt + apart + i).compare(VectorOperators.EQ, 0)
                    .and(in.sub(old).compare(VectorOperators.LT, LOWEST));
            FloatVector m = old.max(in).blend(in, fresh);
            m.intoArray(state, stateAt + 2 * apart + i);
            in.sub(m).intoArray(g, i);
            old.sub(m).blend(Float.NEGATIVE_INFINITY, fresh).intoArray(g, n + i);
        }
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** dh becomes dh(1 − h²). */
    static void elmanBackward(float[] h, float[] dh, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector y = at(h, i);
            FloatVector d = at(dh, i);
            y.mul(y).neg().fma(d, d).intoArray(dh, i);
        }
    }

    /**
     * What an LSTM kept becomes the gradients of i, f, z, o; dc moves back.
     *
     * @param before c before
     */
    static void lstmBackward(float[] g, int n, float[] before, float[] dh, float[] dc, int dcAt) {
        tanhs(g, 4 * n, n);
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector out = at(g, 3 * n + i);
            FloatVector tanh = at(g, 4 * n + i);
            FloatVector d = at(dh, i);
            FloatVector through = d.mul(out);
            tanh.mul(tanh).neg().fma(through, through).add(at(dc, dcAt + i)).intoArray(dc, dcAt + i);
            d.mul(tanh).mul(out).mul(one.sub(out)).intoArray(g, 3 * n + i);
        }
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector in = at(g, i);
            FloatVector forget = at(g, n + i);
            FloatVector z = at(g, 2 * n + i);
            FloatVector d = at(dc, dcAt + i);
            FloatVector dIn = d.mul(in);
            dIn.mul(z).mul(one.sub(in)).intoArray(g, i);
            FloatVector dOld = d.mul(forget);
            dOld.mul(at(before, i)).mul(one.sub(forget)).intoArray(g, n + i);
            z.mul(z).neg().fma(dIn, dIn).intoArray(g, 2 * n + i);
            dOld.intoArray(dc, dcAt + i);
        }
    }

    /** dz and dn in the places of z and n; dh becomes what reaches h before directly. */
    static void updateBackward(float[] g, int n, float[] before, float[] dh) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector z = at(g, n + i);
            FloatVector fresh = at(g, 2 * n + i);
            FloatVector d = at(dh, i);
            FloatVector kept = d.mul(z);
            FloatVector dFresh = d.sub(kept);
            kept.mul(one.sub(z)).mul(at(before, i).sub(fresh)).intoArray(g, n + i);
            fresh.mul(fresh).neg().fma(dFresh, dFresh).intoArray(g, 2 * n + i);
            kept.intoArray(dh, i);
        }
    }

    /** With σ(r), dn and R_n h + bias in their places: dr in r's, dn·r, the product's gradient, in the last. */
    static void lateResetBackward(float[] g, int n) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector r = at(g, i);
            FloatVector dRead = at(g, 2 * n + i).mul(r);
            dRead.mul(at(g, 3 * n + i)).mul(one.sub(r)).intoArray(g, i);
            dRead.intoArray(g, 3 * n + i);
        }
    }

    /** r becomes dr, and what reaches h before is added to dh. */
    static void earlyResetBackward(float[] r, float[] before, float[] dReset, float[] dh, int dhAt, int n) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector reset = at(r, i);
            FloatVector through = at(dReset, i).mul(reset);
            at(dh, dhAt + i).add(through).intoArray(dh, dhAt + i);
            through.mul(at(before, i)).mul(one.sub(reset)).intoArray(r, i);
        }
    }

    /**
     * What an sLSTM kept becomes the gradients of i, f, z, o; those of c, n, m, {@code apart} numbers apart, move back.
     *
     * @param before c and n before
     */
    static void exponentialBackward(float[] g, int n, float[] before, float[] dh, float[] slope, int at, int apart) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector out = at(g, 3 * n + i);
            FloatVector sum = at(g, 6 * n + i);
            FloatVector read = at(g, 5 * n + i).div(sum);
            FloatVector d = at(dh, i);
            FloatVector through = d.mul(out).div(sum);
            at(slope, at + i).add(through).intoArray(slope, at + i);
            at(slope, at + apart + i).sub(through.mul(read)).intoArray(slope, at + apart + i);
            d.mul(read).mul(out).mul(one.sub(out)).intoArray(g, 3 * n + i);
        }
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector in = at(g, i);
            FloatVector forget = at(g, n + i);
            FloatVector z = at(g, 2 * n + i);
            FloatVector dc = at(slope, at + i);
            FloatVector dn = at(slope, at + apart + i);
            FloatVector dIn = dc.mul(in);
            FloatVector dOld = dc.mul(forget);
            FloatVector dOldSum = dn.mul(forget);
            FloatVector written = dIn.fma(z, dn.mul(in));
            FloatVector carried = dOld.fma(at(before, i), dOldSum.mul(at(before, n + i)));
            FloatVector rest = at(slope, at + 2 * apart + i).sub(written).sub(carried);
            VectorMask<Float> older = forget.compare(VectorOperators.EQ, 1);
            FloatVector dForget = carried.add(rest, older);
            written.add(rest, older.not()).intoArray(g, i);
            dForget.mul(at(g, 4 * n + i)).intoArray(g, n + i);
            z.mul(z).neg().fma(dIn, dIn).intoArray(g, 2 * n + i);
            dOld.intoArray(slope, at + i);
            dOldSum.intoArray(slope, at + apart + i);
            dForget.intoArray(slope, at + 2 * apart + i);
        }
    }
}
