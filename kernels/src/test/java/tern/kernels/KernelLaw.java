package tern.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;

import tern.tensor.Blocks;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * What the law tests of kernels share: tensors that are slices at odd offsets of larger allocations with guard values on
 * both sides, outputs and scratch full of NaN, comparison, and finite differences. Every message names the seed.
 *
 * <pre>
 * try (KernelLaw law = new KernelLaw(seed)) {
 *     Tensor x = law.gaussian(DType.F32, length);
 *     Tensor expected = law.blank(DType.F32, length);
 *     Tensor actual = law.blank(DType.F32, length);
 *     new Reference().f(law.team(1), x, expected);
 *     new Vector().f(law.team(4), x, actual);
 *     law.assertClose("f", actual, expected);
 *     law.assertGuardsUntouched();
 * }
 * </pre>
 */
public final class KernelLaw implements AutoCloseable {
    /** Largest difference, relative to the size of the entry plus the root mean square of all, of an F32 result. */
    public static final double TOLERANCE_F32 = 1e-5;
    /** The same for F64. */
    public static final double TOLERANCE_F64 = 1e-11;
    private static final double STEP = 1e-5;
    private static final double SLOPE_TOLERANCE = 2e-7;
    private static final int GUARD_BYTES = 128;
    private static final byte GUARD = (byte) 0xA5;
    private static final long SCRATCH_BYTES = 1L << 20;

    private final long seed;
    private final SplittableRandom random;
    private final Memory memory = new Memory();
    private final List<MemorySegment> guards = new ArrayList<>();
    private final List<ThreadTeam> teams = new ArrayList<>();

    /** A law whose cases are drawn from this seed. */
    public KernelLaw(long seed) {
        this.seed = seed;
        this.random = new SplittableRandom(seed);
    }

    /** 0 … 2·lanes + 1: every remainder of a loop over whole vectors, of one vector and of a pair. */
    public static IntStream lengths() {
        return IntStream.rangeClosed(0, 2 * FloatVector.SPECIES_PREFERRED.length() + 1);
    }

    /** The generator of this case. */
    public SplittableRandom random() {
        return random;
    }

    /** A team whose scratch memory is full of NaN; closed with the law. */
    public ThreadTeam team(int threads) {
        ThreadTeam team = new ThreadTeam(threads);
        teams.add(team);
        poison(team.scratch());
        team.run(2 * threads, (index, scratch) -> poison(scratch));
        return team;
    }

    private static void poison(Workspace scratch) {
        Workspace.Mark mark = scratch.mark();
        scratch.allocate(DType.F32, Shape.of(Math.toIntExact(SCRATCH_BYTES / 4))).data().fill((byte) 0xFF);
        scratch.release(mark);
    }

    /** A tensor full of NaN at an odd offset, guarded on both sides: for what a kernel must write. */
    public Tensor blank(DType dtype, int... lengths) {
        Shape shape = Shape.of(lengths);
        long bytes = dtype.bytes(shape.elements());
        long shift = (1 + 2L * random.nextInt(8)) * (dtype.isBlocked() ? 1 : dtype.bytes());
        Tensor whole = memory.allocate(DType.U8, Shape.of(Math.toIntExact(2 * GUARD_BYTES + shift + bytes)));
        MemorySegment block = whole.data();
        block.fill(GUARD);
        guards.add(block.asSlice(0, GUARD_BYTES + shift));
        guards.add(block.asSlice(GUARD_BYTES + shift + bytes));
        MemorySegment data = block.asSlice(GUARD_BYTES + shift, bytes);
        data.fill((byte) 0xFF);
        return Tensor.over(dtype, shape, data);
    }

    /** A tensor of zeros, placed as {@link #blank} places it. */
    public Tensor zeros(DType dtype, int... lengths) {
        return blank(dtype, lengths).fill(0);
    }

