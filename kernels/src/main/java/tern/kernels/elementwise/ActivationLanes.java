package tern.kernels.elementwise;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.bound;
import static tern.kernels.lanes.Lanes.exp;
import static tern.kernels.lanes.Lanes.expOfNumber;
import static tern.kernels.lanes.Lanes.expWithin;
import static tern.kernels.lanes.Lanes.expm1;
import static tern.kernels.lanes.Lanes.sigmoid;
import static tern.kernels.lanes.Lanes.sigmoidSlope;
import static tern.kernels.lanes.Lanes.softplus;
import static tern.kernels.lanes.Lanes.tanh;
import static tern.kernels.lanes.Lanes.tanhSlope;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

import tern.ops.Activation;
import tern.tensor.Workspace;

/**
 * Activations and their slopes over a run of floats; the output may be the input. Each function has a loop of its own, over
 * whole vectors: a choice inside a loop, or a second copy of a long body for the tail, and the compiler leaves vectors on
 * the heap. So the tail goes through the same loop in a scratch vector, and a value does not depend on its place. The loops
 * store by the vector's own method, which the compiler inlines however long the body has become.
 */
@SuppressWarnings("UnusedMethod") // the loops are found by name
public final class ActivationLanes {
    private static final float GELU_1 = (float) (2 * Functions.GELU_SCALE);
    private static final float GELU_3 = (float) (2 * Functions.GELU_SCALE * Functions.GELU_CUBIC);
    private static final float STEEPEST = (float) Functions.STEEPEST;
    // Beyond ±100 every σ is exactly 0 or 1; a factor held there cannot become ∞ and turn 0·∞ into NaN.
    private static final float FAR = 100;
    // Where σ with e^(−|x|) from Lanes.expWithin has become 0 or 1: of x itself, and of the argument of GELU's, which is 88 here.
    private static final float SILU_FAR = 88;
    private static final float GELU_FAR = 10.03f;
    private static final int LOWEST = Float.floatToRawIntBits(-89);
    private static final int HIGHEST = Float.floatToRawIntBits(88);
    private static final int LARGEST = Float.floatToRawIntBits(Float.MAX_VALUE);
    private static final float LOG2_E = 1.44269504f;
    private static final float ROUND = 12582912;
    private static final float LN2 = 0.69314718f;
    private static final float EXP_2 = 0.4999999403953552f;
    private static final float EXP_3 = 0.16666515171527863f;
    private static final float EXP_4 = 0.04166845604777336f;
    private static final float EXP_5 = 0.008369418792426586f;
    private static final float EXP_6 = 0.0013813144760206342f;

    private static final MethodType OUT = MethodType.methodType(void.class, MemorySegment.class, long.class, int.class);
    private static final MethodType IN_AND_OUT = OUT.insertParameterTypes(0, MemorySegment.class, long.class);
    // A handle that the compiler cannot know in advance keeps loops apart: of two in one method, one is left half inlined.
    private static final Map<Activation, MethodHandle> VALUES = new EnumMap<>(Activation.class);
    private static final Map<Activation, MethodHandle> SLOPES = new EnumMap<>(Activation.class);
    // The ones that networks are full of have backward loops in one pass, so that memory is met while there is work to do. Those of
    // gates, with two results, would be too long: the compiler leaves their vectors on the heap.
    private static final MethodType BACKWARD_TYPE = MethodType.methodType(void.class, MemorySegment.class,
            MemorySegment.class, MemorySegment.class, long.class, int.class);
    private static final Map<Activation, MethodHandle> BACKWARD = Map.of(
            Activation.GELU, loop("geluBackward", BACKWARD_TYPE), Activation.SILU, loop("siluBackward", BACKWARD_TYPE));
    private static final Map<Activation, MethodHandle> ADDED = Map.of(Activation.SILU, loop("addSilu", IN_AND_OUT));
    private static final Map<Activation, MethodHandle> TIMES_SLOPE = Map.of(Activation.SILU,
            loop("timesSiluSlope", IN_AND_OUT));
    private static final Map<Activation, MethodHandle> ADDED_WITH_SLOPE = Map.of(Activation.SILU,
            loop("addSiluAndSlope", IN_AND_OUT.insertParameterTypes(4, MemorySegment.class, long.class)));

