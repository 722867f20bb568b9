package tern.kernels.convolution;

import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * How z^n = i is taken apart. A sequence of 2n real numbers is read as the polynomial a(z) with coefficients a_t + i·a_(t+n)
 * modulo z^n − i, where z^(2n) = −1; products of such polynomials are convolutions whose first 2n outputs are right as long
 * as the product has no term beyond them that is wanted. Each level splits every modulus z^m − w into r moduli
 * z^(m/r) − (an r-th root of w), down to m = 1, where products are numbers. The roots of a level are constants of its
 * nodes, not of its elements, so one broadcast serves a whole inner loop; and since a polynomial of n real coefficients is
 * already a polynomial of that kind, zero padding to 2n costs nothing.
 *
 * <p>The levels come in two groups. The upper ones cut n = top·sub points into {@code top} nodes; they are carried out for a
 * few columns at a time, which fit the first-level cache. The lower ones work inside each node of {@code sub} contiguous
 * points.
 *
 * <p>Immutable; one tree is kept for each size in use, and sizes are of the forms 2^k, 3·2^k and 5·2^k only.
 */
final class RootTree {
    private static final ConcurrentMap<Integer, RootTree> KEPT = new ConcurrentHashMap<>();
    private static final int SMALLEST = 4;
    /** Points left free between the nodes of a spectrum. */
    private static final int GAP = 8;
    /** Bits of a lower node that stays in the caches of one core. */
    private static final int LARGEST_SUB = 12;
    /** Bits of the upper levels at most: more streams than 2 to this get in each other's way in the caches. */
    private static final int MOST_TOP = 4;
    /** Bits of the longest transform for which that holds; a longer one has larger nodes otherwise. */
    private static final int LONG = 18;
    /** Angles, in turns, that the children of a node add to θ/r, in the order in which butterflies leave them. */
    private static final double[][] CHILDREN = {{}, {}, {}, {0, 1 / 3.0, 2 / 3.0}, {0, 0.5, 0.25, 0.75},
        {0, 0.2, 0.4, 0.6, 0.8}, {}, {}, {0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875}};

    /** Number of complex points n. */
    final int size;
    /** Nodes that the upper levels make. */
    final int top;
    /** Points of each of these nodes. */
    final int sub;
    /** Bytes from node to node of a spectrum: some more than its points, lest all nodes fall into the same sets of a cache. */
    final long pitch;
    /** Radix of each upper level, outermost first. */
    final int[] topRadix;
    /** Radix of each lower level, outermost first. */
    final int[] subRadix;
    /** Where the roots of each upper level begin in {@link #roots}. */
    final int[] topAt;
    /** Where the roots of each lower level begin in {@link #roots}; node j of the upper levels owns the j-th part. */
    final int[] subAt;
    /**
     * Cosine and sine pairs, {@link #pairs} of them for each node: with θ the angle of the node's w, in turns, radix 4 has
     * θ/2, θ/4; radix 8 has θ/2, θ/4, θ/8, θ/8 + 1/8; radix 3 and 5 have θ/r times 1 … r − 1.
     */
    final float[] roots;

    private RootTree(int size) {
        this.size = size;
        int bits = Integer.numberOfTrailingZeros(size);
        int odd = size >> bits;
        int subBits = subBits(bits, odd == 1);
        sub = 1 << subBits;
        top = size / sub;
        pitch = (long) (sub + (sub < 64 ? 0 : GAP)) * Butterflies.POINT;
        topRadix = radices(odd, bits - subBits, false);
        subRadix = radices(1, subBits, true);
        topAt = new int[topRadix.length];
        subAt = new int[subRadix.length];
        int length = 0;
        int nodes = 1;
        for (int level = 0; level < topRadix.length + subRadix.length; level++) {
            int radix = level < topRadix.length ? topRadix[level] : subRadix[level - topRadix.length];
            if (level < topRadix.length) {
                topAt[level] = length;
            } else {
                subAt[level - topRadix.length] = length;
            }
            length += 2 * nodes * pairs(radix);
            nodes *= radix;
        }
        roots = new float[length];
        double[] angles = {0.25};
        int at = 0;
        for (int level = 0; level < topRadix.length + subRadix.length; level++) {
            int radix = level < topRadix.length ? topRadix[level] : subRadix[level - topRadix.length];
            double[] children = new double[angles.length * radix];
            for (int node = 0; node < angles.length; node++) {
                double angle = angles[node];
                for (int pair = 0; pair < pairs(radix); pair++) {
                    double turn = switch (radix) {
                        case 4 -> angle / (2 << pair);
                        case 8 -> pair < 3 ? angle / (2 << pair) : angle / 8 + 0.125;
                        default -> (pair + 1) * angle / radix;
                    };
                    roots[at++] = (float) Math.cos(2 * Math.PI * turn);
                    roots[at++] = (float) Math.sin(2 * Math.PI * turn);
                }
                for (int child = 0; child < radix; child++) {
                    children[node * radix + child] = angle / radix + CHILDREN[radix][child];
                }
            }
            angles = children;
        }
    }

    /** Pairs of cosine and sine that a node of a level of this radix needs. */
    static int pairs(int radix) {
        return radix == 8 ? 4 : radix == 4 ? 2 : radix - 1;
    }

    /**
     * Bits of {@link #sub}. The upper levels have radix 4, after an odd factor if there is one; as few of them as leave a
     * node that stays close. An eight comes first in a node, and in the upper levels of the few sizes whose node would have
     * nothing after it.
     */
    private static int subBits(int bits, boolean even) {
        int topBits = even ? 2 : 0;
        while (bits - topBits > LARGEST_SUB && topBits < (bits > LONG ? MOST_TOP + 2 : MOST_TOP)) {
            topBits += 2;
        }
        int subBits = Math.max(0, bits - topBits);
        return subBits == 1 || subBits == 3 ? 0 : subBits;
    }

    /** An odd factor first, if any, then fours, and an eight first or last if bits are odd. */
    private static int[] radices(int odd, int bits, boolean eightFirst) {
        int eights = bits % 2;
        int fours = (bits - 3 * eights) / 2;
        int[] radices = new int[(odd > 1 ? 1 : 0) + eights + fours];
        Arrays.fill(radices, 4);
        if (odd > 1) {
            radices[0] = odd;
        }
        if (eights > 0) {
            radices[eightFirst ? 0 : radices.length - 1] = 8;
        }
        return radices;
    }

    /** The tree of exactly this size, one that {@link #sizeFor} gives. */
    static RootTree of(int size) {
        return KEPT.computeIfAbsent(size, RootTree::new);
    }

    /** The smallest size that holds this many points: 2^k, 5·2^k or 3·2^k. */
    static int sizeFor(long points) {
        if (points > 1 << 28) {
            throw new IllegalArgumentException("longConvolution: a transform of " + points
                    + " points was asked for, expected at most " + (1 << 28)
                    + "; cut the sequence into shorter chunks");
        }
        int size = SMALLEST;
        while (size < points) {
            size *= 2;
        }
        if (size >= 32 && size / 8 * 5 >= points) {
            return size / 8 * 5;
        }
        return size >= 16 && size / 4 * 3 >= points ? size / 4 * 3 : size;
    }
}
