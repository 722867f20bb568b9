package tern.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

import tern.checkpoint.mapped.MappedFile;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

class SafetensorsTest {
    @TempDir
    Path folder;

    @Test
    void everySampleBehavesAsItsManifestSays() throws IOException {
        Path samples = SharedData.require("formats/safetensors");
        JsonNode manifest = Json.TREES.readTree(Files.readString(samples.resolve("manifest.json")));
        int valid = 0;
        int refused = 0;
        for (Map.Entry<String, JsonNode> sample : manifest.properties()) {
            Path file = samples.resolve(sample.getKey());
            if (sample.getValue().get("valid").asBoolean()) {
                checkSample(file, sample.getValue());
                valid++;
            } else {
                assertThatThrownBy(() -> Safetensors.open(file)).as(sample.getKey())
                        .isInstanceOf(MalformedFileException.class).message().startsWith(file.toString())
                        .doesNotContain("\n");
                refused++;
            }
        }
        assertThat(valid).isEqualTo(4);
        assertThat(refused).isEqualTo(15);
    }

    private static void checkSample(Path path, JsonNode expected) throws IOException {
        try (Safetensors file = Safetensors.open(path)) {
            JsonNode tensors = expected.get("tensors");
            assertThat(file.tensors()).as(path.toString()).hasSize(tensors.size());
            for (Map.Entry<String, JsonNode> entry : tensors.properties()) {
                Tensor tensor = file.tensor(entry.getKey());
                int[] shape = entry.getValue().get("shape").valueStream().mapToInt(JsonNode::asInt).toArray();
                assertThat(tensor.shape()).as(entry.getKey()).isEqualTo(Shape.of(shape));
                double[] values = entry.getValue().get("values").valueStream().mapToDouble(JsonNode::asDouble)
                        .toArray();
                assertThat(tensor.toDoubles()).as(entry.getKey()).containsExactly(values);
            }
            JsonNode metadata = expected.get("metadata");
            if (metadata != null) {
                Map<String, String> text = new LinkedHashMap<>();
                metadata.properties().forEach(entry -> text.put(entry.getKey(), entry.getValue().asString()));
                assertThat(file.texts()).isEqualTo(text);
            }
        }
    }