    static {
        for (Activation f : Activation.values()) {
            VALUES.put(f, loop(switch (f) {
                case IDENTITY -> "copies";
                case RELU -> "relu";
                case RELU_SQUARED -> "reluSquared";
                case GELU -> "gelu";
                case SILU -> "silu";
                case SIGMOID -> "sigmoids";
                case TANH -> "tanhs";
                case EXP -> "exps";
                case EXPM1 -> "expm1s";
                case SOFTPLUS -> "softpluses";
                case COMPLEMENT -> "complements";
                case SPIKE -> "spikes";
            }, IN_AND_OUT));
            SLOPES.put(f, switch (f) {
                case IDENTITY -> MethodHandles.dropArguments(loop("ones", OUT), 0, MemorySegment.class, long.class);
                case RELU -> loop("reluSlopes", IN_AND_OUT);
                case RELU_SQUARED -> loop("reluSquaredSlopes", IN_AND_OUT);
                case GELU -> loop("geluSlopes", IN_AND_OUT);
                case SILU -> loop("siluSlopes", IN_AND_OUT);
                case SIGMOID -> loop("sigmoidSlopes", IN_AND_OUT);
                case TANH -> loop("tanhSlopes", IN_AND_OUT);
                case EXP, EXPM1 -> loop("exps", IN_AND_OUT);
                case SOFTPLUS -> loop("sigmoids", IN_AND_OUT);
                case COMPLEMENT -> loop("complementSlopes", IN_AND_OUT);
                case SPIKE -> loop("spikeSlopes", IN_AND_OUT);
            });
        }
    }

    private ActivationLanes() {
    }

    private static MethodHandle loop(String name, MethodType type) {
        try {
            return MethodHandles.lookup().findStatic(ActivationLanes.class, name, type);
        } catch (ReflectiveOperationException absent) {
            throw new AssertionError("no loop " + name, absent);
        }
    }

    private static void run(Map<Activation, MethodHandle> loops, Activation f, MemorySegment x, long xAt,
            MemorySegment y, long yAt, int n) {
        try {
            Objects.requireNonNull(loops.get(f)).invokeExact(x, xAt, y, yAt, n);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new AssertionError("a loop throws nothing checked", impossible);
        }
    }

    /** y ← f(x) for {@code n} floats at byte offsets. */
    public static void value(Activation f, MemorySegment x, long xAt, MemorySegment y, long yAt, int n,
            Workspace scratch) {
        int whole = bound(n);
        run(VALUES, f, x, xAt, y, yAt, whole);
        if (whole < n) {
            MemorySegment tail = tail(x, xAt + 4L * whole, n - whole, scratch);
            run(VALUES, f, tail, 0, tail, 0, LENGTH);
            MemorySegment.copy(tail, 0, y, yAt + 4L * whole, 4L * (n - whole));
        }
    }

    /** y ← f'(x) for {@code n} floats at byte offsets. */
    public static void slope(Activation f, MemorySegment x, long xAt, MemorySegment y, long yAt, int n,
            Workspace scratch) {
        int whole = bound(n);
        run(SLOPES, f, x, xAt, y, yAt, whole);
        if (whole < n) {
            MemorySegment tail = tail(x, xAt + 4L * whole, n - whole, scratch);
            run(SLOPES, f, tail, 0, tail, 0, LENGTH);
            MemorySegment.copy(tail, 0, y, yAt + 4L * whole, 4L * (n - whole));
        }
    }

    /** Whether there is a loop of {@link #backward} for a function. */
    static boolean hasBackward(Activation f) {
        return BACKWARD.containsKey(f);
    }

    /** dx ← f'(x) ⊙ dy, 0 where dy is, for {@code n} floats at a byte offset. */
    static void backward(Activation f, MemorySegment x, MemorySegment dy, MemorySegment dx, long at, int n,
            Workspace scratch) {
        MethodHandle loop = Objects.requireNonNull(BACKWARD.get(f));
        int whole = bound(n);
        long end = at + 4L * whole;
        try {
            loop.invokeExact(x, dy, dx, at, whole);
            if (whole < n) {
                MemorySegment tail = tail(x, end, n - whole, scratch);
                loop.invokeExact(tail, tail(dy, end, n - whole, scratch), tail, 0L, LENGTH);
                MemorySegment.copy(tail, 0, dx, end, 4L * (n - whole));
            }
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new AssertionError("a loop throws nothing checked", impossible);
        }
    }

    /** x ← f(x) + beside, or f(x) if nothing is added, for {@code n} floats of whole vectors at byte offsets. */
    public static void valueAndAdd(Activation f, MemorySegment x, long at, boolean add, MemorySegment beside,
            long besideAt, int n) {
        if (add && ADDED.containsKey(f)) {
            run(ADDED, f, x, at, beside, besideAt, n);
            return;
        }
        if (f != Activation.IDENTITY) {
            run(VALUES, f, x, at, x, at, n);
        }
        if (add) {
            add(x, at, beside, besideAt, n);
        }
    }

