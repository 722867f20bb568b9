package tern.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.checkpoint.Damage;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.Metadatum.Precision;
import tern.checkpoint.Metadatum.Width;
import tern.checkpoint.SharedData;
import tern.checkpoint.StorageType;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** GGUF files are read as ggml writes them, whatever their metadata, and refused when they are damaged. */
class GgufFileTest {
    @TempDir
    private Path folder;

    @Test
    void readsAFileThatLlamaCppReads() throws IOException {
        try (TensorFile file = TensorFile.open(SharedData.require("rwkv-tiny/tiny-rwkv6-from-Q5_1-q8_0.gguf"));
                TensorFile halves = TensorFile.open(
                        SharedData.require("rwkv-tiny/tiny-rwkv-6v0-3m-from-Q5_1-fp16.pth"));
                TensorFile source = TensorFile.open(SharedData.require("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin"))) {
            assertThat(file.format()).isEqualTo("GGUF, version 3");
            assertThat(file.text("general.architecture")).hasValue("rwkv6");
            assertThat(file.whole("rwkv6.embedding_length")).hasValue(128);
            assertThat(file.find("blk.0.time_mix_lerp_fused.weight").orElseThrow().shape())
                    .isEqualTo(List.of(5L, 1L, 1L, 128L));
            Tensor key = file.tensor("blk.3.channel_mix_key.weight");
            assertThat(key.dtype()).isEqualTo(DType.Q8_0);
            assertThat(key.shape()).isEqualTo(Shape.of(448, 128));
            float[] found = key.toFloats();
            float[] half = halves.tensor("blocks.3.ffn.key.weight").toFloats();
            float[] exact = source.tensor("blocks.3.ffn.key.weight").toFloats();
            double worst = 0;
            double worstHalf = 0;
            for (int i = 0; i < found.length; i++) {
                worst = Math.max(worst, Math.abs(found[i] - exact[i]));
                worstHalf = Math.max(worstHalf, Math.abs(half[i] - exact[i]));
            }
            assertThat(worst).isLessThan(0.01);
            assertThat(worstHalf).isLessThan(0.001);
            assertThat(file.tensor("output_norm.weight").toFloats())
                    .isEqualTo(source.tensor("ln_out.weight").toFloats());
        }
    }

    /** One entry of each type, two tensors, alignment 32. */
    private static byte[] small() {
        Bytes bytes = new Bytes();
        bytes.magic(3).i64(2).i64(14);
        bytes.key("a.u8", 0).i8(200).key("a.i8", 1).i8(-3).key("a.u16", 2).i16(60_000).key("a.i16", 3).i16(-300);
        bytes.key("a.u32", 4).i32(-1).key("a.i32", 5).i32(-70_000).key("a.f32", 6).i32(Float.floatToIntBits(1.5f));
        bytes.key("a.bool", 7).i8(1).key("a.text", 8).text("κλειδί").key("a.u64", 10).i64(-1);
        bytes.key("a.f64", 12).i64(Double.doubleToLongBits(-0.1));
        bytes.key("l.text", 9).i32(8).i64(3).text("one").text("").text("δύο");
        bytes.key("l.i32", 9).i32(5).i64(2).i32(-1).i32(7).key("l.bool", 9).i32(7).i64(2).i8(1).i8(0);
        bytes.tensor("w", 0, 0, 3, 2).tensor("q", 8, 32, 32);
        bytes.pad(32);
        for (int i = 0; i < 6; i++) {
            bytes.i32(Float.floatToIntBits(i));
        }
        bytes.pad(32).i16(0x3C00);
        for (int i = 0; i < 32; i++) {
            bytes.i8(i - 16);
        }
        return bytes.pad(32).array();
    }

