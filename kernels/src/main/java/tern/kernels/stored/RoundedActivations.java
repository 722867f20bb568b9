package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

import tern.kernels.ThreadTeam;
import tern.kernels.matmul.LinearShape;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Products with blocked weights as ggml defines them: what is multiplied is not x but x rounded to whole numbers of eight bits with
 * one scale a block, which is ggml's Q8_0 where blocks of the weight have 32 numbers and its Q8_K where they have 256. A product of
 * two such blocks is a sum of products of whole numbers times two scales; here both factors are written out as floats, which hold
 * them exactly, and multiplied by the bodies for exact activations. So logits agree with ggml's up to the order of sums in F32, at
 * the speed of exact activations. Where blocks of the weight have an offset (Q4_1, Q5_1) ggml multiplies it by the sum of a block of
 * x that was rounded to a half by itself (Q8_1); what that differs by is added. Weights that are not blocked meet x itself.
 * Immutable.
 *
 * <p>Products of whole numbers as such were measured and are not worth bodies of their own: one core takes 1.28 ns for a block of 32
 * in Q8_0 and 1.57 in Q4_0 where both are widened to shorts, multiplied and added up as ints, against 1.55 and 1.66 ns as
 * floats, from the nearest cache; the Vector API has no instruction that multiplies bytes and adds neighbours, and from
 * memory both wait for W.
 *
 * <p>Rounding makes steps of differences: where x differs in the last bit of a float, as it does after sums in another order, now and
 * then a number or the sum of a block falls to the other side, a difference of 1/254 of the largest of its block or of 1/4096
 * of the sum, and that grows from layer to layer. So logits of two programs agree to the last bits of a float until the first such
 * step, and to some hundredths behind it; the plain and the vector bodies here differ by as much as either does from ggml.
 *
 * <p>ggml, the x86 bodies of {@code quantize_row_q8_0} and {@code quantize_row_q8_1} in {@code src/ggml-cpu/ggml-cpu-quants.c}: 127
 * over the largest number, rounded to even, the scale stored as a half; and {@code quantize_row_q8_K} in
 * {@code src/ggml-quants.c}.
 */
public final class RoundedActivations implements StoredWeights {
    private static final int LARGE = 256;
    private static final int SMALL = 32;
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);

    private final StoredWeights exact;

    /** On top of a body for exact activations. */
    public RoundedActivations(StoredWeights exact) {
        this.exact = exact;
    }

    @Override
    public void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        LinearShape shape = StoredShape.of(x, weight, bias, y);
        if (!weight.dtype().isBlocked() || x.dtype() != DType.F32) {
            exact.linear(team, x, weight, bias, y);
            return;
        }
        int length = weight.dtype().blockLength() == LARGE ? LARGE : SMALL, rows = shape.rows(), in = shape.in();
        Workspace own = team.scratch();
        Workspace.Mark mark = own.mark();
        MemorySegment rounded = own.floatMemory((long) rows * in), given = x.data();
        // Within ThreadTeam.together a region would run too late.
        if (team.gathers()) {
            round(given, 0, rows * in, length, rounded);
        } else {
            team.run(rows, (row, scratch) -> round(given, row * in, in, length, rounded));
        }
        if (weight.dtype() == DType.Q4_1 || weight.dtype() == DType.Q5_1) {
            for (int row = 0; row < rows; row++) {
                Tensor added = Tensor.over(DType.F32, Shape.of(shape.out()), own.floatMemory(shape.out()));
                addOffsets(given, row * in, weight, shape.biased() ? bias.data() : MemorySegment.NULL, added.data());
                exact.linear(team, row(rounded, row, in), weight, added, row(y.data(), row, shape.out()));
            }
        } else {
            exact.linear(team, Tensor.over(DType.F32, x.shape(), rounded.asSlice(0, x.bytes())), weight, bias, y);
        }
        own.release(mark);
    }

    private static Tensor row(MemorySegment all, int row, int length) {
        return Tensor.over(DType.F32, Shape.of(1, length), all.asSlice(4L * row * length, 4L * length));
    }

    /** The bias, and the offsets of each row of the weight times what sums of blocks of x differ by from those of rounded numbers. */
    private static void addOffsets(MemorySegment x, int from, Tensor weight, MemorySegment bias, MemorySegment to) {
        int blocks = weight.dim(1) / SMALL, stride = weight.dtype().blockBytes();
        float[] differences = new float[blocks];
        for (int b = 0; b < blocks; b++) {
            differences[b] = difference(x, from + SMALL * b);
        }
        for (int n = 0; n < weight.dim(0); n++) {
            float sum = bias.byteSize() > 0 ? get(bias, n) : 0;
            for (int b = 0; b < blocks; b++) {
                long offset = ((long) n * blocks + b) * stride + 2;
                sum += differences[b] * Float.float16ToFloat(weight.data().get(HALF, offset));
            }
            set(to, n, sum);
        }
    }

    private static float difference(MemorySegment x, int at) {
        float largest = largest(x, at), scale = largest / 127, inverse = largest == 0 ? 0 : 127 / largest, sum = 0;
        for (int i = 0; i < SMALL; i++) {
            sum += (float) Math.rint(get(x, at + i) * inverse);
        }
        return half(scale * sum) - half(scale) * sum;
    }

    /** Rounds {@code count} numbers, whole blocks. */
    private static void round(MemorySegment x, int from, int count, int length, MemorySegment to) {
        for (int at = from; at < from + count; at += length) {
            if (length == LARGE) {
                roundLarge(x, at, to);
            } else {
                roundSmall(x, at, to);
            }
        }
    }

    /** The scale of what is stored is a half, but numbers are divided by it as it was before. */
    private static void roundSmall(MemorySegment x, int at, MemorySegment to) {
        float largest = largest(x, at), inverse = largest == 0 ? 0 : 127 / largest, stored = half(largest / 127);
        for (int i = 0; i < SMALL; i++) {
            set(to, at + i, stored * (float) Math.rint(get(x, at + i) * inverse));
        }
    }

    private static float largest(MemorySegment x, int at) {
        float largest = 0;
        for (int i = 0; i < SMALL; i++) {
            largest = Math.max(largest, Math.abs(get(x, at + i)));
        }
        return largest;
    }

    private static float half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    /** The number that is largest in magnitude becomes −127, whatever its sign. */
    private static void roundLarge(MemorySegment x, int at, MemorySegment to) {
        float largest = 0;
        for (int i = 0; i < LARGE; i++) {
            float value = get(x, at + i);
            largest = Math.abs(value) > Math.abs(largest) ? value : largest;
        }
        float inverse = largest == 0 ? 0 : -127 / largest, scale = largest == 0 ? 0 : 1 / inverse;
        for (int i = 0; i < LARGE; i++) {
            set(to, at + i, scale * Math.min(127, (float) Math.rint(inverse * get(x, at + i))));
        }
    }

    private static float get(MemorySegment x, int index) {
        return x.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    private static void set(MemorySegment x, int index, float value) {
        x.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
    }

    @Override
    public void rows(ThreadTeam team, Tensor table, Tensor ids, Tensor y) {
        exact.rows(team, table, ids, y);
    }
}