    /** A tensor of normal deviates, placed as {@link #blank} places it. */
    public Tensor gaussian(DType dtype, int... lengths) {
        Tensor tensor = blank(dtype, lengths);
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextGaussian());
        }
        return tensor;
    }

    /**
     * A tensor of a type that weights are stored in, placed as {@link #blank} places it: normal deviates where elements are
     * stored by themselves, else any bits with scales between 1/16 and 1 of either sign.
     */
    public Tensor stored(DType dtype, int... lengths) {
        if (!dtype.isBlocked()) {
            return gaussian(dtype, lengths);
        }
        Tensor tensor = blank(dtype, lengths);
        MemorySegment data = tensor.data();
        for (long i = 0; i < data.byteSize(); i++) {
            data.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
        }
        for (long block = 0; block < data.byteSize(); block += dtype.blockBytes()) {
            for (int at : Blocks.scales(dtype)) {
                short half = Float.floatToFloat16((random.nextBoolean() ? 1 : -1) * (1 + 15 * random.nextFloat()) / 16);
                data.set(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), block + at, half);
            }
        }
        return tensor;
    }

    /** A copy at another offset, with guards of its own. */
    public Tensor copy(Tensor source) {
        return blank(source.dtype(), source.shape().toArray()).copyFrom(source);
    }

    /** Fails if any guard value of any tensor of this law was overwritten. */
    public void assertGuardsUntouched() {
        for (MemorySegment guard : guards) {
            for (long i = 0; i < guard.byteSize(); i++) {
                if (guard.get(ValueLayout.JAVA_BYTE, i) != GUARD) {
                    throw new AssertionError("seed " + seed + ": a kernel wrote outside of a tensor");
                }
            }
        }
    }

    /** Fails if an entry differs by more than the tolerance of the type; a NaN only equals a NaN. */
    public void assertClose(String what, Tensor actual, Tensor expected) {
        assertClose(what, actual, expected, expected.dtype() == DType.F64 ? TOLERANCE_F64 : TOLERANCE_F32);
    }

    /** Fails if |actual − expected| > tolerance·(|expected| + rms(expected)) anywhere; a NaN only equals a NaN. */
    public void assertClose(String what, Tensor actual, Tensor expected, double tolerance) {
        assertThat(actual.shape()).as("seed %d: %s, shape", seed, what).isEqualTo(expected.shape());
        double squares = 0;
        for (long i = 0; i < expected.elements(); i++) {
            double value = expected.get(i);
            squares += Double.isFinite(value) ? value * value : 0;
        }
        double size = Math.sqrt(squares / Math.max(1, expected.elements()));
        for (long i = 0; i < expected.elements(); i++) {
            double want = expected.get(i);
            double found = actual.get(i);
            boolean close = Double.compare(want, found) == 0
                    || Math.abs(found - want) <= tolerance * (Math.abs(want) + size) + Float.MIN_NORMAL;
            if (!close) {
                throw new AssertionError("seed %d: %s %s: entry %d is %s, expected %s within %s".formatted(seed, what,
                        expected, i, found, want, tolerance * (Math.abs(want) + size)));
            }
        }
    }

    /** Fails unless both tensors hold the same bytes. */
    public void assertSame(String what, Tensor actual, Tensor expected) {
        long at = actual.data().mismatch(expected.data());
        if (at >= 0) {
            long entry = at / expected.dtype().blockBytes();
            throw new AssertionError(
                    "seed %d: %s %s: entry %d is %s, expected the very bits of %s".formatted(seed, what,
                            expected, entry, actual.get(entry), expected.get(entry)));
        }
    }

    /** Fails unless every entry of {@code gradient} is the slope of {@code loss} along that entry of {@code variable}. */
    public void assertGradient(String what, Tensor variable, Tensor gradient, DoubleSupplier loss) {
        for (long i = 0; i < variable.elements(); i++) {
            double kept = variable.get(i);
            variable.set(i, kept + STEP);
            double above = loss.getAsDouble();
            variable.set(i, kept - STEP);
            double below = loss.getAsDouble();
            variable.set(i, kept);
            double slope = (above - below) / (2 * STEP);
            if (!(Math.abs(gradient.get(i) - slope) <= SLOPE_TOLERANCE * (1 + Math.abs(slope)))) {
                throw new AssertionError(
                        "seed %d: gradient of %s %s: entry %d is %s, the slope is %s".formatted(seed, what,
                                variable, i, gradient.get(i), slope));
            }
        }
    }

    /** Σ weights ⊙ values: a loss whose gradient with respect to the values is the weights. */
    public static double dot(Tensor weights, Tensor values) {
        double sum = 0;
        for (long i = 0; i < weights.elements(); i++) {
            sum += weights.get(i) * values.get(i);
        }
        return sum;
    }

    @Override
    public void close() {
        teams.forEach(ThreadTeam::close);
        memory.close();
    }
}