    @Test
    void readsEveryTypeOfMetadata() throws IOException {
        Path path = Files.write(folder.resolve("small.gguf"), small());
        try (TensorFile file = TensorFile.open(path)) {
            assertThat(file.metadata().values()).containsExactly(new Metadatum.Whole(Width.U8, 200),
                    new Metadatum.Whole(Width.I8, -3), new Metadatum.Whole(Width.U16, 60_000),
                    new Metadatum.Whole(Width.I16, -300), new Metadatum.Whole(Width.U32, 4_294_967_295L),
                    new Metadatum.Whole(Width.I32, -70_000), new Metadatum.Real(Precision.F32, 1.5),
                    new Metadatum.Flag(true), new Metadatum.Text("κλειδί"), new Metadatum.Whole(Width.U64, -1),
                    new Metadatum.Real(Precision.F64, -0.1), new Metadatum.Texts(List.of("one", "", "δύο")),
                    new Metadatum.Wholes(Width.I32, List.of(-1L, 7L)), new Metadatum.Flags(List.of(true, false)));
            assertThat(file.metadata().values()).extracting(Metadatum::summary).contains("18446744073709551615",
                    "[\"one\", \"\", \"δύο\"]", "[-1, 7]", "1.5");
            assertThat(file.tensors()).extracting(StoredTensor::name).containsExactly("w", "q");
            assertThat(file.tensor("w").shape()).isEqualTo(Shape.of(2, 3));
            assertThat(file.tensor("w").toFloats()).containsExactly(0, 1, 2, 3, 4, 5);
            assertThat(file.find("q").orElseThrow().type()).isEqualTo(StorageType.Q8_0);
            assertThat(file.tensor("q").toFloats()).startsWith(-16, -15).endsWith(14, 15);
        }
    }

    @Test
    void damagedFilesAreRefusedOrConsistent() throws IOException {
        byte[] good = small();
        Damage damage = Damage.check(good, 0, good.length, folder.resolve("damaged.gguf"), GgufFile::open);
        assertThat(damage.refused()).isGreaterThan(3000);
        assertThat(damage.accepted()).isGreaterThan(1000);
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        refused("begins neither", "the magic number is 1, expected 46554747", new Bytes().i32(1).pad(64));
        refused("version", "byte 4: the version is 1, expected 2 or 3", new Bytes().magic(1).pad(64));
        refused("endianness", "the file is big-endian", new Bytes().magic(3 << 24).pad(64));
        refused("too many", "the number of tensors is 4611686018427387904, expected at most",
                new Bytes().magic(3).i64(1L << 62).i64(0).pad(64));
        refused("too many entries", "the number of metadata entries is 255, expected at most 2",
                new Bytes().magic(3).i64(0).i64(255).pad(64));
        refused("huge text", "the value of \"k\" has 1152921504606846976 bytes", entry(8).i64(1L << 60));
        refused("huge array", "the number of elements of the value of \"k\" is 1099511627776, expected at most 0",
                entry(9).i32(12).i64(1L << 40));
        refused("array of arrays", "\"k\" is an array of arrays", entry(9).i32(9).i64(0));
        refused("bool", "the value of \"k\" is the truth 2, expected 0 or 1", entry(7).i8(2));
        refused("type", "the value of \"k\" has type 13, expected 0 to 12", entry(13).i8(2));
        refused("no key", "the name of metadata entry 0 has 0 bytes",
                new Bytes().magic(3).i64(0).i64(1).i64(0).pad(64));
        refused("not text", "the value of \"k\" is not UTF-8 text", entry(8).i64(1).i8(0xFF));
        refused("twice", "key \"k\" occurs twice", new Bytes().magic(3).i64(0).i64(2).key("k", 0).i8(1).key("k", 0)
                .i8(1));
        refused("alignment", "general.alignment is 24, expected a power of two",
                new Bytes().magic(3).i64(0).i64(1).key("general.alignment", 4).i32(24));
        refused("parts", "is one of 3 parts", new Bytes().magic(3).i64(0).i64(1).key("split.count", 2).i16(3));
        refused("removed type", "tensor \"t\" has type 4, which is none", tensor(4, 0, 1));
        refused("rank", "tensor \"t\" has 5 dimensions, expected at most 4", tensor(0, 0, 1, 1, 1, 1, 1));
        refused("overflow", "the size of [4611686018427387904, 8] overflows", tensor(0, 0, 8, 1L << 62));
        refused("negative", "dimension 0 of tensor \"t\" is 18446744073709551615, beyond any file", tensor(0, 0, -1));
        refused("blocks", "rows of [31] have 31 elements, but Q8_0 stores blocks of 32", tensor(8, 0, 31));
        refused("gap", "tensor \"t\" begins at data byte 32, expected 0", tensor(0, 32, 1));
        refused("beyond", "tensor \"t\" F32[1000] takes 4000 bytes from data byte 0, but the file holds only",
                tensor(0, 0, 1000));
        refused("names", "tensor \"t\" occurs twice", new Bytes().magic(3).i64(2).i64(0).tensor("t", 0, 0, 8)
                .tensor("t", 0, 32, 8).pad(32).i64(0).i64(0).i64(0).i64(0).i64(0).i64(0).i64(0).i64(0));
        refused("long name", "the name of tensor 0 has 64 bytes, expected 1 to 63",
                new Bytes().magic(3).i64(1).i64(0).tensor("t".repeat(64), 0, 0, 1).pad(64));
        refused("more data", "the file has 160 bytes, expected 96",
                tensor(0, 0, 1).pad(32).i8(1).pad(64).i8(1).pad(32));
    }

