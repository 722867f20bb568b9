package tern.kernels.attention;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.all;
import static tern.kernels.lanes.Lanes.exp;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

import tern.ops.Weighing;

/** Weights of scores that are not normalised, over runs of whole vectors. Each function has a loop of its own. */
final class ScoreLanes {
    private static final float MEAN = (float) Weights.MEAN;
    private static final float STEEPNESS = (float) Weights.STEEPNESS;
    private static final float HIGHEST_SLOPE = (float) Math.sqrt(2);
    private static final float CURVATURE = (float) (-2 * Math.PI);
    // ln(erfc(x)·e^(x²)/t) in t = 1/(1 + x/2), x ≥ 0 (Press et al., Numerical Recipes, section 6.2): 1.2e-7 relative to erfc.
    private static final float C0 = -1.26551223f;
    private static final float C1 = 1.00002368f;
    private static final float C2 = 0.37409196f;
    private static final float C3 = 0.09678418f;
    private static final float C4 = -0.18628806f;
    private static final float C5 = 0.27886807f;
    private static final float C6 = -1.13520398f;
    private static final float C7 = 1.48851587f;
    private static final float C8 = -0.82215223f;
    private static final float C9 = 0.17087277f;

    private ScoreLanes() {
    }

    /** Scores become weights; {@code n} is a number of whole vectors. */
    static void weigh(Weighing weighing, MemorySegment scores, long at, int n) {
        if (weighing == Weighing.LAPLACE) {
            laplace(scores, at, n);
        } else {
            squares(scores, at, n);
        }
    }

    private static void laplace(MemorySegment scores, long at, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            laplace(fromMemorySegment(SPECIES, scores, at + 4L * i, ORDER)).intoMemorySegment(scores, at + 4L * i,
                    ORDER);
        }
    }

    private static void squares(MemorySegment scores, long at, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector positive = fromMemorySegment(SPECIES, scores, at + 4L * i, ORDER).max(0);
            positive.mul(positive).intoMemorySegment(scores, at + 4L * i, ORDER);
        }
    }

    /** Scores become weights, and the gradients of weights those of scores. */
    static void backward(Weighing weighing, MemorySegment scores, MemorySegment gradients, long at, int n) {
        if (weighing == Weighing.LAPLACE) {
            slopes(scores, gradients, at, n);
            laplace(scores, at, n);
        } else {
            squaresBackward(scores, gradients, at, n);
        }
    }

    private static void slopes(MemorySegment scores, MemorySegment gradients, long at, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector from = fromMemorySegment(SPECIES, scores, at + 4L * i, ORDER).sub(MEAN);
            exp(from.mul(from).mul(CURVATURE)).mul(HIGHEST_SLOPE)
                    .mul(fromMemorySegment(SPECIES, gradients, at + 4L * i, ORDER))
                    .intoMemorySegment(gradients, at + 4L * i, ORDER);
        }
    }

    private static void squaresBackward(MemorySegment scores, MemorySegment gradients, long at, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector positive = fromMemorySegment(SPECIES, scores, at + 4L * i, ORDER).max(0);
            positive.add(positive).mul(fromMemorySegment(SPECIES, gradients, at + 4L * i, ORDER))
                    .intoMemorySegment(gradients, at + 4L * i, ORDER);
            positive.mul(positive).intoMemorySegment(scores, at + 4L * i, ORDER);
        }
    }

    private static FloatVector laplace(FloatVector score) {
        FloatVector x = all(MEAN).sub(score).mul(STEEPNESS);
        FloatVector size = x.abs();
        FloatVector t = all(1).div(size.fma(all(0.5f), all(1)));
        FloatVector p = t.fma(all(C9), all(C8));
        p = p.fma(t, all(C7));
        p = p.fma(t, all(C6));
        p = p.fma(t, all(C5));
        p = p.fma(t, all(C4));
        p = p.fma(t, all(C3));
        p = p.fma(t, all(C2));
        p = p.fma(t, all(C1));
        p = p.fma(t, all(C0));
        FloatVector half = t.mul(0.5f).mul(exp(p.sub(size.mul(size))));
        return half.blend(all(1).sub(half), x.compare(VectorOperators.LT, 0));
    }
}
