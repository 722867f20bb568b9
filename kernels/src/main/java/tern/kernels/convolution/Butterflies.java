package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops of {@link RootTree}: butterflies and products on complex points of one vector of real and one of
 * imaginary parts, a channel in each lane, so that nothing is ever shuffled.
 *
 * <p>A forward butterfly takes the legs a_j of a polynomial Σ a_j z^(j·m/r) modulo z^m − w to its values modulo
 * z^(m/r) − (each r-th root of w); an inverse one goes back and leaves r times the legs.
 */
final class Butterflies {
    static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    /** Bytes of a vector. */
    static final long VECTOR = LANES.vectorByteSize();
    /** Bytes of a complex point. */
    static final long POINT = 2 * VECTOR;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final float SIN3 = (float) Math.sin(2 * Math.PI / 3);
    private static final float COS5A = (float) Math.cos(2 * Math.PI / 5);
    private static final float COS5B = (float) Math.cos(4 * Math.PI / 5);
    private static final float SIN5A = (float) Math.sin(2 * Math.PI / 5);
    private static final float SIN5B = (float) Math.sin(4 * Math.PI / 5);
    /** Points that stay in the first-level cache while several levels pass over them. */
    private static final int CLOSE = (int) ((32L << 10) / POINT);

    private Butterflies() {
    }

    /** All lower levels of one node. */
    static void forwardNode(RootTree tree, MemorySegment data, long at, int node) {
        if (tree.subRadix.length > 0) {
            forwardLevels(tree, data, at, 0, node, tree.sub, 1);
        }
    }

    /** All lower levels of one node but the innermost, whose nodes are the leaves. */
    static void forwardNodeToLeaves(RootTree tree, MemorySegment data, long at, int node) {
        if (tree.subRadix.length > 1) {
            forwardLevels(tree, data, at, 0, node, tree.sub, 4);
        }
    }

    /**
     * The node of a product: x holds what {@link #forwardNodeToLeaves} left of one factor and takes what
     * {@link #inverseNode} leaves of the product; h holds what it left of the other and is only read.
     */
    static void convolveNode(RootTree tree, MemorySegment x, MemorySegment h, long at, int node) {
        int last = tree.subRadix.length - 1;
        if (last < 0) {
            multiply(x, at, h, at, tree.sub);
            return;
        }
        int leaves = tree.sub / 4;
        convolveLeaves(x, h, at, leaves, tree.roots, tree.subAt[last] + 4 * leaves * node);
        if (last > 0) {
            inverseLevels(tree, x, at, 0, node, tree.sub, 4);
        }
    }

    /** Levels of legs of {@code least} points and more. Large nodes go depth first, so that their parts stay close. */
    private static void forwardLevels(RootTree tree, MemorySegment data, long at, int level, int node, int points,
            int least) {
        int radix = tree.subRadix[level];
        int part = points / radix;
        if (points > CLOSE) {
            forward(radix, data, at, part * POINT, data, at, part * POINT, part, tree.roots,
                    tree.subAt[level] + 2 * RootTree.pairs(radix) * node);
            for (int child = 0; child < radix; child++) {
                forwardLevels(tree, data, at + child * part * POINT, level + 1, radix * node + child, part, least);
            }
            return;
        }
        int nodes = 1;
        int first = node;
        int l = level;
        if (radix == 8) {
            forward8(data, at, part * POINT, data, at, part * POINT, part, tree.roots, tree.subAt[level] + 8 * node);
            nodes = 8;
            first = 8 * node;
            part /= 4;
            l++;
        }
        for (; part >= least; part /= 4, l++, nodes *= 4, first *= 4) {
            if (part > 16) {
                for (int i = 0; i < nodes; i++) {
                    long begin = at + i * 4L * part * POINT;
                    forward4(data, begin, part * POINT, data, begin, part * POINT, part, tree.roots,
                            tree.subAt[l] + 4 * (first + i));
                }
            } else {
                forward4Nodes(data, at, Integer.numberOfTrailingZeros(part), nodes * part, tree.roots,
                        tree.subAt[l] + 4 * first);
            }
        }
    }

    /** Undoes {@link #forwardNode}, times {@code sub}. */
    static void inverseNode(RootTree tree, MemorySegment data, long at, int node) {
        if (tree.subRadix.length > 0) {
            inverseLevels(tree, data, at, 0, node, tree.sub, 1);
        }
    }

    private static void inverseLevels(RootTree tree, MemorySegment data, long at, int level, int node, int points,
            int least) {
        int radix = tree.subRadix[level];
        if (points > CLOSE) {
            int part = points / radix;
            for (int child = 0; child < radix; child++) {
                inverseLevels(tree, data, at + child * part * POINT, level + 1, radix * node + child, part, least);
            }
            inverse(radix, data, at, part * POINT, data, at, part * POINT, part, tree.roots,
                    tree.subAt[level] + 2 * RootTree.pairs(radix) * node);
            return;
        }
        int nodes = points / 4;
        int first = node * nodes;
        int l = tree.subRadix.length - 1;
        for (int part = 1; l >= level && tree.subRadix[l] == 4; part *= 4, l--, nodes /= 4, first /= 4) {
            if (part < least) {
                continue;
            }
            if (part > 16) {
                for (int i = 0; i < nodes; i++) {
                    long begin = at + i * 4L * part * POINT;
                    inverse4(data, begin, part * POINT, data, begin, part * POINT, part, tree.roots,
                            tree.subAt[l] + 4 * (first + i));
                }
            } else {
                inverse4Nodes(data, at, Integer.numberOfTrailingZeros(part), nodes * part, tree.roots,
                        tree.subAt[l] + 4 * first);
            }
        }
        if (radix == 8) {
            int part = points / 8;
            inverse8(data, at, part * POINT, data, at, part * POINT, part, tree.roots, tree.subAt[level] + 8 * node);
        }
    }