    private static Bytes entry(int type) {
        return new Bytes().magic(3).i64(0).i64(1).key("k", type);
    }

    private static Bytes tensor(int type, long offset, long... dimensions) {
        return new Bytes().magic(3).i64(1).i64(0).tensor("t", type, offset, dimensions);
    }

    private void refused(String what, String message, Bytes bytes) throws IOException {
        Path file = Files.write(folder.resolve("bad.gguf"), bytes.array());
        assertThatThrownBy(() -> GgufFile.open(file)).as(what).isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(file.toString()).hasMessageContaining(message);
    }

    @Test
    void typesThatAreOnlyKnownByNameAreListed() throws IOException {
        Path path = Files.write(folder.resolve("iq.gguf"), tensor(20, 0, 32).pad(32).i64(0).i64(0).i16(0).pad(32)
                .array());
        try (TensorFile file = GgufFile.open(path)) {
            assertThat(file.find("t").orElseThrow().type()).isEqualTo(StorageType.IQ4_NL);
            assertThatThrownBy(() -> file.tensor("t")).isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining("\"t\" IQ4_NL[32] is of a type that cannot be read");
        }
    }

    /** Bytes of a file, put together by hand. */
    private static final class Bytes {
        private final ByteBuffer bytes = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);

        Bytes magic(int version) {
            return i32(GgufFile.MAGIC).i32(version);
        }

        Bytes key(String key, int type) {
            return text(key).i32(type);
        }

        Bytes tensor(String name, int type, long offset, long... dimensions) {
            text(name).i32(dimensions.length);
            for (long dimension : dimensions) {
                i64(dimension);
            }
            return i32(type).i64(offset);
        }

        Bytes text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            i64(utf8.length);
            bytes.put(utf8);
            return this;
        }

        Bytes i8(int value) {
            bytes.put((byte) value);
            return this;
        }

        Bytes i16(int value) {
            bytes.putShort((short) value);
            return this;
        }

        Bytes i32(int value) {
            bytes.putInt(value);
            return this;
        }

        Bytes i64(long value) {
            bytes.putLong(value);
            return this;
        }

        Bytes pad(int alignment) {
            while (bytes.position() % alignment != 0) {
                bytes.put((byte) 0);
            }
            return this;
        }

        byte[] array() {
            return Arrays.copyOf(bytes.array(), bytes.position());
        }
    }
}
