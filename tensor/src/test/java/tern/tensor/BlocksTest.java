package tern.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Blocked types decode and encode bit for bit as ggml does, and tensors of them behave like any other when read. */
class BlocksTest {
    private static final int ROWS = 8;
    private static final int COLUMNS = 256;

    private final Memory memory = new Memory();

    @AfterEach
    void release() {
        memory.close();
    }

    static List<DType> blocked() {
        return Stream.of(DType.values()).filter(DType::isBlocked).toList();
    }

    static List<DType> encoded() {
        return blocked().stream().filter(Blocks::encodes).toList();
    }

    @ParameterizedTest
    @MethodSource("blocked")
    void decodesBitForBit(DType dtype) throws IOException {
        byte[] blocks = SharedData.bytes("formats/quant/" + name(dtype) + ".blocks.bin");
        float[] expected = SharedData.floats("formats/quant/" + name(dtype) + ".dequant.f32");
        Tensor tensor = tensor(dtype, blocks, Shape.of(2, expected.length / 2));

        assertThat(bits(tensor.toFloats())).isEqualTo(bits(expected));
        assertThat(bits(memory.allocate(DType.F32, tensor.shape()).copyFrom(tensor).toFloats()))
                .isEqualTo(bits(expected));
        double[] doubles = memory.allocate(DType.F64, tensor.shape()).copyFrom(tensor).toDoubles();
        for (int i = 0; i < expected.length; i++) {
            assertThat(tensor.get(i)).as("element %d", i).isEqualTo(expected[i]);
            assertThat(doubles[i]).as("element %d", i).isEqualTo(expected[i]);
        }
        float[] lower = Arrays.copyOfRange(expected, expected.length / 2, expected.length);
        assertThat(bits(tensor.slice(1, 2).toFloats())).isEqualTo(bits(lower));
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"})
    void encodesBitForBit(DType dtype) throws IOException {
        byte[] expected = SharedData.bytes("formats/quant/" + name(dtype) + ".quantize-expected.bin");
        Tensor values = matrix();
        Tensor encoded = memory.allocate(dtype, values.shape()).copyFrom(values);

        assertThat(encoded.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
    }

    /** Root mean square error of each row of the matrix as ggml's reference quantisers leave it. */
    @ParameterizedTest
    @EnumSource(names = {"Q4_K", "Q5_K", "Q6_K"})
    void theSearchForScalesLosesNoMoreThanTheReference(DType dtype) throws IOException {
        byte[] reference = SharedData.bytes("formats/quant/" + name(dtype) + ".quantize-expected.bin");
        Tensor values = matrix();
        Tensor theirs = tensor(dtype, reference, values.shape());
        Tensor ours = memory.allocate(dtype, values.shape()).copyFrom(values);
        for (int row = 0; row < ROWS; row++) {
            double expected = error(theirs.slice(row, row + 1), values.slice(row, row + 1));
            double found = error(ours.slice(row, row + 1), values.slice(row, row + 1));
            assertThat(found).as("row %d", row).isLessThanOrEqualTo(1.03 * expected);
        }
    }

    private static double error(Tensor encoded, Tensor values) {
        float[] found = encoded.toFloats();
        float[] expected = values.toFloats();
        double squares = 0;
        for (int i = 0; i < found.length; i++) {
            squares += Math.pow(found[i] - expected[i], 2);
        }
        return Math.sqrt(squares / found.length);
    }

    private Tensor matrix() throws IOException {
        float[] values = SharedData.floats("formats/quant/quantize-input.f32");
        return Tensor.over(DType.F32, Shape.of(ROWS, COLUMNS), MemorySegment.ofArray(values));
    }

    /** Half a step of the block's grid, and what the scale itself loses by being a half. */
    @ParameterizedTest
    @MethodSource("encoded")
    void encodingLosesLittle(DType dtype) {
        SplittableRandom random = new SplittableRandom(11);
        Tensor values = memory.allocate(DType.F32, Shape.of(5, 512));
        for (long i = 0; i < values.elements(); i++) {
            values.set(i, random.nextGaussian() * Math.pow(10, random.nextInt(3)));
        }
        Tensor encoded = memory.allocate(dtype, values.shape()).copyFrom(values);
        Tensor back = memory.allocate(DType.F32, values.shape()).copyFrom(encoded);
        double squares = 0;
        double total = 0;
        for (long i = 0; i < values.elements(); i++) {
            squares += Math.pow(values.get(i) - back.get(i), 2);
            total += Math.pow(values.get(i), 2);
        }
        double[] worst = {0.01, 0.12, 0.11, 0.06, 0.05, 0, 0, 0.11, 0.06, 0.03};
        assertThat(Math.sqrt(squares / total)).isLessThan(worst[dtype.ordinal() - DType.Q8_0.ordinal()]);
        assertThat(memory.allocate(dtype, values.shape()).copyFrom(encoded).data().mismatch(encoded.data()))
                .as("the same type is copied as it is").isEqualTo(-1);
        for (Tensor zeros : List.of(memory.zeros(dtype, 256),
                memory.allocate(dtype, Shape.of(256)).copyFrom(memory.zeros(DType.F32, 256)))) {
            assertThat(Arrays.stream(zeros.toDoubles()).filter(value -> value != 0).count()).isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("encoded")
    void valuesThatDoNotFitAreRefused(DType dtype) {
        Tensor target = memory.zeros(dtype, 256);
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            Tensor values = memory.zeros(DType.F32, 256);
            values.set(77, bad);
            assertThatIllegalArgumentException().isThrownBy(() -> target.copyFrom(values))
                    .withMessageContaining("finite").withMessageContaining(dtype.name());
        }
        Tensor huge = memory.zeros(DType.F32, 256);
        huge.set(3, 3e38);
        huge.set(4, -3e38);
        assertThatIllegalArgumentException().isThrownBy(() -> target.copyFrom(huge)).withMessageContaining("too large");
        Tensor tiny = memory.zeros(DType.F32, 256);
        tiny.set(3, Float.MIN_VALUE);
        assertThat(memory.zeros(dtype, 256).copyFrom(tiny).toFloats()[3]).isCloseTo(0, within(1e-6f));
    }

    @ParameterizedTest
    @MethodSource("blocked")
    void rowsAreWholeBlocksAndElementsAreNotStoredAlone(DType dtype) {
        int block = dtype.blockLength();
        assertThat(dtype.bytes(3L * block)).isEqualTo(3L * dtype.blockBytes());
        assertThatIllegalArgumentException().isThrownBy(() -> dtype.bytes(block + 1L)).withMessageContaining("whole");
        assertThatIllegalStateException().isThrownBy(dtype::bytes).withMessageContaining(dtype.name());
        assertThatIllegalArgumentException().isThrownBy(() -> memory.zeros(dtype, 2, block / 2))
                .withMessageContaining("rows have " + block / 2).withMessageContaining("multiple of " + block);
        Tensor tensor = memory.zeros(dtype, 4, 2 * block);
        assertThatIllegalStateException().isThrownBy(() -> tensor.set(0, 1)).withMessageContaining("copyFrom");
        assertThatIllegalArgumentException().isThrownBy(() -> tensor.reshape(16, block / 2));
        assertThatIllegalArgumentException().isThrownBy(() -> tensor.reshape(8 * block).slice(0, block / 2));
        assertThat(tensor.reshape(8 * block).slice(block, 3 * block).bytes()).isEqualTo(2L * dtype.blockBytes());
        assertThat(tensor.reshape(2, 2, 2 * block).slice(1, 2).data().address())
                .isEqualTo(tensor.data().address() + 4L * dtype.blockBytes());
        assertThatIllegalArgumentException().isThrownBy(() -> tensor.read(1, new float[block], 0, block));
    }

    @Test
    void plainTypesHaveNoBlocks() {
        assertThat(DType.F32.blockLength()).isEqualTo(1);
        assertThat(DType.BF16.bytes(7)).isEqualTo(14);
        assertThat(DType.BF16.isBlocked()).isFalse();
        assertThatIllegalArgumentException().isThrownBy(() -> DType.F32.bytes(-1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Blocks.decode(DType.F32, MemorySegment.NULL, 0, new float[1], 0, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Blocks.encode(DType.Q2_K, new float[256], 0, 256, MemorySegment.NULL, 0))
                .withMessageContaining("Q2_K");
    }

    @Test
    void halvesRoundAsTheReferenceDoes() throws IOException {
        Tensor input = Tensor.over(DType.F32, Shape.of(220),
                MemorySegment.ofArray(SharedData.floats("formats/quant/half-input.f32")));
        for (DType dtype : List.of(DType.F16, DType.BF16)) {
            byte[] expected = SharedData.bytes("formats/quant/half-" + (dtype == DType.F16 ? "f16" : "bf16") + ".bin");
            assertThat(memory.allocate(dtype, input.shape()).copyFrom(input).data()
                    .toArray(ValueLayout.JAVA_BYTE)).as(dtype.name()).isEqualTo(expected);
        }
    }

    private static Tensor tensor(DType dtype, byte[] bytes, Shape shape) {
        MemorySegment data = Arena.ofAuto().allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
        return Tensor.over(dtype, shape, data);
    }

    private static String name(DType dtype) {
        return "q" + dtype.name().substring(1);
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }
}
