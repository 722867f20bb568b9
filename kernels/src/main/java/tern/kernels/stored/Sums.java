package tern.kernels.stored;

import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.load;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

import tern.kernels.lanes.Lanes;

/**
 * The sums of the lanes of vectors, each in an order that depends on nothing but the number of lanes. Vectors of sixteen are
 * added up sixteen at a time, by transposing them in halves and adding the two vectors of each exchange. Stateless.
 */
final class Sums {
    /** Vectors that are added up together. */
    static final int TOGETHER = 16;
    private static final boolean SIXTEEN_LANES = LENGTH == TOGETHER;
    private static final VectorShuffle<Float> SWAP_1 = swap(1);
    private static final VectorShuffle<Float> SWAP_2 = swap(2);
    private static final VectorShuffle<Float> SWAP_4 = swap(4);
    private static final VectorShuffle<Float> SWAP_8 = swap(8);
    private static final VectorMask<Float> ODD_1 = odd(1);
    private static final VectorMask<Float> ODD_2 = odd(2);
    private static final VectorMask<Float> ODD_4 = odd(4);
    private static final VectorMask<Float> ODD_8 = odd(8);

    private Sums() {
    }

    private static VectorShuffle<Float> swap(int distance) {
        return VectorShuffle.fromOp(Lanes.SPECIES, i -> (i ^ distance) % LENGTH);
    }

    private static VectorMask<Float> odd(int distance) {
        boolean[] lanes = new boolean[LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            lanes[i] = (i & distance) != 0;
        }
        return VectorMask.fromArray(Lanes.SPECIES, lanes, 0);
    }

    /**
     * The sums of {@link #TOGETHER} vectors.
     *
     * @param vectors one after the other from {@code from} on
     * @param to where the sums go in the same array
     */
    static void addUp(float[] vectors, int from, int to) {
        if (SIXTEEN_LANES) {
            addUpSixteen(vectors, from, to);
            return;
        }
        for (int i = 0; i < TOGETHER; i++) {
            vectors[to + i] = Lanes.sum(load(vectors, from + i * LENGTH));
        }
    }

    /** Written out: as a whole it is too large to be taken into its callers, which would leave it half compiled. */
    private static void addUpSixteen(float[] v, int at, int to) {
        FloatVector a0 = load(v, at), a1 = load(v, at + 16), a2 = load(v, at + 32), a3 = load(v, at + 48);
        FloatVector a4 = load(v, at + 64), a5 = load(v, at + 80), a6 = load(v, at + 96), a7 = load(v, at + 112);
        FloatVector b0 = a0.blend(a1.rearrange(SWAP_1), ODD_1).add(a0.rearrange(SWAP_1).blend(a1, ODD_1));
        FloatVector b1 = a2.blend(a3.rearrange(SWAP_1), ODD_1).add(a2.rearrange(SWAP_1).blend(a3, ODD_1));
        FloatVector b2 = a4.blend(a5.rearrange(SWAP_1), ODD_1).add(a4.rearrange(SWAP_1).blend(a5, ODD_1));
        FloatVector b3 = a6.blend(a7.rearrange(SWAP_1), ODD_1).add(a6.rearrange(SWAP_1).blend(a7, ODD_1));
        FloatVector a8 = load(v, at + 128), a9 = load(v, at + 144), a10 = load(v, at + 160), a11 = load(v, at + 176);
        FloatVector a12 = load(v, at + 192), a13 = load(v, at + 208), a14 = load(v, at + 224), a15 = load(v, at + 240);
        FloatVector b4 = a8.blend(a9.rearrange(SWAP_1), ODD_1).add(a8.rearrange(SWAP_1).blend(a9, ODD_1));
        FloatVector b5 = a10.blend(a11.rearrange(SWAP_1), ODD_1).add(a10.rearrange(SWAP_1).blend(a11, ODD_1));
        FloatVector b6 = a12.blend(a13.rearrange(SWAP_1), ODD_1).add(a12.rearrange(SWAP_1).blend(a13, ODD_1));
        FloatVector b7 = a14.blend(a15.rearrange(SWAP_1), ODD_1).add(a14.rearrange(SWAP_1).blend(a15, ODD_1));
        FloatVector c0 = b0.blend(b1.rearrange(SWAP_2), ODD_2).add(b0.rearrange(SWAP_2).blend(b1, ODD_2));
        FloatVector c1 = b2.blend(b3.rearrange(SWAP_2), ODD_2).add(b2.rearrange(SWAP_2).blend(b3, ODD_2));
        FloatVector c2 = b4.blend(b5.rearrange(SWAP_2), ODD_2).add(b4.rearrange(SWAP_2).blend(b5, ODD_2));
        FloatVector c3 = b6.blend(b7.rearrange(SWAP_2), ODD_2).add(b6.rearrange(SWAP_2).blend(b7, ODD_2));
        FloatVector d0 = c0.blend(c1.rearrange(SWAP_4), ODD_4).add(c0.rearrange(SWAP_4).blend(c1, ODD_4));
        FloatVector d1 = c2.blend(c3.rearrange(SWAP_4), ODD_4).add(c2.rearrange(SWAP_4).blend(c3, ODD_4));
        d0.blend(d1.rearrange(SWAP_8), ODD_8).add(d0.rearrange(SWAP_8).blend(d1, ODD_8)).intoArray(v, to);
    }
}