    /** slopes ← f'(x), for {@code n} floats of whole vectors at byte offsets. */
    public static void slopes(Activation f, MemorySegment x, long at, MemorySegment slopes, long slopesAt, int n) {
        run(SLOPES, f, x, at, slopes, slopesAt, n);
    }

    /**
     * slopes ← f'(x), then x ← f(x) + beside, or f(x) if nothing is added, for {@code n} floats of whole vectors at byte
     * offsets; the bits of {@link #valueAndAdd}. Of IDENTITY no slopes are written.
     */
    public static void valueAndSlope(Activation f, MemorySegment x, long at, boolean add, MemorySegment beside,
            long besideAt, MemorySegment slopes, long slopesAt, int n) {
        if (add && ADDED_WITH_SLOPE.containsKey(f)) {
            try {
                Objects.requireNonNull(ADDED_WITH_SLOPE.get(f)).invokeExact(x, at, beside, besideAt, slopes, slopesAt,
                        n);
            } catch (RuntimeException | Error thrown) {
                throw thrown;
            } catch (Throwable impossible) {
                throw new AssertionError("a loop throws nothing checked", impossible);
            }
            return;
        }
        if (f != Activation.IDENTITY) {
            run(SLOPES, f, x, at, slopes, slopesAt, n);
        }
        valueAndAdd(f, x, at, add, beside, besideAt, n);
    }

