package tern.kernels.memory;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;

/** Rows of a memory in loops over whole vectors; values beyond the last are 0. Stateless. */
final class MemoryLoops {
    private MemoryLoops() {
    }

    private static FloatVector at(float[] x, int i) {
        return FloatVector.fromArray(SPECIES, x, i);
    }

    /** sum += factor·row. */
    static void add(float factor, float[] rows, int rowAt, float[] sum, int sumAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            at(rows, rowAt + i).fma(Lanes.all(factor), at(sum, sumAt + i)).intoArray(sum, sumAt + i);
        }
    }

    /** S ← η S + w e, M ← keep M + S: from rows at one place to rows at another. */
    static void write(float[] from, int fromAt, float[] to, int toAt, int apart, float eta, float weight, float[] e,
            float keep, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector momentum = at(from, fromAt + apart + i).mul(eta);
            momentum = at(e, i).fma(Lanes.all(weight), momentum);
            momentum.intoArray(to, toAt + apart + i);
            at(from, fromAt + i).fma(Lanes.all(keep), momentum).intoArray(to, toAt + i);
        }
    }

    static float dot(float[] a, int aAt, float[] b, int bAt, int n) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < n; i += LENGTH) {
            sum = at(a, aAt + i).fma(at(b, bAt + i), sum);
        }
        return Lanes.sum(sum);
    }

    /** dM += q dy; dS += dM. */
    static void open(float query, float[] dy, float[] d, int dAt, int apart, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector dMemory = at(dy, i).fma(Lanes.all(query), at(d, dAt + i));
            dMemory.intoArray(d, dAt + i);
            at(d, dAt + apart + i).add(dMemory).intoArray(d, dAt + apart + i);
        }
    }

    /** dAnchor += k de; dM ← keep dM, dS ← η dS; at the beginning of a chunk what the anchor got goes to dM. */
    static void close(float key, float[] de, float[] d, int dAt, int apart, float keep, float eta, boolean begins,
            int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector anchor = at(de, i).fma(Lanes.all(key), at(d, dAt + 2 * apart + i));
            FloatVector dMemory = at(d, dAt + i).mul(keep);
            at(d, dAt + apart + i).mul(eta).intoArray(d, dAt + apart + i);
            (begins ? dMemory.add(anchor) : dMemory).intoArray(d, dAt + i);
            (begins ? FloatVector.zero(SPECIES) : anchor).intoArray(d, dAt + 2 * apart + i);
        }
    }

    // ── matrices in memory: whole vectors, offsets in bytes ─────────────────────────────────────────────────────────

    /** y += factor·x. */
    static void add(float factor, MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)
                    .fma(Lanes.all(factor), fromMemorySegment(SPECIES, y, yAt + 4L * i, ORDER))
                    .intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    /** y = factor·x; y may be x. */
    static void scale(float factor, MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER).mul(factor).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    /** z = a·x + b·y; z may be x or y. */
    static void combine(float a, MemorySegment x, long xAt, float b, MemorySegment y, long yAt, MemorySegment z,
            long zAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)
                    .fma(Lanes.all(a), fromMemorySegment(SPECIES, y, yAt + 4L * i, ORDER).mul(b))
                    .intoMemorySegment(z, zAt + 4L * i, ORDER);
        }
    }

    /** y = factor·numbers ⊙ x; y may be x. */
    static void products(float factor, float[] numbers, int first, MemorySegment x, long xAt, MemorySegment y,
            long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER).mul(at(numbers, first + i)).mul(factor)
                    .intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    /** y += factor·numbers ⊙ x. */
    static void addProducts(float factor, float[] numbers, int first, MemorySegment x, long xAt, MemorySegment y,
            long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER).mul(factor)
                    .fma(at(numbers, first + i), fromMemorySegment(SPECIES, y, yAt + 4L * i, ORDER))
                    .intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    static float dot(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < n; i += LENGTH) {
            sum = fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)
                    .fma(fromMemorySegment(SPECIES, y, yAt + 4L * i, ORDER), sum);
        }
        return Lanes.sum(sum);
    }
}