    /** One node of an upper level. */
    static void forward(int radix, MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt,
            long toLeg,
            int count, float[] roots, int at) {
        switch (radix) {
            case 3 -> forward3(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            case 4 -> forward4(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            case 5 -> forward5(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            case 8 -> forward8(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            default -> throw new AssertionError("radix " + radix);
        }
    }

    /** Undoes {@link #forward}, times the radix. */
    static void inverse(int radix, MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt,
            long toLeg,
            int count, float[] roots, int at) {
        switch (radix) {
            case 3 -> inverse3(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            case 4 -> inverse4(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            case 5 -> inverse5(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            case 8 -> inverse8(from, fromAt, fromLeg, to, toAt, toLeg, count, roots, at);
            default -> throw new AssertionError("radix " + radix);
        }
    }

    /** The innermost level of both factors, their product and its innermost level back. */
    private static void convolveLeaves(MemorySegment x, MemorySegment h, long begin, int leaves, float[] roots,
            int at) {
        for (int i = 0; i < leaves; i++) {
            int pair = at + 4 * i;
            FloatVector ur = broadcast(LANES, roots[pair + 0]);
            FloatVector ui = broadcast(LANES, roots[pair + 1]);
            FloatVector vr = broadcast(LANES, roots[pair + 2]);
            FloatVector vi = broadcast(LANES, roots[pair + 3]);
            long at0 = begin + i * 4L * POINT;
            long at1 = at0 + POINT;
            long at2 = at1 + POINT;
            long at3 = at2 + POINT;
            FloatVector ar = fromMemorySegment(LANES, x, at0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, x, at0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, x, at1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, x, at1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, x, at2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, x, at2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, x, at3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, x, at3 + VECTOR, NATIVE);
            FloatVector t1r = cr.mul(ur).sub(ci.mul(ui));
            FloatVector t1i = cr.fma(ui, ci.mul(ur));
            cr = ar.sub(t1r);
            ci = ai.sub(t1i);
            ar = ar.add(t1r);
            ai = ai.add(t1i);
            FloatVector t2r = dr.mul(ur).sub(di.mul(ui));
            FloatVector t2i = dr.fma(ui, di.mul(ur));
            dr = br.sub(t2r);
            di = bi.sub(t2i);
            br = br.add(t2r);
            bi = bi.add(t2i);
            FloatVector t3r = br.mul(vr).sub(bi.mul(vi));
            FloatVector t3i = br.fma(vi, bi.mul(vr));
            br = ar.sub(t3r);
            bi = ai.sub(t3i);
            ar = ar.add(t3r);
            ai = ai.add(t3i);
            FloatVector t4r = dr.mul(vr).sub(di.mul(vi));
            FloatVector t4i = dr.fma(vi, di.mul(vr));
            dr = cr.add(t4i);
            di = ci.sub(t4r);
            cr = cr.sub(t4i);
            ci = ci.add(t4r);
            FloatVector er = fromMemorySegment(LANES, h, at0, NATIVE);
            FloatVector ei = fromMemorySegment(LANES, h, at0 + VECTOR, NATIVE);
            FloatVector fr = fromMemorySegment(LANES, h, at1, NATIVE);
            FloatVector fi = fromMemorySegment(LANES, h, at1 + VECTOR, NATIVE);
            FloatVector gr = fromMemorySegment(LANES, h, at2, NATIVE);
            FloatVector gi = fromMemorySegment(LANES, h, at2 + VECTOR, NATIVE);
            FloatVector hr = fromMemorySegment(LANES, h, at3, NATIVE);
            FloatVector hi = fromMemorySegment(LANES, h, at3 + VECTOR, NATIVE);
            FloatVector t5r = gr.mul(ur).sub(gi.mul(ui));
            FloatVector t5i = gr.fma(ui, gi.mul(ur));
            gr = er.sub(t5r);
            gi = ei.sub(t5i);
            er = er.add(t5r);
            ei = ei.add(t5i);
            FloatVector t6r = hr.mul(ur).sub(hi.mul(ui));
            FloatVector t6i = hr.fma(ui, hi.mul(ur));
            hr = fr.sub(t6r);
            hi = fi.sub(t6i);
            fr = fr.add(t6r);
            fi = fi.add(t6i);
            FloatVector t7r = fr.mul(vr).sub(fi.mul(vi));
            FloatVector t7i = fr.fma(vi, fi.mul(vr));
            fr = er.sub(t7r);
            fi = ei.sub(t7i);
            er = er.add(t7r);
            ei = ei.add(t7i);
            FloatVector t8r = hr.mul(vr).sub(hi.mul(vi));
            FloatVector t8i = hr.fma(vi, hi.mul(vr));
            hr = gr.add(t8i);
            hi = gi.sub(t8r);
            gr = gr.sub(t8i);
            gi = gi.add(t8r);
            FloatVector ae = ar.mul(er).sub(ai.mul(ei));
            ai = ar.fma(ei, ai.mul(er));
            ar = ae;
            FloatVector bf = br.mul(fr).sub(bi.mul(fi));
            bi = br.fma(fi, bi.mul(fr));
            br = bf;
            FloatVector cg = cr.mul(gr).sub(ci.mul(gi));
            ci = cr.fma(gi, ci.mul(gr));
            cr = cg;
            FloatVector dh = dr.mul(hr).sub(di.mul(hi));
            di = dr.fma(hi, di.mul(hr));
            dr = dh;
            FloatVector t9r = cr.sub(dr);
            FloatVector t9i = ci.sub(di);
            cr = cr.add(dr);
            ci = ci.add(di);
            dr = t9i.mul(vr).sub(t9r.mul(vi));
            di = t9r.fma(vr, t9i.mul(vi)).neg();
            FloatVector t10r = ar.sub(br);
            FloatVector t10i = ai.sub(bi);
            ar = ar.add(br);
            ai = ai.add(bi);
            br = t10r.fma(vr, t10i.mul(vi));
            bi = t10i.mul(vr).sub(t10r.mul(vi));
            FloatVector t11r = br.sub(dr);
            FloatVector t11i = bi.sub(di);
            br = br.add(dr);
            bi = bi.add(di);
            dr = t11r.fma(ur, t11i.mul(ui));
            di = t11i.mul(ur).sub(t11r.mul(ui));
            FloatVector t12r = ar.sub(cr);
            FloatVector t12i = ai.sub(ci);
            ar = ar.add(cr);
            ai = ai.add(ci);
            cr = t12r.fma(ur, t12i.mul(ui));
            ci = t12i.mul(ur).sub(t12r.mul(ui));
            ar.intoMemorySegment(x, at0, NATIVE);
            ai.intoMemorySegment(x, at0 + VECTOR, NATIVE);
            br.intoMemorySegment(x, at1, NATIVE);
            bi.intoMemorySegment(x, at1 + VECTOR, NATIVE);
            cr.intoMemorySegment(x, at2, NATIVE);
            ci.intoMemorySegment(x, at2 + VECTOR, NATIVE);
            dr.intoMemorySegment(x, at3, NATIVE);
            di.intoMemorySegment(x, at3 + VECTOR, NATIVE);
        }
    }

    /** {@link #forward} of radix 4 of legs without imaginary parts, which lie in rows {@code fromStride} apart. */
    static void forwardReal4(MemorySegment from, long fromAt, long fromLeg, long fromStride, MemorySegment to,
            long toAt,
            long toLeg, int count, float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        for (int i = 0; i < count; i++) {
            long in = fromAt + i * fromStride;
            FloatVector a = fromMemorySegment(LANES, from, in, NATIVE);
            FloatVector b = fromMemorySegment(LANES, from, in + fromLeg, NATIVE);
            FloatVector c = fromMemorySegment(LANES, from, in + 2 * fromLeg, NATIVE);
            FloatVector d = fromMemorySegment(LANES, from, in + 3 * fromLeg, NATIVE);
            FloatVector pr = c.mul(ur);
            FloatVector pi = c.mul(ui);
            FloatVector qr = d.mul(ur);
            FloatVector qi = d.mul(ui);
            FloatVector br = b.add(qr);
            FloatVector dr = b.sub(qr);
            FloatVector ar = a.add(pr);
            FloatVector cr = a.sub(pr);
            FloatVector sr = br.mul(vr).sub(qi.mul(vi));
            FloatVector si = br.fma(vi, qi.mul(vr));
            FloatVector tr = dr.fma(vr, qi.mul(vi));
            FloatVector ti = dr.mul(vi).sub(qi.mul(vr));
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            long out3 = out2 + toLeg;
            ar.add(sr).intoMemorySegment(to, out0, NATIVE);
            pi.add(si).intoMemorySegment(to, out0 + VECTOR, NATIVE);
            ar.sub(sr).intoMemorySegment(to, out1, NATIVE);
            pi.sub(si).intoMemorySegment(to, out1 + VECTOR, NATIVE);
            cr.sub(ti).intoMemorySegment(to, out2, NATIVE);
            tr.sub(pi).intoMemorySegment(to, out2 + VECTOR, NATIVE);
            cr.add(ti).intoMemorySegment(to, out3, NATIVE);
            pi.add(tr).neg().intoMemorySegment(to, out3 + VECTOR, NATIVE);
        }
    }

    /** {@link #inverse} of radix 4 that leaves the real parts of the legs only. */
    static void inverseReal4(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count, float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector t1r = cr.sub(dr);
            FloatVector t1i = ci.sub(di);
            cr = cr.add(dr);
            ci = ci.add(di);
            dr = t1i.mul(vr).sub(t1r.mul(vi));
            di = t1r.fma(vr, t1i.mul(vi)).neg();
            FloatVector t2r = ar.sub(br);
            FloatVector t2i = ai.sub(bi);
            ar = ar.add(br);
            ai = ai.add(bi);
            br = t2r.fma(vr, t2i.mul(vi));
            bi = t2i.mul(vr).sub(t2r.mul(vi));
            FloatVector pr = ar.sub(cr);
            FloatVector pi = ai.sub(ci);
            FloatVector qr = br.sub(dr);
            FloatVector qi = bi.sub(di);
            FloatVector first = ar.add(cr);
            FloatVector second = br.add(dr);
            FloatVector third = pr.fma(ur, pi.mul(ui));
            FloatVector fourth = qr.fma(ur, qi.mul(ui));
            first.intoMemorySegment(to, toAt + i * POINT, NATIVE);
            second.intoMemorySegment(to, toAt + i * POINT + toLeg, NATIVE);
            third.intoMemorySegment(to, toAt + i * POINT + 2 * toLeg, NATIVE);
            fourth.intoMemorySegment(to, toAt + i * POINT + 3 * toLeg, NATIVE);
        }
    }

    /** {@link #inverseReal4} to rows {@code toStride} apart: scale·leg. */
    static void inverseReal4Rows(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            long toStride, float scale, int count, float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        FloatVector factor = broadcast(LANES, scale);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector t1r = cr.sub(dr);
            FloatVector t1i = ci.sub(di);
            cr = cr.add(dr);
            ci = ci.add(di);
            dr = t1i.mul(vr).sub(t1r.mul(vi));
            di = t1r.fma(vr, t1i.mul(vi)).neg();
            FloatVector t2r = ar.sub(br);
            FloatVector t2i = ai.sub(bi);
            ar = ar.add(br);
            ai = ai.add(bi);
            br = t2r.fma(vr, t2i.mul(vi));
            bi = t2i.mul(vr).sub(t2r.mul(vi));
            FloatVector pr = ar.sub(cr);
            FloatVector pi = ai.sub(ci);
            FloatVector qr = br.sub(dr);
            FloatVector qi = bi.sub(di);
            FloatVector first = ar.add(cr);
            FloatVector second = br.add(dr);
            FloatVector third = pr.fma(ur, pi.mul(ui));
            FloatVector fourth = qr.fma(ur, qi.mul(ui));
            long out = toAt + i * toStride;
            first.mul(factor).intoMemorySegment(to, out, NATIVE);
            second.mul(factor).intoMemorySegment(to, out + toLeg, NATIVE);
            third.mul(factor).intoMemorySegment(to, out + 2 * toLeg, NATIVE);
            fourth.mul(factor).intoMemorySegment(to, out + 3 * toLeg, NATIVE);
        }
    }

    /** {@link #inverseReal4} to rows {@code toStride} apart: adds scale·leg. */
    static void inverseReal4Add(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            long toStride, float scale, int count, float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        FloatVector factor = broadcast(LANES, scale);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector t1r = cr.sub(dr);
            FloatVector t1i = ci.sub(di);
            cr = cr.add(dr);
            ci = ci.add(di);
            dr = t1i.mul(vr).sub(t1r.mul(vi));
            di = t1r.fma(vr, t1i.mul(vi)).neg();
            FloatVector t2r = ar.sub(br);
            FloatVector t2i = ai.sub(bi);
            ar = ar.add(br);
            ai = ai.add(bi);
            br = t2r.fma(vr, t2i.mul(vi));
            bi = t2i.mul(vr).sub(t2r.mul(vi));
            FloatVector pr = ar.sub(cr);
            FloatVector pi = ai.sub(ci);
            FloatVector qr = br.sub(dr);
            FloatVector qi = bi.sub(di);
            FloatVector first = ar.add(cr);
            FloatVector second = br.add(dr);
            FloatVector third = pr.fma(ur, pi.mul(ui));
            FloatVector fourth = qr.fma(ur, qi.mul(ui));
            long out = toAt + i * toStride;
            first.fma(factor, fromMemorySegment(LANES, to, out, NATIVE)).intoMemorySegment(to, out, NATIVE);
            second.fma(factor, fromMemorySegment(LANES, to, out + toLeg, NATIVE)).intoMemorySegment(to, out + toLeg,
                    NATIVE);
            third.fma(factor, fromMemorySegment(LANES, to, out + 2 * toLeg, NATIVE)).intoMemorySegment(to,
                    out + 2 * toLeg, NATIVE);
            fourth.fma(factor, fromMemorySegment(LANES, to, out + 3 * toLeg, NATIVE)).intoMemorySegment(to,
                    out + 3 * toLeg, NATIVE);
        }
    }

    /** x ← x·h. */
    static void multiply(MemorySegment x, long xAt, MemorySegment h, long hAt, int count) {
        for (int i = 0; i < count; i++) {
            long xr = xAt + i * POINT;
            long hr = hAt + i * POINT;
            FloatVector ar = fromMemorySegment(LANES, x, xr, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, x, xr + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, h, hr, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, h, hr + VECTOR, NATIVE);
            ar.mul(br).sub(ai.mul(bi)).intoMemorySegment(x, xr, NATIVE);
            ar.fma(bi, ai.mul(br)).intoMemorySegment(x, xr + VECTOR, NATIVE);
        }
    }

    /** Both products of the backward pass at once: x ← g·conj(x), g ← g·conj(h). */
    static void correlate(MemorySegment g, MemorySegment x, MemorySegment h, long at, int count) {
        for (int i = 0; i < count; i++) {
            long re = at + i * POINT;
            long im = re + VECTOR;
            FloatVector ar = fromMemorySegment(LANES, g, re, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, g, im, NATIVE);
            FloatVector br = fromMemorySegment(LANES, x, re, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, x, im, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, h, re, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, h, im, NATIVE);
            ar.fma(br, ai.mul(bi)).intoMemorySegment(x, re, NATIVE);
            ai.mul(br).sub(ar.mul(bi)).intoMemorySegment(x, im, NATIVE);
            ar.fma(cr, ai.mul(ci)).intoMemorySegment(g, re, NATIVE);
            ai.mul(cr).sub(ar.mul(ci)).intoMemorySegment(g, im, NATIVE);
        }
    }

    /** sum ← sum + x. */
    static void add(MemorySegment sum, MemorySegment x, long at, int count) {
        for (int i = 0; i < 2 * count; i++) {
            long o = at + i * VECTOR;
            fromMemorySegment(LANES, sum, o, NATIVE).add(fromMemorySegment(LANES, x, o, NATIVE)).intoMemorySegment(sum,
                    o, NATIVE);
        }
    }

    static void forward4(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector t1r = cr.mul(ur).sub(ci.mul(ui));
            FloatVector t1i = cr.fma(ui, ci.mul(ur));
            cr = ar.sub(t1r);
            ci = ai.sub(t1i);
            ar = ar.add(t1r);
            ai = ai.add(t1i);
            FloatVector t2r = dr.mul(ur).sub(di.mul(ui));
            FloatVector t2i = dr.fma(ui, di.mul(ur));
            dr = br.sub(t2r);
            di = bi.sub(t2i);
            br = br.add(t2r);
            bi = bi.add(t2i);
            FloatVector t3r = br.mul(vr).sub(bi.mul(vi));
            FloatVector t3i = br.fma(vi, bi.mul(vr));
            br = ar.sub(t3r);
            bi = ai.sub(t3i);
            ar = ar.add(t3r);
            ai = ai.add(t3i);
            FloatVector t4r = dr.mul(vr).sub(di.mul(vi));
            FloatVector t4i = dr.fma(vi, di.mul(vr));
            dr = cr.add(t4i);
            di = ci.sub(t4r);
            cr = cr.sub(t4i);
            ci = ci.add(t4r);
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            long out3 = out2 + toLeg;
            ar.intoMemorySegment(to, out0, NATIVE);
            ai.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            br.intoMemorySegment(to, out1, NATIVE);
            bi.intoMemorySegment(to, out1 + VECTOR, NATIVE);
            cr.intoMemorySegment(to, out2, NATIVE);
            ci.intoMemorySegment(to, out2 + VECTOR, NATIVE);
            dr.intoMemorySegment(to, out3, NATIVE);
            di.intoMemorySegment(to, out3 + VECTOR, NATIVE);
        }
    }

    static void inverse4(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector t1r = cr.sub(dr);
            FloatVector t1i = ci.sub(di);
            cr = cr.add(dr);
            ci = ci.add(di);
            dr = t1i.mul(vr).sub(t1r.mul(vi));
            di = t1r.fma(vr, t1i.mul(vi)).neg();
            FloatVector t2r = ar.sub(br);
            FloatVector t2i = ai.sub(bi);
            ar = ar.add(br);
            ai = ai.add(bi);
            br = t2r.fma(vr, t2i.mul(vi));
            bi = t2i.mul(vr).sub(t2r.mul(vi));
            FloatVector t3r = br.sub(dr);
            FloatVector t3i = bi.sub(di);
            br = br.add(dr);
            bi = bi.add(di);
            dr = t3r.fma(ur, t3i.mul(ui));
            di = t3i.mul(ur).sub(t3r.mul(ui));
            FloatVector t4r = ar.sub(cr);
            FloatVector t4i = ai.sub(ci);
            ar = ar.add(cr);
            ai = ai.add(ci);
            cr = t4r.fma(ur, t4i.mul(ui));
            ci = t4i.mul(ur).sub(t4r.mul(ui));
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            long out3 = out2 + toLeg;
            ar.intoMemorySegment(to, out0, NATIVE);
            ai.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            br.intoMemorySegment(to, out1, NATIVE);
            bi.intoMemorySegment(to, out1 + VECTOR, NATIVE);
            cr.intoMemorySegment(to, out2, NATIVE);
            ci.intoMemorySegment(to, out2 + VECTOR, NATIVE);
            dr.intoMemorySegment(to, out3, NATIVE);
            di.intoMemorySegment(to, out3 + VECTOR, NATIVE);
        }
    }

    static void forward8(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        FloatVector wr = broadcast(LANES, roots[at + 4]);
        FloatVector wi = broadcast(LANES, roots[at + 5]);
        FloatVector xr = broadcast(LANES, roots[at + 6]);
        FloatVector xi = broadcast(LANES, roots[at + 7]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            long in4 = in3 + fromLeg;
            long in5 = in4 + fromLeg;
            long in6 = in5 + fromLeg;
            long in7 = in6 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector er = fromMemorySegment(LANES, from, in4, NATIVE);
            FloatVector ei = fromMemorySegment(LANES, from, in4 + VECTOR, NATIVE);
            FloatVector fr = fromMemorySegment(LANES, from, in5, NATIVE);
            FloatVector fi = fromMemorySegment(LANES, from, in5 + VECTOR, NATIVE);
            FloatVector gr = fromMemorySegment(LANES, from, in6, NATIVE);
            FloatVector gi = fromMemorySegment(LANES, from, in6 + VECTOR, NATIVE);
            FloatVector hr = fromMemorySegment(LANES, from, in7, NATIVE);
            FloatVector hi = fromMemorySegment(LANES, from, in7 + VECTOR, NATIVE);
            FloatVector t1r = er.mul(ur).sub(ei.mul(ui));
            FloatVector t1i = er.fma(ui, ei.mul(ur));
            er = ar.sub(t1r);
            ei = ai.sub(t1i);
            ar = ar.add(t1r);
            ai = ai.add(t1i);
            FloatVector t2r = fr.mul(ur).sub(fi.mul(ui));
            FloatVector t2i = fr.fma(ui, fi.mul(ur));
            fr = br.sub(t2r);
            fi = bi.sub(t2i);
            br = br.add(t2r);
            bi = bi.add(t2i);
            FloatVector t3r = gr.mul(ur).sub(gi.mul(ui));
            FloatVector t3i = gr.fma(ui, gi.mul(ur));
            gr = cr.sub(t3r);
            gi = ci.sub(t3i);
            cr = cr.add(t3r);
            ci = ci.add(t3i);
            FloatVector t4r = hr.mul(ur).sub(hi.mul(ui));
            FloatVector t4i = hr.fma(ui, hi.mul(ur));
            hr = dr.sub(t4r);
            hi = di.sub(t4i);
            dr = dr.add(t4r);
            di = di.add(t4i);
            FloatVector t5r = cr.mul(vr).sub(ci.mul(vi));
            FloatVector t5i = cr.fma(vi, ci.mul(vr));
            cr = ar.sub(t5r);
            ci = ai.sub(t5i);
            ar = ar.add(t5r);
            ai = ai.add(t5i);
            FloatVector t6r = dr.mul(vr).sub(di.mul(vi));
            FloatVector t6i = dr.fma(vi, di.mul(vr));
            dr = br.sub(t6r);
            di = bi.sub(t6i);
            br = br.add(t6r);
            bi = bi.add(t6i);
            FloatVector t7r = gr.mul(vr).sub(gi.mul(vi));
            FloatVector t7i = gr.fma(vi, gi.mul(vr));
            gr = er.add(t7i);
            gi = ei.sub(t7r);
            er = er.sub(t7i);
            ei = ei.add(t7r);
            FloatVector t8r = hr.mul(vr).sub(hi.mul(vi));
            FloatVector t8i = hr.fma(vi, hi.mul(vr));
            hr = fr.add(t8i);
            hi = fi.sub(t8r);
            fr = fr.sub(t8i);
            fi = fi.add(t8r);
            FloatVector t9r = br.mul(wr).sub(bi.mul(wi));
            FloatVector t9i = br.fma(wi, bi.mul(wr));
            br = ar.sub(t9r);
            bi = ai.sub(t9i);
            ar = ar.add(t9r);
            ai = ai.add(t9i);
            FloatVector t10r = dr.mul(wr).sub(di.mul(wi));
            FloatVector t10i = dr.fma(wi, di.mul(wr));
            dr = cr.add(t10i);
            di = ci.sub(t10r);
            cr = cr.sub(t10i);
            ci = ci.add(t10r);
            FloatVector t11r = fr.mul(xr).sub(fi.mul(xi));
            FloatVector t11i = fr.fma(xi, fi.mul(xr));
            fr = er.sub(t11r);
            fi = ei.sub(t11i);
            er = er.add(t11r);
            ei = ei.add(t11i);
            FloatVector t12r = hr.mul(xr).sub(hi.mul(xi));
            FloatVector t12i = hr.fma(xi, hi.mul(xr));
            hr = gr.add(t12i);
            hi = gi.sub(t12r);
            gr = gr.sub(t12i);
            gi = gi.add(t12r);
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            long out3 = out2 + toLeg;
            long out4 = out3 + toLeg;
            long out5 = out4 + toLeg;
            long out6 = out5 + toLeg;
            long out7 = out6 + toLeg;
            ar.intoMemorySegment(to, out0, NATIVE);
            ai.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            br.intoMemorySegment(to, out1, NATIVE);
            bi.intoMemorySegment(to, out1 + VECTOR, NATIVE);
            cr.intoMemorySegment(to, out2, NATIVE);
            ci.intoMemorySegment(to, out2 + VECTOR, NATIVE);
            dr.intoMemorySegment(to, out3, NATIVE);
            di.intoMemorySegment(to, out3 + VECTOR, NATIVE);
            er.intoMemorySegment(to, out4, NATIVE);
            ei.intoMemorySegment(to, out4 + VECTOR, NATIVE);
            fr.intoMemorySegment(to, out5, NATIVE);
            fi.intoMemorySegment(to, out5 + VECTOR, NATIVE);
            gr.intoMemorySegment(to, out6, NATIVE);
            gi.intoMemorySegment(to, out6 + VECTOR, NATIVE);
            hr.intoMemorySegment(to, out7, NATIVE);
            hi.intoMemorySegment(to, out7 + VECTOR, NATIVE);
        }
    }

    static void inverse8(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        FloatVector wr = broadcast(LANES, roots[at + 4]);
        FloatVector wi = broadcast(LANES, roots[at + 5]);
        FloatVector xr = broadcast(LANES, roots[at + 6]);
        FloatVector xi = broadcast(LANES, roots[at + 7]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            long in4 = in3 + fromLeg;
            long in5 = in4 + fromLeg;
            long in6 = in5 + fromLeg;
            long in7 = in6 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector er = fromMemorySegment(LANES, from, in4, NATIVE);
            FloatVector ei = fromMemorySegment(LANES, from, in4 + VECTOR, NATIVE);
            FloatVector fr = fromMemorySegment(LANES, from, in5, NATIVE);
            FloatVector fi = fromMemorySegment(LANES, from, in5 + VECTOR, NATIVE);
            FloatVector gr = fromMemorySegment(LANES, from, in6, NATIVE);
            FloatVector gi = fromMemorySegment(LANES, from, in6 + VECTOR, NATIVE);
            FloatVector hr = fromMemorySegment(LANES, from, in7, NATIVE);
            FloatVector hi = fromMemorySegment(LANES, from, in7 + VECTOR, NATIVE);
            FloatVector t1r = gr.sub(hr);
            FloatVector t1i = gi.sub(hi);
            gr = gr.add(hr);
            gi = gi.add(hi);
            hr = t1i.mul(xr).sub(t1r.mul(xi));
            hi = t1r.fma(xr, t1i.mul(xi)).neg();
            FloatVector t2r = er.sub(fr);
            FloatVector t2i = ei.sub(fi);
            er = er.add(fr);
            ei = ei.add(fi);
            fr = t2r.fma(xr, t2i.mul(xi));
            fi = t2i.mul(xr).sub(t2r.mul(xi));
            FloatVector t3r = cr.sub(dr);
            FloatVector t3i = ci.sub(di);
            cr = cr.add(dr);
            ci = ci.add(di);
            dr = t3i.mul(wr).sub(t3r.mul(wi));
            di = t3r.fma(wr, t3i.mul(wi)).neg();
            FloatVector t4r = ar.sub(br);
            FloatVector t4i = ai.sub(bi);
            ar = ar.add(br);
            ai = ai.add(bi);
            br = t4r.fma(wr, t4i.mul(wi));
            bi = t4i.mul(wr).sub(t4r.mul(wi));
            FloatVector t5r = fr.sub(hr);
            FloatVector t5i = fi.sub(hi);
            fr = fr.add(hr);
            fi = fi.add(hi);
            hr = t5i.mul(vr).sub(t5r.mul(vi));
            hi = t5r.fma(vr, t5i.mul(vi)).neg();
            FloatVector t6r = er.sub(gr);
            FloatVector t6i = ei.sub(gi);
            er = er.add(gr);
            ei = ei.add(gi);
            gr = t6i.mul(vr).sub(t6r.mul(vi));
            gi = t6r.fma(vr, t6i.mul(vi)).neg();
            FloatVector t7r = br.sub(dr);
            FloatVector t7i = bi.sub(di);
            br = br.add(dr);
            bi = bi.add(di);
            dr = t7r.fma(vr, t7i.mul(vi));
            di = t7i.mul(vr).sub(t7r.mul(vi));
            FloatVector t8r = ar.sub(cr);
            FloatVector t8i = ai.sub(ci);
            ar = ar.add(cr);
            ai = ai.add(ci);
            cr = t8r.fma(vr, t8i.mul(vi));
            ci = t8i.mul(vr).sub(t8r.mul(vi));
            FloatVector t9r = dr.sub(hr);
            FloatVector t9i = di.sub(hi);
            dr = dr.add(hr);
            di = di.add(hi);
            hr = t9r.fma(ur, t9i.mul(ui));
            hi = t9i.mul(ur).sub(t9r.mul(ui));
            FloatVector t10r = cr.sub(gr);
            FloatVector t10i = ci.sub(gi);
            cr = cr.add(gr);
            ci = ci.add(gi);
            gr = t10r.fma(ur, t10i.mul(ui));
            gi = t10i.mul(ur).sub(t10r.mul(ui));
            FloatVector t11r = br.sub(fr);
            FloatVector t11i = bi.sub(fi);
            br = br.add(fr);
            bi = bi.add(fi);
            fr = t11r.fma(ur, t11i.mul(ui));
            fi = t11i.mul(ur).sub(t11r.mul(ui));
            FloatVector t12r = ar.sub(er);
            FloatVector t12i = ai.sub(ei);
            ar = ar.add(er);
            ai = ai.add(ei);
            er = t12r.fma(ur, t12i.mul(ui));
            ei = t12i.mul(ur).sub(t12r.mul(ui));
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            long out3 = out2 + toLeg;
            long out4 = out3 + toLeg;
            long out5 = out4 + toLeg;
            long out6 = out5 + toLeg;
            long out7 = out6 + toLeg;
            ar.intoMemorySegment(to, out0, NATIVE);
            ai.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            br.intoMemorySegment(to, out1, NATIVE);
            bi.intoMemorySegment(to, out1 + VECTOR, NATIVE);
            cr.intoMemorySegment(to, out2, NATIVE);
            ci.intoMemorySegment(to, out2 + VECTOR, NATIVE);
            dr.intoMemorySegment(to, out3, NATIVE);
            di.intoMemorySegment(to, out3 + VECTOR, NATIVE);
            er.intoMemorySegment(to, out4, NATIVE);
            ei.intoMemorySegment(to, out4 + VECTOR, NATIVE);
            fr.intoMemorySegment(to, out5, NATIVE);
            fi.intoMemorySegment(to, out5 + VECTOR, NATIVE);
            gr.intoMemorySegment(to, out6, NATIVE);
            gi.intoMemorySegment(to, out6 + VECTOR, NATIVE);
            hr.intoMemorySegment(to, out7, NATIVE);
            hi.intoMemorySegment(to, out7 + VECTOR, NATIVE);
        }
    }

    static void forward4Nodes(MemorySegment data, long begin, int shift, int total, float[] roots, int at) {
        long leg = POINT << shift;
        int last = (1 << shift) - 1;
        for (int i = 0; i < total; i++) {
            int node = i >> shift;
            int pair = at + 4 * node;
            FloatVector ur = broadcast(LANES, roots[pair + 0]);
            FloatVector ui = broadcast(LANES, roots[pair + 1]);
            FloatVector vr = broadcast(LANES, roots[pair + 2]);
            FloatVector vi = broadcast(LANES, roots[pair + 3]);
            long at0 = begin + ((long) node * 4 << shift | i & last) * POINT;
            long at1 = at0 + leg;
            long at2 = at1 + leg;
            long at3 = at2 + leg;
            FloatVector ar = fromMemorySegment(LANES, data, at0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, data, at0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, data, at1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, data, at1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, data, at2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, data, at2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, data, at3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, data, at3 + VECTOR, NATIVE);
            FloatVector t1r = cr.mul(ur).sub(ci.mul(ui));
            FloatVector t1i = cr.fma(ui, ci.mul(ur));
            cr = ar.sub(t1r);
            ci = ai.sub(t1i);
            ar = ar.add(t1r);
            ai = ai.add(t1i);
            FloatVector t2r = dr.mul(ur).sub(di.mul(ui));
            FloatVector t2i = dr.fma(ui, di.mul(ur));
            dr = br.sub(t2r);
            di = bi.sub(t2i);
            br = br.add(t2r);
            bi = bi.add(t2i);
            FloatVector t3r = br.mul(vr).sub(bi.mul(vi));
            FloatVector t3i = br.fma(vi, bi.mul(vr));
            br = ar.sub(t3r);
            bi = ai.sub(t3i);
            ar = ar.add(t3r);
            ai = ai.add(t3i);
            FloatVector t4r = dr.mul(vr).sub(di.mul(vi));
            FloatVector t4i = dr.fma(vi, di.mul(vr));
            dr = cr.add(t4i);
            di = ci.sub(t4r);
            cr = cr.sub(t4i);
            ci = ci.add(t4r);
            ar.intoMemorySegment(data, at0, NATIVE);
            ai.intoMemorySegment(data, at0 + VECTOR, NATIVE);
            br.intoMemorySegment(data, at1, NATIVE);
            bi.intoMemorySegment(data, at1 + VECTOR, NATIVE);
            cr.intoMemorySegment(data, at2, NATIVE);
            ci.intoMemorySegment(data, at2 + VECTOR, NATIVE);
            dr.intoMemorySegment(data, at3, NATIVE);
            di.intoMemorySegment(data, at3 + VECTOR, NATIVE);
        }
    }

    static void inverse4Nodes(MemorySegment data, long begin, int shift, int total, float[] roots, int at) {
        long leg = POINT << shift;
        int last = (1 << shift) - 1;
        for (int i = 0; i < total; i++) {
            int node = i >> shift;
            int pair = at + 4 * node;
            FloatVector ur = broadcast(LANES, roots[pair + 0]);
            FloatVector ui = broadcast(LANES, roots[pair + 1]);
            FloatVector vr = broadcast(LANES, roots[pair + 2]);
            FloatVector vi = broadcast(LANES, roots[pair + 3]);
            long at0 = begin + ((long) node * 4 << shift | i & last) * POINT;
            long at1 = at0 + leg;
            long at2 = at1 + leg;
            long at3 = at2 + leg;
            FloatVector ar = fromMemorySegment(LANES, data, at0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, data, at0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, data, at1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, data, at1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, data, at2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, data, at2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, data, at3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, data, at3 + VECTOR, NATIVE);
            FloatVector t1r = cr.sub(dr);
            FloatVector t1i = ci.sub(di);
            cr = cr.add(dr);
            ci = ci.add(di);
            dr = t1i.mul(vr).sub(t1r.mul(vi));
            di = t1r.fma(vr, t1i.mul(vi)).neg();
            FloatVector t2r = ar.sub(br);
            FloatVector t2i = ai.sub(bi);
            ar = ar.add(br);
            ai = ai.add(bi);
            br = t2r.fma(vr, t2i.mul(vi));
            bi = t2i.mul(vr).sub(t2r.mul(vi));
            FloatVector t3r = br.sub(dr);
            FloatVector t3i = bi.sub(di);
            br = br.add(dr);
            bi = bi.add(di);
            dr = t3r.fma(ur, t3i.mul(ui));
            di = t3i.mul(ur).sub(t3r.mul(ui));
            FloatVector t4r = ar.sub(cr);
            FloatVector t4i = ai.sub(ci);
            ar = ar.add(cr);
            ai = ai.add(ci);
            cr = t4r.fma(ur, t4i.mul(ui));
            ci = t4i.mul(ur).sub(t4r.mul(ui));
            ar.intoMemorySegment(data, at0, NATIVE);
            ai.intoMemorySegment(data, at0 + VECTOR, NATIVE);
            br.intoMemorySegment(data, at1, NATIVE);
            bi.intoMemorySegment(data, at1 + VECTOR, NATIVE);
            cr.intoMemorySegment(data, at2, NATIVE);
            ci.intoMemorySegment(data, at2 + VECTOR, NATIVE);
            dr.intoMemorySegment(data, at3, NATIVE);
            di.intoMemorySegment(data, at3 + VECTOR, NATIVE);
        }
    }

    static void forward3(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector bbr = br.mul(ur).sub(bi.mul(ui));
            FloatVector bbi = br.fma(ui, bi.mul(ur));
            FloatVector ccr = cr.mul(vr).sub(ci.mul(vi));
            FloatVector cci = cr.fma(vi, ci.mul(vr));
            FloatVector sumr = bbr.add(ccr);
            FloatVector sumi = bbi.add(cci);
            FloatVector midr = ar.sub(sumr.mul(0.5f));
            FloatVector midi = ai.sub(sumi.mul(0.5f));
            FloatVector sider = bbr.sub(ccr).mul(SIN3);
            FloatVector sidei = bbi.sub(cci).mul(SIN3);
            FloatVector x0r = ar.add(sumr);
            FloatVector x0i = ai.add(sumi);
            FloatVector x1r = midr.sub(sidei);
            FloatVector x1i = midi.add(sider);
            FloatVector x2r = midr.add(sidei);
            FloatVector x2i = midi.sub(sider);
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            x0r.intoMemorySegment(to, out0, NATIVE);
            x0i.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            x1r.intoMemorySegment(to, out1, NATIVE);
            x1i.intoMemorySegment(to, out1 + VECTOR, NATIVE);
            x2r.intoMemorySegment(to, out2, NATIVE);
            x2i.intoMemorySegment(to, out2 + VECTOR, NATIVE);
        }
    }

    static void inverse3(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector sumr = br.add(cr);
            FloatVector sumi = bi.add(ci);
            FloatVector midr = ar.sub(sumr.mul(0.5f));
            FloatVector midi = ai.sub(sumi.mul(0.5f));
            FloatVector sider = br.sub(cr).mul(SIN3);
            FloatVector sidei = bi.sub(ci).mul(SIN3);
            FloatVector x0r = ar.add(sumr);
            FloatVector x0i = ai.add(sumi);
            FloatVector x1r = midr.add(sidei);
            FloatVector x1i = midi.sub(sider);
            FloatVector x2r = midr.sub(sidei);
            FloatVector x2i = midi.add(sider);
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            x0r.intoMemorySegment(to, out0, NATIVE);
            x0i.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            x1r.fma(ur, x1i.mul(ui)).intoMemorySegment(to, out1, NATIVE);
            x1i.mul(ur).sub(x1r.mul(ui)).intoMemorySegment(to, out1 + VECTOR, NATIVE);
            x2r.fma(vr, x2i.mul(vi)).intoMemorySegment(to, out2, NATIVE);
            x2i.mul(vr).sub(x2r.mul(vi)).intoMemorySegment(to, out2 + VECTOR, NATIVE);
        }
    }

