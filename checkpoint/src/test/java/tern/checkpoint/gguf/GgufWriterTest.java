package tern.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.checkpoint.Metadatum;
import tern.checkpoint.Metadatum.Precision;
import tern.checkpoint.Metadatum.Width;
import tern.checkpoint.SharedData;
import tern.checkpoint.StorageType;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.tensor.Blocks;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.testkit.Seeds;

/** What is written is read back, and a file that was read is written as the same bytes. */
class GgufWriterTest {
    private static final List<DType> STORED = Stream.of(DType.values())
            .filter(type -> GgufType.of(StorageType.of(type)).isPresent()).toList();

    @TempDir
    private Path folder;

    @Test
    void whatIsReadIsWrittenAsTheSameBytes() throws IOException {
        Path original = SharedData.require("rwkv-tiny/tiny-rwkv6-from-Q5_1-q8_0.gguf");
        Path copy = folder.resolve("copy.gguf");
        try (TensorFile file = TensorFile.open(original)) {
            List<GgufWriter.Entry> entries = new ArrayList<>();
            for (StoredTensor stored : file.tensors()) {
                entries.add(GgufWriter.Entry.asIs(stored.name(), file.tensor(stored.name())));
            }
            GgufWriter.write(copy, file.metadata(), entries);
        }
        assertThat(Files.mismatch(original, copy)).isEqualTo(-1);
    }

    @Test
    void whatIsWrittenIsReadBack() {
        Seeds.forAll(20, (seed, random) -> {
            try (Memory memory = new Memory()) {
                Map<String, Metadatum> metadata = new LinkedHashMap<>();
                metadata.put("general.architecture", new Metadatum.Text("τ"));
                if (random.nextBoolean()) {
                    metadata.put("general.alignment", new Metadatum.Whole(Width.U32, 8L << random.nextInt(6)));
                }
                for (Width width : Width.values()) {
                    long value = width == Width.U64 || width == Width.I64 ? random.nextLong() : random.nextInt(100);
                    metadata.put("w." + width, new Metadatum.Whole(width, value));
                    metadata.put("l." + width, new Metadatum.Wholes(width, List.of(value, 7L, 0L)));
                }
                metadata.put("f", new Metadatum.Reals(Precision.F32, List.of(0.5, -1.0, Double.NaN)));
                metadata.put("d", new Metadatum.Real(Precision.F64, random.nextDouble()));
                metadata.put("b", new Metadatum.Flags(List.of(true, false)));
                metadata.put("t", new Metadatum.Texts(List.of("a b", "", "Ġé")));
                List<GgufWriter.Entry> entries = new ArrayList<>();
                Map<String, Tensor> expected = new LinkedHashMap<>();
                for (int i = Seeds.between(random, 0, 6); i > 0; i--) {
                    DType type = STORED.get(random.nextInt(STORED.size()));
                    int rank = Seeds.between(random, type.isBlocked() ? 1 : 0, 4);
                    int[] lengths = random.ints(rank, 0, 5).toArray();
                    if (rank > 0) {
                        lengths[rank - 1] *= type.blockLength();
                    }
                    Tensor values = memory.allocate(DType.F32, Shape.of(lengths));
                    for (long at = 0; at < values.elements(); at++) {
                        values.set(at, random.nextInt(-9, 9));
                    }
                    boolean converted = type != DType.Q2_K && type != DType.Q3_K;
                    Tensor stored = memory.zeros(type, lengths);
                    if (converted) {
                        stored.copyFrom(values);
                    }
                    boolean onTheWay = converted && (type.isComputed() || type.isBlocked() || type == DType.BF16
                            || type == DType.F16);
                    String name = "blk." + i + ".ŵ";
                    expected.put(name, stored);
                    entries.add(new GgufWriter.Entry(name, onTheWay ? values : stored, type));
                }
                Path path = folder.resolve("round-" + seed + ".gguf");
                GgufWriter.write(path, metadata, entries);
                try (TensorFile file = TensorFile.open(path)) {
                    assertThat(file.metadata()).isEqualTo(metadata);
                    assertThat(file.tensors()).extracting(StoredTensor::name)
                            .containsExactlyElementsOf(expected.keySet());
                    for (Map.Entry<String, Tensor> entry : expected.entrySet()) {
                        Tensor read = file.tensor(entry.getKey());
                        assertThat(read.toString()).isEqualTo(entry.getValue().toString());
                        assertThat(read.data().mismatch(entry.getValue().data())).isEqualTo(-1);
                    }
                }
                Path again = folder.resolve("again-" + seed + ".gguf");
                GgufWriter.write(again, metadata, entries);
                assertThat(Files.mismatch(path, again)).isEqualTo(-1);
            } catch (IOException failed) {
                throw new AssertionError(failed);
            }
        });
    }