    @Test
    void readsEveryType() throws IOException {
        try (Safetensors file = Safetensors.open(resource("valid-all-dtypes"))) {
            assertThat(file.tensors().getFirst())
                    .isEqualTo(new StoredTensor("e.i64", StorageType.I64, List.of(7L), 880, 56));
            assertThat(file.tensor("e.i64").toDoubles()).containsExactly(-3, -2, -1, 0, 1, 2, 3);
            assertThat(file.tensor("h.i8").toDoubles()).containsExactly(-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5);
            assertThat(file.tensor("j.bool").toDoubles()).containsExactly(1, 0, 1);
            assertThat(file.tensor("b.f16").toFloats()).startsWith(0.57421875f, -0.5830078125f);
            assertThat(file.tensor("c.bf16").dtype()).isEqualTo(DType.BF16);
            assertThat(file.tensor("scalar").shape()).isEqualTo(Shape.of());
            assertThat(file.tensor("scalar").get(0)).isEqualTo(3.5);
            assertThat(file.tensor("empty").shape()).isEqualTo(Shape.of(0, 4));
            assertThat(file.tensor("нэйм.权重 \"q\"\\").toFloats()).containsExactly(1, 1);
            assertThat(file.texts()).containsExactly(Map.entry("format", "pt"), Map.entry("note", "κλειδί"));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "bad-overlap | \"b\": begins at data byte 4, but the tensor before it, \"a\", ends at 8: they overlap",
        "bad-hole | \"b\": begins at data byte 8, but the tensor before it, \"a\", ends at 4: a hole",
        "bad-overflow | \"a\": the number of elements in [4611686018427387904, 8] overflows 64 bits",
        "lenient-duplicate-key | Duplicate Object property \"x\""})
    void saysWhatIsWrong(String sample, String message) throws IOException {
        Path file = resource(sample);
        assertThatThrownBy(() -> Safetensors.open(file)).isInstanceOf(MalformedFileException.class).message()
                .startsWith(file.toString()).contains(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
        "{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}} | 4 | dtype \"F99\" is unknown",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}} | 8 | F32[3] takes 12 bytes, but data_offsets [0, 8] hold 8",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}} | 8 | begin at 8 and end before that, at 0",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 7 | ends at data byte 8, but the file holds only 7",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 9 | 1 bytes follow the last tensor",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}} | 8 | shape holds -2, expected whole numbers",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}} | 8 | shape holds 2.0, expected whole numbers",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}} | 8 | beyond any file",
        "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}} | 1 | does not fill whole bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}} | 8 | lacks data_offsets",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"kind\":1}} | 8 | unknown member \"kind\"",
        "{\"a\":[1]} | 0 | \"a\": is a list, expected an object",
        "{\"__metadata__\":{\"k\":1}} | 0 | \"k\" is 1, expected text",
        "{\"__metadata__\":[]} | 0 | __metadata__ is a list",
        "{\"a | 0 | is not valid JSON",
        "[] | 0 | does not begin with '{'",
        "{}{} | 0 | goes on behind its end",
        "{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}} | 0 | not valid JSON: Broken surrogate pair",
        "{\"__metadata__\":{\"k\":\"\\udc00\"}} | 0 | not Unicode"})
    void refusesHeaders(String header, int dataBytes, String message) throws IOException {
        Path file = stored(header.getBytes(StandardCharsets.UTF_8), new byte[dataBytes]);
        assertThatThrownBy(() -> Safetensors.open(file)).isInstanceOf(MalformedFileException.class).message()
                .startsWith(file.toString()).contains(message).doesNotContain("\n");
    }

    @Test
    void refusesWhatIsNoFile() throws IOException {
        assertThatThrownBy(() -> Safetensors.open(folder.resolve("absent"))).isInstanceOf(IOException.class)
                .hasMessageEndingWith("absent: no such file; check the name");
        assertThatThrownBy(() -> Safetensors.open(folder)).hasMessageContaining("is a folder");
        assertThatThrownBy(() -> TensorFile.open(folder)).hasMessageContaining("neither model.safetensors nor");
        Path small = Files.write(folder.resolve("small"), new byte[7]);
        assertThatThrownBy(() -> Safetensors.open(small)).hasMessageContaining("has 7 bytes, expected at least 8");
        Path hugeHeader = Files.write(folder.resolve("huge"),
                ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN).putLong(-1).array());
        assertThatThrownBy(() -> Safetensors.open(hugeHeader)).hasMessageContaining("18446744073709551615 bytes");
        byte[] invalid = "{\"a\":1}".getBytes(StandardCharsets.UTF_8);
        invalid[2] = (byte) 0xFF;
        Path notText = stored(invalid, new byte[0]);
        assertThatThrownBy(() -> Safetensors.open(notText)).hasMessageContaining("is not UTF-8 text");
    }

    @Test
    void listsTypesThatItCannotReadAndRefusesTheirData() throws IOException {
        Path file = stored("{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}".getBytes(
                StandardCharsets.UTF_8), new byte[4]);
        try (Safetensors opened = Safetensors.open(file)) {
            assertThat(opened.find("w").orElseThrow().elements()).isEqualTo(4);
            assertThatThrownBy(() -> opened.tensor("w")).isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining("\"w\" F8_E4M3[4] is of a type that cannot be read; readable are F64, F32");
            assertThatThrownBy(() -> opened.tensor("v")).hasMessageContaining("there is no tensor \"v\" among the 1");
        }
    }

    @Test
    void dataThatIsNotAlignedIsNotCopiedEither() throws IOException {
        String header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}";
        byte[] padded = Arrays.copyOf(header.getBytes(StandardCharsets.UTF_8), (header.length() + 7) / 8 * 8);
        Arrays.fill(padded, header.length(), padded.length, (byte) ' ');
        byte[] data = ByteBuffer.allocate(9).order(ByteOrder.LITTLE_ENDIAN).put((byte) 7).putFloat(1.5f).putFloat(-2)
                .array();
        try (Safetensors file = Safetensors.open(stored(padded, data))) {
            Tensor odd = file.tensor("b");
            assertThat(odd.toFloats()).containsExactly(1.5f, -2);
            assertThat(odd.data().address()).isEqualTo(file.tensor("a").data().address() + 1);
            assertThat(odd.data().isReadOnly()).isTrue();
        }
    }

    /** Any one byte changed, missing or added in the header: a refusal in one line, or a file that is consistent. */
    @Test
    void damagedHeadersAreRefusedOrConsistent() throws IOException {
        byte[] good = smallFile();
        int headerEnd = 8 + (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        int refused = 0;
        int accepted = 0;
        Path file = folder.resolve("damaged.safetensors");
        for (int at = 0; at < headerEnd; at++) {
            List<byte[]> variants = new ArrayList<>();
            for (int value = 0; value < 256; value += at < 8 ? 5 : 17) {
                byte[] changed = good.clone();
                changed[at] = (byte) (good[at] + value);
                variants.add(changed);
            }
            for (int bit = 0; bit < 8; bit++) {
                byte[] flipped = good.clone();
                flipped[at] ^= (byte) (1 << bit);
                variants.add(flipped);
            }
            byte[] missing = new byte[good.length - 1];
            System.arraycopy(good, 0, missing, 0, at);
            System.arraycopy(good, at + 1, missing, at, missing.length - at);
            variants.add(missing);
            variants.add(Arrays.copyOf(good, at));
            for (byte[] variant : variants) {
                Files.write(file, variant);
                try (Safetensors opened = Safetensors.open(file)) {
                    long bytes = 0;
                    for (StoredTensor tensor : opened.tensors()) {
                        bytes += tensor.bytes();
                        assertThat(tensor.elements() * tensor.type().blockBytes())
                                .isEqualTo(tensor.bytes() * tensor.type().blockLength());
                        if (tensor.type().dtype().isPresent()) {
                            assertThat(opened.tensor(tensor.name()).bytes()).isEqualTo(tensor.bytes());
                        }
                    }
                    assertThat(bytes).isEqualTo(variant.length - headerEnd);
                    accepted++;
                } catch (MalformedFileException refusal) {
                    assertThat(refusal.getMessage()).startsWith(file.toString()).doesNotContain("\n")
                            .hasSizeLessThan(600);
                    refused++;
                }
            }
        }
        assertThat(refused).isGreaterThan(3000);
        assertThat(accepted).isGreaterThan(100);
    }

    private static byte[] smallFile() throws IOException {
        String header = "{\"__metadata__\":{\"k\":\"v\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                + "\"n\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[24,32]}}  ";
        return bytes(header.getBytes(StandardCharsets.UTF_8), new byte[32]);
    }

    @Test
    void whatIsWrittenIsReadBack() {
        DType[] plain = Stream.of(DType.values()).filter(type -> !type.isBlocked()).toArray(DType[]::new);
        Seeds.forAll(30, (seed, random) -> {
            try (Memory memory = new Memory()) {
                Map<String, Tensor> tensors = new LinkedHashMap<>();
                for (int i = Seeds.between(random, 0, 8); i > 0; i--) {
                    DType type = plain[random.nextInt(plain.length)];
                    int[] lengths = random.ints(Seeds.between(random, 0, 3), 0, 6).toArray();
                    Tensor tensor = memory.allocate(type, Shape.of(lengths));
                    byte[] noise = new byte[(int) tensor.bytes()];
                    random.nextBytes(noise);
                    MemorySegment.copy(noise, 0, tensor.data(), ValueLayout.JAVA_BYTE, 0, noise.length);
                    tensors.put("β." + i + ".\"weight\"\n" + random.nextInt(100), tensor);
                }
                Map<String, String> text = Map.of("config", "{\"a\": [1]}", "é", "\u0001 \uD83D\uDE00");
                Path file = folder.resolve("round-" + seed);
                Safetensors.write(file, tensors, text);
                try (Safetensors opened = Safetensors.open(file)) {
                    assertThat(opened.texts()).isEqualTo(text);
                    assertThat(opened.tensors()).hasSize(tensors.size());
                    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
                        Tensor read = opened.tensor(entry.getKey());
                        assertThat(read.dtype()).isEqualTo(entry.getValue().dtype());
                        assertThat(read.shape()).isEqualTo(entry.getValue().shape());
                        assertThat(read.data().mismatch(entry.getValue().data())).isEqualTo(-1);
                    }
                }
            } catch (IOException failed) {
                throw new AssertionError(failed);
            }
        });
    }

    @Test
    void theSameTensorsMakeTheSameBytes() throws IOException {
        try (Memory memory = new Memory()) {
            Tensor a = memory.zeros(DType.F32, 2).setAll(1, 2);
            Tensor b = memory.zeros(DType.U8, 3).setAll(7, 8, 9);
            Tensor c = memory.zeros(DType.F64, 1).setAll(-1);
            Map<String, Tensor> forwards = new LinkedHashMap<>();
            forwards.put("b", a);
            forwards.put("a", b);
            forwards.put("c", c);
            forwards.put("B", a);
            Map<String, Tensor> backwards = new LinkedHashMap<>();
            backwards.put("B", a);
            backwards.put("c", c);
            backwards.put("a", b);
            backwards.put("b", a);
            Safetensors.write(folder.resolve("1"), forwards, Map.of("y", "1", "x", "2"));
            Safetensors.write(folder.resolve("2"), backwards, new LinkedHashMap<>(Map.of("x", "2", "y", "1")));
            byte[] written = Files.readAllBytes(folder.resolve("1"));
            assertThat(written).isEqualTo(Files.readAllBytes(folder.resolve("2")));
            String header = "{\"__metadata__\":{\"x\":\"2\",\"y\":\"1\"},"
                    + "\"c\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                    + "\"B\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
                    + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
                    + "\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]}}";
            int length = (int) ByteBuffer.wrap(written).order(ByteOrder.LITTLE_ENDIAN).getLong();
            assertThat(new String(written, 8, length, StandardCharsets.UTF_8).stripTrailing()).isEqualTo(header);
            assertThat((8 + length) % 8).isZero();
            assertThat(written).hasSize(8 + length + 27).endsWith(7, 8, 9);
        }
    }

    @Test
    void damagedIndexesAreRefusedOrConsistent() throws IOException {
        try (Memory memory = new Memory()) {
            Safetensors.write(folder.resolve("one"), Map.of("a", memory.zeros(DType.F32, 1)), Map.of());
        }
        byte[] good = "{\"metadata\":{\"total_size\":4},\"weight_map\":{\"a\":\"one\"}}"
                .getBytes(StandardCharsets.UTF_8);
        Damage damage = Damage.check(good, 0, good.length, folder.resolve("damaged.json"), path -> {
            try {
                return SafetensorsShards.open(path);
            } catch (IOException refused) {
                // the index is to blame, or the file that it names now
                assertThat(refused.getMessage()).startsWith(folder.toString());
                throw new MalformedFileException(path + ": " + refused.getMessage(), refused);
            }
        });
        assertThat(damage.refused()).isGreaterThan(300);
    }

    @Test
    void opensShards() throws IOException {
        try (Memory memory = new Memory()) {
            Safetensors.write(folder.resolve("one.safetensors"), Map.of("a", memory.zeros(DType.F32, 1).setAll(1)),
                    Map.of());
            Safetensors.write(folder.resolve("two.safetensors"), Map.of("b", memory.zeros(DType.F32, 1).setAll(2)),
                    Map.of("k", "v"));
        }
        index("{\"metadata\":{\"total_size\":8},\"weight_map\":{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}");
        try (TensorFile file = TensorFile.open(folder)) {
            assertThat(file.tensors()).extracting(StoredTensor::name).containsExactly("a", "b");
            assertThat(file.tensor("b").get(0)).isEqualTo(2);
            assertThat(file.texts()).containsEntry("k", "v");
        }
        index("{\"weight_map\":{\"a\":\"one.safetensors\"}}");
        try (TensorFile file = TensorFile.open(folder)) {
            assertThat(file.find("b")).isEmpty();
            assertThatThrownBy(() -> file.tensor("b")).hasMessageContaining("there is no tensor \"b\"");
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
        "{\"weight_map\":{\"a\":\"one.safetensors\",\"c\":\"one.safetensors\"}} | one.safetensors: tensor \"c\" is missing",
        "{\"weight_map\":{\"b\":\"one.safetensors\"}} | tensor \"b\" is missing",
        "{\"weight_map\":{\"a\":\"../one.safetensors\"}} | expected the plain name",
        "{\"weight_map\":{\"a\":\"/etc/passwd\"}} | expected the plain name",
        "{\"weight_map\":{\"a\":\"..\"}} | expected the plain name",
        "{\"weight_map\":{\"a\":1}} | expected a file name",
        "{\"weight_map\":{\"a\":\"\\udc00\"}} | is none that this system allows",
        "{\"weight_map\":[]} | is not an object",
        "{} | lacks \"weight_map\"",
        "{\"weight_map\":{\"a\":\"none.safetensors\"}} | none.safetensors: no such file",
        "nonsense | not valid JSON"})
    void refusesShardsThatDoNotFit(String index, String message) throws IOException {
        try (Memory memory = new Memory()) {
            Safetensors.write(folder.resolve("one.safetensors"), Map.of("a", memory.zeros(DType.F32, 1)), Map.of());
        }
        index(index);
        assertThatThrownBy(() -> TensorFile.open(folder)).isInstanceOf(IOException.class).message().contains(message)
                .doesNotContain("\n");
    }

    @Test
    void refusesTensorsThatTheIndexDoesNotMention() throws IOException {
        try (Memory memory = new Memory()) {
            Safetensors.write(folder.resolve("one.safetensors"),
                    Map.of("a", memory.zeros(DType.F32, 1), "extra", memory.zeros(DType.F32, 1)), Map.of());
        }
        index("{\"weight_map\":{\"a\":\"one.safetensors\"}}");
        assertThatThrownBy(() -> TensorFile.open(folder))
                .hasMessageContaining(
                        "tensor \"extra\" is not expected here, model.safetensors.index.json does not mention it");
    }

    @Test
    void countsWhatIsNotANumber() throws IOException {
        Path file = folder.resolve("sick.safetensors");
        try (Memory memory = new Memory()) {
            Tensor good = Tensors.normal(DType.F32, Seeds.random(3), memory, 50);
            Tensor bad = memory.zeros(DType.F32, 4).setAll(Double.NaN, 2, Double.POSITIVE_INFINITY, -3);
            Tensor half = memory.zeros(DType.BF16, 2).setAll(Double.NaN, Double.NEGATIVE_INFINITY);
            Safetensors.write(file, Map.of("good", good, "bad", bad, "half", half), Map.of());
        }
        try (Safetensors opened = Safetensors.open(file)) {
            List<TensorHealth> found = TensorHealth.of(opened);
            assertThat(found).extracting(TensorHealth::name).containsExactly("bad", "good", "half");
            assertThat(found.get(0)).isEqualTo(new TensorHealth("bad", 4, 1, 1, -3, 2));
            assertThat(found.get(1).sound()).isTrue();
            assertThat(found.get(2).sound()).isFalse();
            assertThat(found.get(2).nans()).isEqualTo(1);
            assertThat(found.get(2).infinities()).isEqualTo(1);
        }
    }

    @Test
    void elementsAreReversedForOtherByteOrders() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1, (byte) 2, (byte) 3, (byte) 4,
                    (byte) 5,
                    (byte) 6, (byte) 7, (byte) 8);
            MappedFile.reverseElements(data, 4);
            assertThat(data.toArray(ValueLayout.JAVA_BYTE)).containsExactly(4, 3, 2, 1, 8, 7, 6, 5);
        }
    }

    @Test
    void aClosedFileCannotBeRead() throws IOException {
        Safetensors file = Safetensors.open(resource("valid-unsorted-keys"));
        Tensor tensor = file.tensor("a");
        assertThat(tensor.toFloats()).containsExactly(1, 2);
        file.close();
        file.close();
        assertThatThrownBy(() -> tensor.get(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void noTemporaryFilesRemain() throws IOException {
        try (Memory memory = new Memory()) {
            Safetensors.write(folder.resolve("m.safetensors"), Map.of("a", memory.zeros(DType.F32, 1)), Map.of());
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactly("m.safetensors");
        }
    }

    private void index(String text) throws IOException {
        Files.writeString(folder.resolve(SafetensorsShards.INDEX_FILE), text);
    }

    private Path stored(byte[] header, byte[] data) throws IOException {
        return Files.write(folder.resolve("stored.safetensors"), bytes(header, data));
    }

    private static byte[] bytes(byte[] header, byte[] data) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
        all.write(header);
        all.write(data);
        return all.toByteArray();
    }

    private Path resource(String name) throws IOException {
        Path copy = folder.resolve(name + ".safetensors");
        try (InputStream in = SafetensorsTest.class.getResourceAsStream("safetensors/" + name + ".safetensors")) {
            assertThat(in).as(name).isNotNull();
            Files.write(copy, in.readAllBytes());
        }
        return copy;
    }
}
