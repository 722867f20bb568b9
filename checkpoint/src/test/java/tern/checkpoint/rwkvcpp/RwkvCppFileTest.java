package tern.checkpoint.rwkvcpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.Damage;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.SharedData;
import tern.checkpoint.StorageType;
import tern.checkpoint.TensorFile;
import tern.tensor.DType;
import tern.tensor.Shape;

/** Files of rwkv.cpp are read as it writes them, and refused when they are damaged. */
class RwkvCppFileTest {
    @TempDir
    private Path folder;

    @Test
    void readsReleasedFilesOfEveryType() throws IOException {
        String name = "rwkv-tiny/tiny-rwkv-5v2-730K-";
        try (TensorFile exact = TensorFile.open(SharedData.require(name + "FP32.bin"))) {
            assertThat(exact.format()).isEqualTo("rwkv.cpp, version 101");
            assertThat(exact.whole(RwkvCppFile.LAYERS)).hasValue(12);
            assertThat(exact.whole(RwkvCppFile.VOCABULARY)).hasValue(256);
            assertThat(exact.whole(RwkvCppFile.WIDTH)).hasValue(64);
            assertThat(exact.text(RwkvCppFile.TYPE)).hasValue("F32");
            for (String type : new String[] {"FP16", "Q5_0", "Q5_1"}) {
                try (TensorFile rounded = TensorFile.open(SharedData.require(name + type + ".bin"))) {
                    assertThat(rounded.tensors()).hasSameSizeAs(exact.tensors());
                    for (var stored : exact.tensors()) {
                        float[] expected = exact.tensor(stored.name()).toFloats();
                        float[] found = rounded.tensor(stored.name()).toFloats();
                        double largest = 0;
                        double worst = 0;
                        for (int i = 0; i < expected.length; i++) {
                            largest = Math.max(largest, Math.abs(expected[i]));
                            worst = Math.max(worst, Math.abs(expected[i] - found[i]));
                        }
                        assertThat(worst).as(type + " " + stored.name()).isLessThanOrEqualTo(largest / 15);
                    }
                }
            }
        }
    }

    @Test
    void dimensionsAreTurnedAround() throws IOException {
        try (TensorFile file = TensorFile.open(SharedData.require("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin"))) {
            assertThat(file.find("blocks.0.ffn.key.weight").orElseThrow().type()).isEqualTo(StorageType.Q5_1);
            assertThat(file.tensor("blocks.0.ffn.key.weight").shape()).isEqualTo(Shape.of(448, 128));
            assertThat(file.tensor("blocks.0.ffn.key.weight").dtype()).isEqualTo(DType.Q5_1);
            assertThat(file.tensor("blocks.0.att.time_maa_w2").shape().rank()).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "0 | 1 | byte 0: the magic number is 1, expected 67676d66",
        "4 | 99 | byte 4: the version is 99, expected 100 or 101",
        "8 | 0 | byte 8: the size of the vocabulary is 0, expected 1 or more",
        "8 | 5 | says a vocabulary of 5 and width 2",
        "16 | 7 | says 7 layers, but the tensors are of 1",
        "20 | 5 | byte 20: the model has type 5, expected 0 to 3 or 7 to 16; this one was removed",
        "24 | 4 | byte 24: a tensor has 4 dimensions, expected 1 to 3",
        "28 | 2000000000 | byte 28: the name of a tensor has 2000000000 bytes, expected 1 to 1024",
        "32 | 7 | byte 24: tensor \"emb.weight\": rows of [3, 2] have 2 elements, but Q5_0 stores blocks of 32",
        "36 | 2000000000 | \"emb.weight\" F32[3, 2000000000] takes 24000000000 bytes, but"})
    void saysWhatIsWrong(int at, int value, String message) throws IOException {
        byte[] bytes = small(101);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
        Path file = Files.write(folder.resolve("small.bin"), bytes);
        assertThatThrownBy(() -> RwkvCppFile.open(file)).isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(file.toString()).hasMessageContaining(message);
    }

    @Test
    void quantisedDataNeedsVersion101AndNamesOccurOnce() throws IOException {
        byte[] old = small(100);
        ByteBuffer.wrap(old).order(ByteOrder.LITTLE_ENDIAN).putInt(20, 8);
        Path file = Files.write(folder.resolve("old.bin"), old);
        assertThatThrownBy(() -> RwkvCppFile.open(file)).hasMessageContaining("type Q5_1 in a file of version 100");
        byte[] good = small(101);
        byte[] twice = Arrays.copyOf(good, good.length + good.length - 24);
        System.arraycopy(good, 24, twice, good.length, good.length - 24);
        Path repeated = Files.write(folder.resolve("twice.bin"), twice);
        assertThatThrownBy(() -> RwkvCppFile.open(repeated)).hasMessageContaining("\"emb.weight\" occurs twice");
    }

    @Test
    void damagedFilesAreRefusedOrConsistent() throws IOException {
        byte[] good = small(101);
        Path file = folder.resolve("damaged.bin");
        Files.write(file, good);
        try (TensorFile opened = TensorFile.open(file)) {
            assertThat(opened.tensor("emb.weight").toFloats()).containsExactly(0, 1, 2, 3, 4, 5);
            assertThat(opened.tensor("blocks.0.ln1.weight").toFloats()).containsExactly(0, 1);
        }
        Damage damage = Damage.check(good, 0, good.length, file, RwkvCppFile::open);
        assertThat(damage.refused()).isGreaterThan(800);
        assertThat(damage.accepted()).isGreaterThan(100);
    }

    private static byte[] small(int version) {
        ByteBuffer bytes = ByteBuffer.allocate(1000).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(RwkvCppFile.MAGIC).putInt(version).putInt(3).putInt(2).putInt(1).putInt(0);
        put(bytes, "emb.weight", 2, 3);
        put(bytes, "blocks.0.ln1.weight", 2);
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    private static void put(ByteBuffer bytes, String name, int... dimensions) {
        bytes.putInt(dimensions.length).putInt(name.length()).putInt(0);
        int elements = 1;
        for (int dimension : dimensions) {
            bytes.putInt(dimension);
            elements *= dimension;
        }
        bytes.put(name.getBytes(StandardCharsets.UTF_8));
        for (int i = 0; i < elements; i++) {
            bytes.putFloat(i);
        }
    }
}
