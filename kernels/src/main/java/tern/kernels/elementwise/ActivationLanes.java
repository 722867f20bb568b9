package tern.kernels.elementwise;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.all;
import static tern.kernels.lanes.Lanes.bound;
import static tern.kernels.lanes.Lanes.exp;
import static tern.kernels.lanes.Lanes.expm1;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.sigmoid;
import static tern.kernels.lanes.Lanes.sigmoidSlope;
import static tern.kernels.lanes.Lanes.tanh;
import static tern.kernels.lanes.Lanes.tanhSlope;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

import tern.ops.Activation;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Workspace;

/**
 * Activations and their slopes over a run of floats; the output may be the input. Each function has a loop of its own, over
 * whole vectors: a choice inside a loop, or a second copy of a long body for the tail, and the compiler leaves vectors on
 * the heap. So the tail goes through the same loop in a scratch vector, and a value does not depend on its place. The loops
 * store by the vector's own method, which the compiler inlines however long the body has become.
 */
final class ActivationLanes {
    private static final float GELU_1 = (float) (2 * Functions.GELU_SCALE);
    private static final float GELU_3 = (float) (2 * Functions.GELU_SCALE * Functions.GELU_CUBIC);
    // Beyond ±100 every σ is exactly 0 or 1; a factor held there cannot become ∞ and turn 0·∞ into NaN.
    private static final float FAR = 100;

    private ActivationLanes() {
    }

    /** y ← f(x) for {@code n} floats at byte offsets. */
    static void value(Activation f, MemorySegment x, long xAt, MemorySegment y, long yAt, int n, Workspace scratch) {
        int whole = bound(n);
        values(f, x, xAt, y, yAt, whole);
        if (whole < n) {
            MemorySegment tail = tail(x, xAt + 4L * whole, n - whole, scratch);
            values(f, tail, 0, tail, 0, LENGTH);
            MemorySegment.copy(tail, 0, y, yAt + 4L * whole, 4L * (n - whole));
        }
    }

    /** y ← f'(x) for {@code n} floats at byte offsets. */
    static void slope(Activation f, MemorySegment x, long xAt, MemorySegment y, long yAt, int n, Workspace scratch) {
        int whole = bound(n);
        slopes(f, x, xAt, y, yAt, whole);
        if (whole < n) {
            MemorySegment tail = tail(x, xAt + 4L * whole, n - whole, scratch);
            slopes(f, tail, 0, tail, 0, LENGTH);
            MemorySegment.copy(tail, 0, y, yAt + 4L * whole, 4L * (n - whole));
        }
    }

    private static MemorySegment tail(MemorySegment x, long at, int n, Workspace scratch) {
        MemorySegment tail = scratch.allocate(DType.F32, Shape.of(LENGTH)).data().fill((byte) 0);
        MemorySegment.copy(x, at, tail, 0, 4L * n);
        return tail;
    }

    private static void values(Activation f, MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        switch (f) {
            case IDENTITY -> MemorySegment.copy(x, xAt, y, yAt, 4L * n);
            case RELU -> relu(x, xAt, y, yAt, n);
            case RELU_SQUARED -> reluSquared(x, xAt, y, yAt, n);
            case GELU -> gelu(x, xAt, y, yAt, n);
            case SILU -> silu(x, xAt, y, yAt, n);
            case SIGMOID -> sigmoids(x, xAt, y, yAt, n);
            case TANH -> tanhs(x, xAt, y, yAt, n);
            case EXP -> exps(x, xAt, y, yAt, n);
            case EXPM1 -> expm1s(x, xAt, y, yAt, n);
        }
    }

    private static void slopes(Activation f, MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        switch (f) {
            case IDENTITY -> ones(y, yAt, n);
            case RELU -> reluSlopes(x, xAt, y, yAt, n);
            case RELU_SQUARED -> reluSquaredSlopes(x, xAt, y, yAt, n);
            case GELU -> geluSlopes(x, xAt, y, yAt, n);
            case SILU -> siluSlopes(x, xAt, y, yAt, n);
            case SIGMOID -> sigmoidSlopes(x, xAt, y, yAt, n);
            case TANH -> tanhSlopes(x, xAt, y, yAt, n);
            case EXP, EXPM1 -> exps(x, xAt, y, yAt, n);
        }
    }

    private static void relu(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            positive(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void reluSquared(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector positive = positive(load(x, xAt + 4L * i));
            positive.mul(positive).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void gelu(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            gelu(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void silu(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            silu(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void sigmoids(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            sigmoid(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void tanhs(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            tanh(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void exps(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            exp(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void expm1s(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            expm1(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void reluSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            reluSlope(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void reluSquaredSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            positive(load(x, xAt + 4L * i)).mul(2).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void geluSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            geluSlope(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void siluSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            siluSlope(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void sigmoidSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            sigmoidSlope(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void tanhSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            tanhSlope(load(x, xAt + 4L * i)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void ones(MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            all(1).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static FloatVector positive(FloatVector x) {
        return x.blend(0, x.compare(VectorOperators.LE, 0));
    }

    private static FloatVector reluSlope(FloatVector x) {
        return x.blend(0, x.compare(VectorOperators.LE, 0)).blend(1, x.compare(VectorOperators.GT, 0));
    }

    private static FloatVector notBelow(FloatVector x) {
        return x.blend(-FAR, x.compare(VectorOperators.LT, -FAR));
    }

    private static FloatVector within(FloatVector x) {
        FloatVector above = notBelow(x);
        return above.blend(FAR, above.compare(VectorOperators.GT, FAR));
    }

    // The argument of σ in GELU's tanh form: 2√(2/π)·(x + 0.044715x³).
    private static FloatVector geluArgument(FloatVector x) {
        return x.mul(x).fma(all(GELU_3), all(GELU_1)).mul(x);
    }

    private static FloatVector gelu(FloatVector x) {
        FloatVector in = notBelow(x);
        return in.div(exp(geluArgument(in).neg()).add(1));
    }

    private static FloatVector geluSlope(FloatVector x) {
        FloatVector in = within(x);
        FloatVector square = in.mul(in);
        FloatVector inner = square.fma(all(3 * GELU_3), all(GELU_1)).mul(in);
        return sigmoidAndSlope(square.fma(all(GELU_3), all(GELU_1)).mul(in), inner);
    }

    private static FloatVector silu(FloatVector x) {
        FloatVector in = notBelow(x);
        return in.div(exp(in.neg()).add(1));
    }

    private static FloatVector siluSlope(FloatVector x) {
        FloatVector in = within(x);
        return sigmoidAndSlope(in, in);
    }

    // σ(x) + factor·σ(x)(1 − σ(x)) with one exponential: with e = e^(−|x|), σ is 1/(1 + e) or e/(1 + e).
    private static FloatVector sigmoidAndSlope(FloatVector x, FloatVector factor) {
        FloatVector small = exp(x.abs().neg());
        FloatVector inverse = all(1).div(small.add(1));
        FloatVector sigmoid = inverse.mul(small.blend(1, x.compare(VectorOperators.GE, 0)));
        return factor.fma(small.mul(inverse).mul(inverse), sigmoid);
    }
}