    static void forward5(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        FloatVector wr = broadcast(LANES, roots[at + 4]);
        FloatVector wi = broadcast(LANES, roots[at + 5]);
        FloatVector xr = broadcast(LANES, roots[at + 6]);
        FloatVector xi = broadcast(LANES, roots[at + 7]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            long in4 = in3 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector er = fromMemorySegment(LANES, from, in4, NATIVE);
            FloatVector ei = fromMemorySegment(LANES, from, in4 + VECTOR, NATIVE);
            FloatVector bbr = br.mul(ur).sub(bi.mul(ui));
            FloatVector bbi = br.fma(ui, bi.mul(ur));
            FloatVector ccr = cr.mul(vr).sub(ci.mul(vi));
            FloatVector cci = cr.fma(vi, ci.mul(vr));
            FloatVector ddr = dr.mul(wr).sub(di.mul(wi));
            FloatVector ddi = dr.fma(wi, di.mul(wr));
            FloatVector eer = er.mul(xr).sub(ei.mul(xi));
            FloatVector eei = er.fma(xi, ei.mul(xr));
            FloatVector s1r = bbr.add(eer);
            FloatVector s1i = bbi.add(eei);
            FloatVector s2r = ccr.add(ddr);
            FloatVector s2i = cci.add(ddi);
            FloatVector d1r = bbr.sub(eer);
            FloatVector d1i = bbi.sub(eei);
            FloatVector d2r = ccr.sub(ddr);
            FloatVector d2i = cci.sub(ddi);
            FloatVector m1r = s1r.mul(COS5A).add(s2r.mul(COS5B)).add(ar);
            FloatVector m2r = s1r.mul(COS5B).add(s2r.mul(COS5A)).add(ar);
            FloatVector n1r = d1r.mul(SIN5A).add(d2r.mul(SIN5B));
            FloatVector n2r = d1r.mul(SIN5B).sub(d2r.mul(SIN5A));
            FloatVector x0r = ar.add(s1r).add(s2r);
            FloatVector m1i = s1i.mul(COS5A).add(s2i.mul(COS5B)).add(ai);
            FloatVector m2i = s1i.mul(COS5B).add(s2i.mul(COS5A)).add(ai);
            FloatVector n1i = d1i.mul(SIN5A).add(d2i.mul(SIN5B));
            FloatVector n2i = d1i.mul(SIN5B).sub(d2i.mul(SIN5A));
            FloatVector x0i = ai.add(s1i).add(s2i);
            FloatVector x1r = m1r.sub(n1i);
            FloatVector x1i = m1i.add(n1r);
            FloatVector x4r = m1r.add(n1i);
            FloatVector x4i = m1i.sub(n1r);
            FloatVector x2r = m2r.sub(n2i);
            FloatVector x2i = m2i.add(n2r);
            FloatVector x3r = m2r.add(n2i);
            FloatVector x3i = m2i.sub(n2r);
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            long out3 = out2 + toLeg;
            long out4 = out3 + toLeg;
            x0r.intoMemorySegment(to, out0, NATIVE);
            x0i.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            x1r.intoMemorySegment(to, out1, NATIVE);
            x1i.intoMemorySegment(to, out1 + VECTOR, NATIVE);
            x2r.intoMemorySegment(to, out2, NATIVE);
            x2i.intoMemorySegment(to, out2 + VECTOR, NATIVE);
            x3r.intoMemorySegment(to, out3, NATIVE);
            x3i.intoMemorySegment(to, out3 + VECTOR, NATIVE);
            x4r.intoMemorySegment(to, out4, NATIVE);
            x4i.intoMemorySegment(to, out4 + VECTOR, NATIVE);
        }
    }