    /** x ← f'(x) ⊙ beside, for {@code n} floats of whole vectors at byte offsets. */
    public static void slopeTimes(Activation f, MemorySegment x, long at, MemorySegment beside, long besideAt, int n) {
        if (TIMES_SLOPE.containsKey(f)) {
            run(TIMES_SLOPE, f, x, at, beside, besideAt, n);
            return;
        }
        run(SLOPES, f, x, at, x, at, n);
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, at + 4L * i, ORDER)
                    .mul(fromMemorySegment(SPECIES, beside, besideAt + 4L * i, ORDER))
                    .intoMemorySegment(x, at + 4L * i, ORDER);
        }
    }

    // x/(1 + e^(−x)) + beside. The exponential is Lanes.expWithin with the signs in the constants and ln 2 in one part, which adds
    // 2e-9 times the exponent of the result to the relative error. It is of x between −89 and 88, where it has become ∞ and 0:
    // bits of floats compared as whole numbers, since masks would cost thrice as much; of negative ones, without sign, those
    // further down are the larger, and all are larger than those of positive ones. Written out, as Lanes.exponentials is.
    private static void addSilu(MemorySegment x, long at, MemorySegment beside, long besideAt, int n) {
        FloatVector log2 = FloatVector.broadcast(SPECIES, -LOG2_E);
        FloatVector round = FloatVector.broadcast(SPECIES, ROUND);
        FloatVector ln2 = FloatVector.broadcast(SPECIES, LN2);
        FloatVector p6 = FloatVector.broadcast(SPECIES, EXP_6);
        FloatVector p5 = FloatVector.broadcast(SPECIES, -EXP_5);
        FloatVector p4 = FloatVector.broadcast(SPECIES, EXP_4);
        FloatVector p3 = FloatVector.broadcast(SPECIES, -EXP_3);
        FloatVector p2 = FloatVector.broadcast(SPECIES, EXP_2);
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector given = fromMemorySegment(SPECIES, x, at + 4L * i, ORDER);
            FloatVector in = given.reinterpretAsInts().lanewise(VectorOperators.UMIN, LOWEST)
                    .lanewise(VectorOperators.MIN, HIGHEST).reinterpretAsFloats();
            FloatVector rounded = in.fma(log2, round);
            FloatVector r = rounded.sub(round).fma(ln2, in);
            FloatVector q = r.fma(p6, p5).fma(r, p4).fma(r, p3).fma(r, p2);
            FloatVector e = q.fma(r.mul(r), one.sub(r)).mul(rounded.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 23).add(0x3F800000).reinterpretAsFloats());
            FloatVector inverse = one.div(e.add(one));
            given.fma(inverse, fromMemorySegment(SPECIES, beside, besideAt + 4L * i, ORDER)).intoMemorySegment(x,
                    at + 4L * i, ORDER);
        }
    }

    // The same, and with s = 1/(1 + e) the slope s + x·s·(1 − s), where e·s is 1 − s without cancellation.
    private static void addSiluAndSlope(MemorySegment x, long at, MemorySegment beside, long besideAt,
            MemorySegment slopes, long slopesAt, int n) {
        FloatVector log2 = FloatVector.broadcast(SPECIES, -LOG2_E);
        FloatVector round = FloatVector.broadcast(SPECIES, ROUND);
        FloatVector ln2 = FloatVector.broadcast(SPECIES, LN2);
        FloatVector p6 = FloatVector.broadcast(SPECIES, EXP_6);
        FloatVector p5 = FloatVector.broadcast(SPECIES, -EXP_5);
        FloatVector p4 = FloatVector.broadcast(SPECIES, EXP_4);
        FloatVector p3 = FloatVector.broadcast(SPECIES, -EXP_3);
        FloatVector p2 = FloatVector.broadcast(SPECIES, EXP_2);
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector given = fromMemorySegment(SPECIES, x, at + 4L * i, ORDER);
            FloatVector in = given.reinterpretAsInts().lanewise(VectorOperators.UMIN, LOWEST)
                    .lanewise(VectorOperators.MIN, HIGHEST).reinterpretAsFloats();
            FloatVector rounded = in.fma(log2, round);
            FloatVector r = rounded.sub(round).fma(ln2, in);
            FloatVector q = r.fma(p6, p5).fma(r, p4).fma(r, p3).fma(r, p2);
            FloatVector e = q.fma(r.mul(r), one.sub(r)).mul(rounded.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 23).add(0x3F800000).reinterpretAsFloats());
            FloatVector inverse = one.div(e.add(one));
            given.fma(inverse, fromMemorySegment(SPECIES, beside, besideAt + 4L * i, ORDER)).intoMemorySegment(x,
                    at + 4L * i, ORDER);
            FloatVector finite = e.reinterpretAsInts().lanewise(VectorOperators.MIN, LARGEST).reinterpretAsFloats();
            finite.mul(inverse).fma(in, one).mul(inverse).intoMemorySegment(slopes, slopesAt + 4L * i, ORDER);
        }
    }

    private static void add(MemorySegment x, long at, MemorySegment beside, long besideAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, x, at + 4L * i, ORDER)
                    .add(fromMemorySegment(SPECIES, beside, besideAt + 4L * i, ORDER))
                    .intoMemorySegment(x, at + 4L * i, ORDER);
        }
    }

    private static void timesSiluSlope(MemorySegment x, long at, MemorySegment beside, long besideAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            siluSlope(fromMemorySegment(SPECIES, x, at + 4L * i, ORDER))
                    .mul(fromMemorySegment(SPECIES, beside, besideAt + 4L * i, ORDER))
                    .intoMemorySegment(x, at + 4L * i, ORDER);
        }
    }

    private static MemorySegment tail(MemorySegment x, long at, int n, Workspace scratch) {
        MemorySegment tail = scratch.floatMemory(LENGTH).fill((byte) 0);
        MemorySegment.copy(x, at, tail, 0, 4L * n);
        return tail;
    }

    private static void copies(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        MemorySegment.copy(x, xAt, y, yAt, 4L * n);
    }

    private static void relu(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            positive(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void reluSquared(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector positive = positive(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER));
            positive.mul(positive).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void gelu(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            gelu(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void silu(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            silu(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void sigmoids(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            sigmoid(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void tanhs(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            tanh(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void exps(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            exp(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void expm1s(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            expm1(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void softpluses(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            softplus(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void reluSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            reluSlope(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void reluSquaredSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            positive(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).mul(2).intoMemorySegment(y, yAt + 4L * i,
                    ORDER);
        }
    }

    private static void geluSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            geluSlope(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void siluSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            siluSlope(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void sigmoidSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            sigmoidSlope(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void tanhSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            tanhSlope(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void ones(MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector.broadcast(SPECIES, 1).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void complements(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            left(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).sqrt().intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void complementSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            complementSlope(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i,
                    ORDER);
        }
    }

    private static void spikes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            spike(fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static void spikeSlopes(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector turned = fromMemorySegment(SPECIES, x, xAt + 4L * i, ORDER).mul((float) Math.PI);
            FloatVector.broadcast(SPECIES, 1).div(turned.mul(turned).add(1)).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    private static FloatVector spike(FloatVector x) {
        return x.blend(0, x.compare(VectorOperators.LT, 0)).blend(1, x.compare(VectorOperators.GE, 0));
    }

    // 1 − e^(2x), and 0 above 0.
    private static FloatVector left(FloatVector x) {
        FloatVector twice = x.add(x);
        return expm1(twice.blend(0, twice.compare(VectorOperators.GT, 0))).abs();
    }

    private static FloatVector complementSlope(FloatVector x) {
        FloatVector steep = FloatVector.broadcast(SPECIES, 1).div(left(x).sqrt());
        FloatVector held = steep.blend(STEEPEST, steep.compare(VectorOperators.GT, STEEPEST));
        FloatVector slope = exp(x.add(x)).mul(held).neg();
        return slope.blend(0, x.compare(VectorOperators.GT, 0));
    }

    private static FloatVector positive(FloatVector x) {
        return x.blend(0, x.compare(VectorOperators.LE, 0));
    }

    private static FloatVector reluSlope(FloatVector x) {
        return x.blend(0, x.compare(VectorOperators.LE, 0)).blend(1, x.compare(VectorOperators.GT, 0));
    }

    // By choice, since Java's max and min take six instructions each; what is no number stays what it is.
    private static FloatVector notBelow(FloatVector x) {
        return x.blend(-FAR, x.compare(VectorOperators.LT, -FAR));
    }

    private static FloatVector within(FloatVector x, float far) {
        FloatVector low = x.blend(-far, x.compare(VectorOperators.LT, -far));
        return low.blend(far, low.compare(VectorOperators.GT, far));
    }

    // x·σ(2√(2/π)·(x + 0.044715x³)), the argument of σ negated by its factors.
    private static FloatVector gelu(FloatVector x) {
        FloatVector in = notBelow(x);
        return in.div(expOfNumber(in.mul(in)
                .fma(FloatVector.broadcast(SPECIES, -GELU_3), FloatVector.broadcast(SPECIES, -GELU_1)).mul(in)).add(1));
    }

    private static FloatVector geluSlope(FloatVector x) {
        FloatVector in = within(x, GELU_FAR);
        FloatVector square = in.mul(in);
        FloatVector argument = geluArgument(in, square);
        FloatVector small = small(argument);
        FloatVector inverse = inverse(small);
        return geluFactor(in, square).fma(small.mul(inverse).mul(inverse), sigmoidOf(argument, small, inverse));
    }

    private static FloatVector geluArgument(FloatVector x, FloatVector square) {
        return square.fma(FloatVector.broadcast(SPECIES, GELU_3), FloatVector.broadcast(SPECIES, GELU_1)).mul(x);
    }

    // x times the argument's slope.
    private static FloatVector geluFactor(FloatVector x, FloatVector square) {
        return square.fma(FloatVector.broadcast(SPECIES, 3 * GELU_3), FloatVector.broadcast(SPECIES, GELU_1)).mul(x);
    }

    private static FloatVector silu(FloatVector x) {
        FloatVector in = notBelow(x);
        return in.div(expOfNumber(in.neg()).add(1));
    }

    private static FloatVector siluSlope(FloatVector x) {
        FloatVector in = within(x, SILU_FAR);
        FloatVector small = small(in);
        FloatVector inverse = inverse(small);
        return in.fma(small.mul(inverse).mul(inverse), sigmoidOf(in, small, inverse));
    }

    // σ and its slope of one exponential: with e = e^(−|x|), σ(x) is 1/(1 + e) or e/(1 + e), and σ'(x) = e/(1 + e)².
    private static FloatVector small(FloatVector x) {
        return expWithin(x.abs().neg());
    }

    private static FloatVector inverse(FloatVector small) {
        return FloatVector.broadcast(SPECIES, 1).div(small.add(1));
    }

    private static FloatVector sigmoidOf(FloatVector x, FloatVector small, FloatVector inverse) {
        return inverse.mul(small.blend(1, x.compare(VectorOperators.GE, 0)));
    }

    private static void geluBackward(MemorySegment x, MemorySegment dy, MemorySegment dx, long at, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + 4L * i, ORDER);
            geluSlope(fromMemorySegment(SPECIES, x, at + 4L * i, ORDER)).mul(gradient)
                    .blend(0, gradient.compare(VectorOperators.EQ, 0)).intoMemorySegment(dx, at + 4L * i, ORDER);
        }
    }

    private static void siluBackward(MemorySegment x, MemorySegment dy, MemorySegment dx, long at, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + 4L * i, ORDER);
            siluSlope(fromMemorySegment(SPECIES, x, at + 4L * i, ORDER)).mul(gradient)
                    .blend(0, gradient.compare(VectorOperators.EQ, 0)).intoMemorySegment(dx, at + 4L * i, ORDER);
        }
    }
}