    /** Larger than one piece, so that several are converted at once. */
    @Test
    void largeTensorsAreConvertedPieceByPiece() throws IOException {
        try (Memory memory = new Memory()) {
            Tensor values = memory.allocate(DType.F32, Shape.of(5, 1024, 256));
            for (long i = 0; i < values.elements(); i++) {
                values.set(i, Math.sin(i));
            }
            for (DType type : List.of(DType.F16, DType.Q8_0, DType.Q4_K, DType.F64)) {
                Path path = folder.resolve(type + ".gguf");
                GgufWriter.write(path, Map.of(), List.of(new GgufWriter.Entry("w", values, type)));
                try (TensorFile file = TensorFile.open(path)) {
                    Tensor expected = memory.allocate(type, values.shape()).copyFrom(values);
                    assertThat(file.tensor("w").data().mismatch(expected.data())).as(type.name()).isEqualTo(-1);
                }
            }
        }
    }

    @Test
    void whatGgufCannotHoldIsRefused() throws IOException {
        try (Memory memory = new Memory()) {
            Tensor row = memory.zeros(DType.F32, 48);
            assertThatIllegalArgumentException().isThrownBy(() -> new GgufWriter.Entry("w", row, DType.Q8_0))
                    .withMessageContaining("\"w\"").withMessageContaining("whole blocks of 32");
            assertThatIllegalArgumentException().isThrownBy(() -> new GgufWriter.Entry("w".repeat(64), row, DType.F32))
                    .withMessageContaining("64 bytes, GGUF takes 1 to 63");
            assertThatIllegalArgumentException().isThrownBy(() -> new GgufWriter.Entry("w", row, DType.U8))
                    .withMessageContaining("GGUF has no type U8");
            assertThatIllegalArgumentException().isThrownBy(() -> new GgufWriter.Entry("w", row, DType.I32))
                    .withMessageContaining("cannot be stored as I32");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GgufWriter.Entry.asIs("w", row.reshape(1, 1, 1, 1, 48)))
                    .withMessageContaining("5 axes");
            Path path = Files.writeString(folder.resolve("kept.gguf"), "before");
            GgufWriter.Entry entry = GgufWriter.Entry.asIs("w", row);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GgufWriter.write(path, Map.of(), List.of(entry, entry)))
                    .withMessageContaining("\"w\" is given twice");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GgufWriter.write(path,
                            Map.of("general.alignment", new Metadatum.Whole(Width.U64, 32)), List.of()))
                    .withMessageContaining("power of two of type u32");
            Tensor infinite = memory.zeros(DType.F32, 1 << 17).fill(Double.POSITIVE_INFINITY);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GgufWriter.write(path, Map.of(),
                            List.of(new GgufWriter.Entry("inf", infinite, DType.Q4_0))))
                    .withMessageContaining("kept.gguf: tensor \"inf\": the value Infinity cannot be stored as Q4_0");
            assertThat(path).as("what was there before").hasContent("before");
            assertThat(Blocks.encodes(DType.Q2_K)).isFalse();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GgufWriter.write(path, Map.of(), List.of(
                            new GgufWriter.Entry("w", memory.zeros(DType.F32, 256), DType.Q2_K))))
                    .withMessageContaining("Q2_K can be read, not made");
        }
    }
}