    static void inverse5(MemorySegment from, long fromAt, long fromLeg, MemorySegment to, long toAt, long toLeg,
            int count,
            float[] roots, int at) {
        FloatVector ur = broadcast(LANES, roots[at + 0]);
        FloatVector ui = broadcast(LANES, roots[at + 1]);
        FloatVector vr = broadcast(LANES, roots[at + 2]);
        FloatVector vi = broadcast(LANES, roots[at + 3]);
        FloatVector wr = broadcast(LANES, roots[at + 4]);
        FloatVector wi = broadcast(LANES, roots[at + 5]);
        FloatVector xr = broadcast(LANES, roots[at + 6]);
        FloatVector xi = broadcast(LANES, roots[at + 7]);
        for (int i = 0; i < count; i++) {
            long in0 = fromAt + i * POINT;
            long in1 = in0 + fromLeg;
            long in2 = in1 + fromLeg;
            long in3 = in2 + fromLeg;
            long in4 = in3 + fromLeg;
            FloatVector ar = fromMemorySegment(LANES, from, in0, NATIVE);
            FloatVector ai = fromMemorySegment(LANES, from, in0 + VECTOR, NATIVE);
            FloatVector br = fromMemorySegment(LANES, from, in1, NATIVE);
            FloatVector bi = fromMemorySegment(LANES, from, in1 + VECTOR, NATIVE);
            FloatVector cr = fromMemorySegment(LANES, from, in2, NATIVE);
            FloatVector ci = fromMemorySegment(LANES, from, in2 + VECTOR, NATIVE);
            FloatVector dr = fromMemorySegment(LANES, from, in3, NATIVE);
            FloatVector di = fromMemorySegment(LANES, from, in3 + VECTOR, NATIVE);
            FloatVector er = fromMemorySegment(LANES, from, in4, NATIVE);
            FloatVector ei = fromMemorySegment(LANES, from, in4 + VECTOR, NATIVE);
            FloatVector s1r = br.add(er);
            FloatVector s1i = bi.add(ei);
            FloatVector s2r = cr.add(dr);
            FloatVector s2i = ci.add(di);
            FloatVector d1r = br.sub(er);
            FloatVector d1i = bi.sub(ei);
            FloatVector d2r = cr.sub(dr);
            FloatVector d2i = ci.sub(di);
            FloatVector m1r = s1r.mul(COS5A).add(s2r.mul(COS5B)).add(ar);
            FloatVector m2r = s1r.mul(COS5B).add(s2r.mul(COS5A)).add(ar);
            FloatVector n1r = d1r.mul(SIN5A).add(d2r.mul(SIN5B));
            FloatVector n2r = d1r.mul(SIN5B).sub(d2r.mul(SIN5A));
            FloatVector x0r = ar.add(s1r).add(s2r);
            FloatVector m1i = s1i.mul(COS5A).add(s2i.mul(COS5B)).add(ai);
            FloatVector m2i = s1i.mul(COS5B).add(s2i.mul(COS5A)).add(ai);
            FloatVector n1i = d1i.mul(SIN5A).add(d2i.mul(SIN5B));
            FloatVector n2i = d1i.mul(SIN5B).sub(d2i.mul(SIN5A));
            FloatVector x0i = ai.add(s1i).add(s2i);
            FloatVector x1r = m1r.add(n1i);
            FloatVector x1i = m1i.sub(n1r);
            FloatVector x4r = m1r.sub(n1i);
            FloatVector x4i = m1i.add(n1r);
            FloatVector x2r = m2r.add(n2i);
            FloatVector x2i = m2i.sub(n2r);
            FloatVector x3r = m2r.sub(n2i);
            FloatVector x3i = m2i.add(n2r);
            long out0 = toAt + i * POINT;
            long out1 = out0 + toLeg;
            long out2 = out1 + toLeg;
            long out3 = out2 + toLeg;
            long out4 = out3 + toLeg;
            x0r.intoMemorySegment(to, out0, NATIVE);
            x0i.intoMemorySegment(to, out0 + VECTOR, NATIVE);
            x1r.fma(ur, x1i.mul(ui)).intoMemorySegment(to, out1, NATIVE);
            x1i.mul(ur).sub(x1r.mul(ui)).intoMemorySegment(to, out1 + VECTOR, NATIVE);
            x2r.fma(vr, x2i.mul(vi)).intoMemorySegment(to, out2, NATIVE);
            x2i.mul(vr).sub(x2r.mul(vi)).intoMemorySegment(to, out2 + VECTOR, NATIVE);
            x3r.fma(wr, x3i.mul(wi)).intoMemorySegment(to, out3, NATIVE);
            x3i.mul(wr).sub(x3r.mul(wi)).intoMemorySegment(to, out3 + VECTOR, NATIVE);
            x4r.fma(xr, x4i.mul(xi)).intoMemorySegment(to, out4, NATIVE);
            x4i.mul(xr).sub(x4r.mul(xi)).intoMemorySegment(to, out4 + VECTOR, NATIVE);
        }
    }
}
