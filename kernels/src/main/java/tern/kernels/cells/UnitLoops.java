package tern.kernels.cells;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.ops.UnitCell;

/**
 * One position of some units beside each other, in loops over arrays whose parts lie one after the other, n numbers each, a
 * multiple of a vector: gates g, weights w, states s, h first. Stateless.
 */
final class UnitLoops {
    private UnitLoops() {
    }

    private static FloatVector at(float[] x, int i) {
        return FloatVector.fromArray(SPECIES, x, i);
    }

    /** From what gates are given to their values in the same places; s moves on. */
    static void step(UnitCell cell, float[] g, float[] w, float[] s, int n) {
        switch (cell) {
            case PARA_GRU -> {
                gruGates(g, w, s, n);
                gruStep(g, s, n);
            }
            case PARA_LSTM -> {
                lstmGates(g, w, s, n);
                lstmMemory(g, w, s, n);
                lstmRead(g, s, n);
            }
        }
    }

    /** g0 ← σ(g0 + w0 h), g1 ← σ(g1 + w1 h), g2 ← tanh(g2 + w2 g1 h). */
    private static void gruGates(float[] g, float[] w, float[] s, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector h = at(s, i);
            at(w, i).fma(h, at(g, i)).intoArray(g, i);
            at(w, n + i).fma(h, at(g, n + i)).intoArray(g, n + i);
        }
        CellLoops.sigmoids(g, 0, 2 * n);
        for (int i = 0; i < n; i += LENGTH) {
            at(w, 2 * n + i).mul(at(g, n + i)).fma(at(s, i), at(g, 2 * n + i)).intoArray(g, 2 * n + i);
        }
        CellLoops.tanhs(g, 2 * n, n);
    }

    private static void gruStep(float[] g, float[] s, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector h = at(s, i);
            at(g, 2 * n + i).sub(h).fma(at(g, i), h).intoArray(s, i);
        }
    }

    /** g0 ← σ(g0 + w0 h + w3 c), g1 ← tanh(g1 + w1 h), g2 ← g2 + w2 h. */
    private static void lstmGates(float[] g, float[] w, float[] s, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector h = at(s, i);
            at(w, i).fma(h, at(w, 3 * n + i).fma(at(s, n + i), at(g, i))).intoArray(g, i);
            at(w, n + i).fma(h, at(g, n + i)).intoArray(g, n + i);
            at(w, 2 * n + i).fma(h, at(g, 2 * n + i)).intoArray(g, 2 * n + i);
        }
        CellLoops.sigmoids(g, 0, n);
        CellLoops.tanhs(g, n, n);
    }

    /** c moves on; g2 ← σ(g2 + w4 c), g3 ← tanh c. */
    private static void lstmMemory(float[] g, float[] w, float[] s, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector z = at(g, n + i);
            FloatVector c = at(s, n + i).sub(z).fma(at(g, i), z);
            c.intoArray(s, n + i);
            c.intoArray(g, 3 * n + i);
            at(w, 4 * n + i).fma(c, at(g, 2 * n + i)).intoArray(g, 2 * n + i);
        }
        CellLoops.sigmoids(g, 2 * n, n);
        CellLoops.tanhs(g, 3 * n, n);
    }

    private static void lstmRead(float[] g, float[] s, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            at(g, 2 * n + i).mul(at(g, 3 * n + i)).intoArray(s, i);
        }
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * The way back through {@link #step}: what it left in g becomes the gates' gradients; d, the gradient of the state after,
     * becomes that of the state before; the weights' is added to dw.
     *
     * @param before the state before
     * @param after the state after; an LSTM's c is read
     */
    static void back(UnitCell cell, float[] g, float[] w, float[] before, float[] after, float[] d, float[] dw,
            int n) {
        switch (cell) {
            case PARA_GRU -> gruBack(g, w, before, d, dw, n);
            case PARA_LSTM -> {
                lstmReadBack(g, w, before, after, d, dw, n);
                lstmBack(g, w, before, d, dw, n);
            }
        }
    }

    private static void gruBack(float[] g, float[] w, float[] before, float[] d, float[] dw, int n) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector h = at(before, i);
            FloatVector z = at(g, i);
            FloatVector r = at(g, n + i);
            FloatVector fresh = at(g, 2 * n + i);
            FloatVector slope = at(d, i);
            FloatVector dz = slope.mul(z).mul(one.sub(z)).mul(fresh.sub(h));
            FloatVector dFresh = slope.mul(z).mul(one.sub(fresh.mul(fresh)));
            FloatVector dReset = dFresh.mul(at(w, 2 * n + i));
            FloatVector dr = dReset.mul(h).mul(r).mul(one.sub(r));
            dz.intoArray(g, i);
            dr.intoArray(g, n + i);
            dFresh.intoArray(g, 2 * n + i);
            dz.fma(h, at(dw, i)).intoArray(dw, i);
            dr.fma(h, at(dw, n + i)).intoArray(dw, n + i);
            dFresh.mul(r).fma(h, at(dw, 2 * n + i)).intoArray(dw, 2 * n + i);
            FloatVector direct = dReset.fma(r, slope.mul(one.sub(z)));
            dz.fma(at(w, i), dr.fma(at(w, n + i), direct)).intoArray(d, i);
        }
    }

    /** Through h = σ(o) tanh c: g2 becomes o's gradient, d's second part all of c's, its first what of h's comes by o. */
    private static void lstmReadBack(float[] g, float[] w, float[] before, float[] after, float[] d, float[] dw,
            int n) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector open = at(g, 2 * n + i);
            FloatVector tanh = at(g, 3 * n + i);
            FloatVector through = at(d, i).mul(open);
            FloatVector dOpen = through.mul(tanh).mul(one.sub(open));
            dOpen.intoArray(g, 2 * n + i);
            FloatVector dc = through.mul(one.sub(tanh.mul(tanh))).add(at(d, n + i));
            dOpen.fma(at(w, 4 * n + i), dc).intoArray(d, n + i);
            dOpen.mul(at(w, 2 * n + i)).intoArray(d, i);
            dOpen.fma(at(before, i), at(dw, 2 * n + i)).intoArray(dw, 2 * n + i);
            dOpen.fma(at(after, n + i), at(dw, 4 * n + i)).intoArray(dw, 4 * n + i);
        }
    }

    private static void lstmBack(float[] g, float[] w, float[] before, float[] d, float[] dw, int n) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector h = at(before, i);
            FloatVector c = at(before, n + i);
            FloatVector f = at(g, i);
            FloatVector z = at(g, n + i);
            FloatVector dc = at(d, n + i);
            FloatVector rest = one.sub(f);
            FloatVector df = dc.mul(c.sub(z)).mul(f).mul(rest);
            FloatVector dz = dc.mul(rest).mul(one.sub(z.mul(z)));
            df.intoArray(g, i);
            dz.intoArray(g, n + i);
            df.fma(h, at(dw, i)).intoArray(dw, i);
            dz.fma(h, at(dw, n + i)).intoArray(dw, n + i);
            df.fma(c, at(dw, 3 * n + i)).intoArray(dw, 3 * n + i);
            df.fma(at(w, i), dz.fma(at(w, n + i), at(d, i))).intoArray(d, i);
            df.fma(at(w, 3 * n + i), dc.mul(f)).intoArray(d, n + i);
        }
    }

    // ── Newton's method ─────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * The Jacobian of {@link #step}, from what it left in g: S·S parts, row by row, h's row first.
     *
     * @param before the state before
     */
    static void jacobian(UnitCell cell, float[] g, float[] w, float[] before, float[] into, int n) {
        switch (cell) {
            case PARA_GRU -> gruJacobian(g, w, before, into, n);
            case PARA_LSTM -> lstmJacobian(g, w, before, into, n);
        }
    }

    private static void gruJacobian(float[] g, float[] w, float[] before, float[] into, int n) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector h = at(before, i);
            FloatVector z = at(g, i);
            FloatVector r = at(g, n + i);
            FloatVector fresh = at(g, 2 * n + i);
            FloatVector rest = one.sub(z);
            FloatVector byUpdate = fresh.sub(h).mul(z).mul(rest).mul(at(w, i));
            FloatVector reset = h.mul(r).mul(one.sub(r)).fma(at(w, n + i), r);
            FloatVector byFresh = z.mul(one.sub(fresh.mul(fresh))).mul(at(w, 2 * n + i)).mul(reset);
            rest.add(byUpdate).add(byFresh).intoArray(into, i);
        }
    }

    private static void lstmJacobian(float[] g, float[] w, float[] before, float[] into, int n) {
        FloatVector one = Lanes.all(1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector f = at(g, i);
            FloatVector z = at(g, n + i);
            FloatVector open = at(g, 2 * n + i);
            FloatVector tanh = at(g, 3 * n + i);
            FloatVector rest = one.sub(f);
            FloatVector byForget = at(before, n + i).sub(z).mul(f).mul(rest);
            FloatVector ofMemory = byForget.fma(at(w, 3 * n + i), f);
            FloatVector ofOutput = byForget.fma(at(w, i), rest.mul(one.sub(z.mul(z))).mul(at(w, n + i)));
            FloatVector opening = tanh.mul(open).mul(one.sub(open));
            FloatVector read = opening.fma(at(w, 4 * n + i), open.mul(one.sub(tanh.mul(tanh))));
            opening.fma(at(w, 2 * n + i), read.mul(ofOutput)).intoArray(into, i);
            read.mul(ofMemory).intoArray(into, n + i);
            ofOutput.intoArray(into, 2 * n + i);
            ofMemory.intoArray(into, 3 * n + i);
        }
    }

    /** d ← J d + r: all of S parts, J of S·S; {@code spare} of S parts. */
    static void apply(float[] jacobian, int jacobianAt, float[] right, int rightAt, float[] d, float[] spare, int size,
            int n) {
        for (int row = 0; row < size; row++) {
            System.arraycopy(right, rightAt + row * n, spare, row * n, n);
            for (int column = 0; column < size; column++) {
                addProduct(jacobian, jacobianAt + (row * size + column) * n, d, column * n, spare, row * n, n);
            }
        }
        System.arraycopy(spare, 0, d, 0, size * n);
    }

    /** a ← J a, matrices of S·S parts. */
    static void join(float[] jacobian, int jacobianAt, float[] a, float[] spare, int size, int n) {
        for (int row = 0; row < size; row++) {
            for (int column = 0; column < size; column++) {
                int to = (row * size + column) * n;
                Arrays.fill(spare, to, to + n, 0);
                for (int k = 0; k < size; k++) {
                    addProduct(jacobian, jacobianAt + (row * size + k) * n, a, (k * size + column) * n, spare, to, n);
                }
            }
        }
        System.arraycopy(spare, 0, a, 0, size * size * n);
    }

    private static void addProduct(float[] a, int aAt, float[] b, int bAt, float[] sum, int sumAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            at(a, aAt + i).fma(at(b, bAt + i), at(sum, sumAt + i)).intoArray(sum, sumAt + i);
        }
    }

    /** into ← f − s. */
    static void residual(float[] f, float[] s, int sAt, float[] into, int intoAt, int count) {
        for (int i = 0; i < count; i += LENGTH) {
            at(f, i).sub(at(s, sAt + i)).intoArray(into, intoAt + i);
        }
    }

    /** The largest size of some numbers; ∞ for a NaN. */
    static double largest(float[] x, int from, int count) {
        float largest = 0;
        for (int i = from; i < from + count; i++) {
            float size = Math.abs(x[i]);
            largest = size <= Float.MAX_VALUE ? Math.max(largest, size) : Float.POSITIVE_INFINITY;
        }
        return largest;
    }
}
