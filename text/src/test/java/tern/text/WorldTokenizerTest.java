package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.testkit.Seeds;

class WorldTokenizerTest {
    private static final WorldTokenizer WORLD = WorldTokenizer.shipped();

    @TempDir
    private Path folder;

    @Test
    void theShippedVocabularyIsThePublishedOne() throws IOException {
        byte[] published = Files.readAllBytes(SharedData.require("rwkv_vocab_v20230424.txt"));
        assertThat(WorldTokenizer.parse("published", published)).isSameAs(WORLD);
    }

    @Test
    void vectorsAreExact() throws IOException {
        JsonNode vectors = new JsonMapper().readTree(SharedData.require("tokenizers/vectors.json").toFile())
                .get("world");
        int count = 0;
        for (JsonNode vector : vectors.get("text")) {
            assertThat(WORLD.encode(vector.get("text").stringValue())).as(vector.toString())
                    .isEqualTo(ids(vector.get("ids")));
            count++;
        }
        for (JsonNode vector : vectors.get("bytes")) {
            byte[] bytes = HexFormat.of().parseHex(vector.get("bytes_hex").stringValue());
            assertThat(WORLD.encode(bytes)).as(vector.toString()).isEqualTo(ids(vector.get("ids")));
            assertThat(WORLD.decode(ids(vector.get("ids")))).isEqualTo(bytes);
            count++;
        }
        assertThat(count).isGreaterThan(20);
    }

    static int[] ids(JsonNode list) {
        int[] ids = new int[list.size()];
        Arrays.setAll(ids, i -> list.get(i).intValue());
        return ids;
    }

    @Test
    void publishedExamples() {
        assertThat(WORLD.vocabulary()).isEqualTo(65530);
        assertThat(WORLD.encode("Hello, world!")).containsExactly(33155, 45, 40213, 34);
        assertThat(WORLD.encode("\n\n")).containsExactly(261);
        assertThat(WORLD.encode(HexFormat.of().parseHex("fffe80c328"))).containsExactly(256, 255, 129, 196, 41);
        assertThat(WORLD.symbol(0)).isEmpty();
        assertThat(WORLD.endOfText()).isEqualTo(OptionalInt.of(0));
        assertThat(WORLD.id("Hello".getBytes(StandardCharsets.UTF_8))).isEqualTo(OptionalInt.of(33155));
        assertThat(WORLD.id(new byte[0])).isEmpty();
        assertThat(WORLD.id("Hello, wor".getBytes(StandardCharsets.UTF_8))).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> WORLD.symbol(65530))
                .withMessage("symbol 65530 is outside the vocabulary, expected 0 to 65529");
    }

    @Test
    void everyTokenIsItselfInOneSymbol() {
        for (int id = 1; id < WORLD.vocabulary(); id++) {
            byte[] bytes = WORLD.symbol(id);
            assertThat(bytes.length).isEqualTo(WORLD.symbolLength(id)).isPositive();
            assertThat(WORLD.encode(bytes)).containsExactly(id);
        }
    }

    @Test
    void anyBytesComeBack() {
        Seeds.forAll(200, (seed, random) -> {
            byte[] bytes = Texts.anyBytes(random, random.nextInt(200));
            int[] ids = WORLD.encode(bytes);
            assertThat(WORLD.decode(ids)).isEqualTo(bytes);
            assertThat(Arrays.stream(ids).map(WORLD::symbolLength).sum()).isEqualTo(bytes.length);
            assertThat(Texts.streamed(WORLD, ids)).isEqualTo(new String(bytes, StandardCharsets.UTF_8));
        });
    }

    @Test
    void everySymbolIsTheLongestThatFits() {
        Seeds.forAll(20, (seed, random) -> {
            byte[] bytes = Texts.anyBytes(random, 60);
            int at = 0;
            for (int id : WORLD.encode(bytes)) {
                int length = WORLD.symbolLength(id);
                for (int longer = length + 1; longer <= 128 && at + longer <= bytes.length; longer++) {
                    assertThat(WORLD.id(Arrays.copyOfRange(bytes, at, at + longer))).isEmpty();
                }
                at += length;
            }
        });
    }

    @Test
    void theEndOfTextIsATextUnlessAskedFor() {
        WorldTokenizer marked = WORLD.withEndOfText();
        String text = "one<|endoftext|>\n<<|endoftext|><|endoftext|";
        assertThat(WORLD.encode(text)).doesNotContain(0);
        int[] ids = marked.encode(text);
        assertThat(Arrays.stream(ids).filter(id -> id == 0).count()).isEqualTo(2);
        assertThat(marked.text(ids)).isEqualTo(text);
        assertThat(marked.encode("")).isEmpty();
        assertThat(marked.encode("<|endoftext|>")).containsExactly(0);
        assertThat(marked.id("<|endoftext|>".getBytes(StandardCharsets.UTF_8))).isEqualTo(OptionalInt.of(0));
        assertThat(marked).isNotEqualTo(WORLD);
        assertThat(Tokenizer.from(marked.descriptor())).isEqualTo(marked);
    }

    @Test
    void descriptorsGiveTokenizersBack() throws IOException {
        assertThat(WORLD.descriptor()).isEqualTo(Map.of("kind", "world", "vocabulary", "rwkv_vocab_v20230424"));
        assertThat(Tokenizer.from(WORLD.descriptor())).isSameAs(WORLD);
        WorldTokenizer own = small();
        assertThat(own.files()).containsOnlyKeys("world-vocabulary.txt");
        assertThatIllegalArgumentException().isThrownBy(() -> Tokenizer.from(own.descriptor()))
                .withMessageContaining("no folder to find it in");
        assertThatThrownBy(() -> Tokenizer.from(own.descriptor(), folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("world-vocabulary.txt: no such file");
        Files.write(folder.resolve("world-vocabulary.txt"), own.files().get("world-vocabulary.txt"));
        Tokenizer back = Tokenizer.from(own.descriptor(), folder);
        assertThat(back).isEqualTo(own).hasSameHashCodeAs(own);
        Files.writeString(folder.resolve("world-vocabulary.txt"), "1 'a' 1\n");
        assertThatThrownBy(() -> Tokenizer.from(own.descriptor(), folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("expected the tokenizer with SHA-256").hasMessageContaining("another model");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Tokenizer.from(Map.of("kind", "world", "file", "../secret"), folder))
                .withMessageContaining("plain name");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Tokenizer.from(Map.of("kind", "world", "vocabulary", "moon")))
                .withMessageContaining("vocabulary is \"moon\"");
        assertThatIllegalArgumentException().isThrownBy(() -> own.withEndOfText())
                .withMessageContaining("id 0 is a token");
    }

    private static WorldTokenizer small() {
        List<byte[]> symbols = new ArrayList<>();
        for (int value = 0; value < 256; value++) {
            symbols.add(new byte[] {(byte) value});
        }
        for (String word : List.of("it's", "\"quoted\"", "back\\slash", "line\nend\r\t", "é", "\u2028", "\u0080",
                "\0x")) {
            symbols.add(word.getBytes(StandardCharsets.UTF_8));
        }
        symbols.add(new byte[] {(byte) 0xC3, 'a'});
        symbols.add(new byte[] {(byte) 0xFF, '\'', '\\'});
        return WorldTokenizer.of(symbols);
    }

    @Test
    void allCopiesInCirculationAreRead() throws IOException {
        String lines = new String(small().files().get("world-vocabulary.txt"), StandardCharsets.UTF_8);
        assertThat(parse(lines.replace("\n", "\r\n"))).isEqualTo(small());
        assertThat(parse(lines.substring(0, lines.length() - 1))).isEqualTo(small());
        assertThat(parse(lines.stripTrailing().replace("\n", "\r\n"))).isEqualTo(small());
    }

    private static WorldTokenizer parse(String lines) throws IOException {
        return WorldTokenizer.parse("vocab.txt", lines.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void badLinesAreNamed() {
        String bytes = new String(small().files().get("world-vocabulary.txt"), StandardCharsets.UTF_8);
        refused(bytes + "266 'x y' 4\n", "vocab.txt: line 267: expected 4 bytes as the line's end says, found 3");
        refused(bytes + "266 '\\xff' 1\n", "line 267: expected 1 bytes as the line's end says, found 2");
        refused(bytes + "267 'xy' 2\n", "line 267: expected id 266, found 267");
        refused(bytes + "266 'it\\'s' 4\n", "line 267: expected a new token, found that of line 257 again");
        refused(bytes + "266 '' 0\n", "line 267: expected a token of one byte or more");
        refused(bytes + "266\n", "line 267: expected an id, a literal and a length with spaces between, found \"266\"");
        refused(bytes + "266  2\n", "line 267: the literal \"\" is not Python's: expected ' or \"");
        refused(bytes + "two 'xy' 2\n", "line 267: id: expected a number, found \"two\"");
        refused(bytes + "266 'xy' -2\n", "line 267: length: expected a number, found \"-2\"");
        refused(bytes + "266 'xy\" 2\n", "expected the closing ' at character 3, found '\"'");
        refused(bytes + "266 'x\\q' 2\n", "at character 3, found 'q'");
        refused(bytes + "266 b'é' 2\n", "expected an escape for this character at character 2, found 'é'");
        refused(bytes + "266 b'\\u0041' 1\n", "expected \\x, bytes have no other numbers");
        refused(bytes + "266 '\\ud800' 3\n", "expected a character of Unicode");
        refused(bytes + "266 '\\x4' 1\n", "expected 2 hexadecimal digits at character 4");
        refused(bytes + "266 'x'y' 3\n", "expected \\ before a ' inside at character 2");
        refused(bytes + "\n", "line 267: expected an id, a literal and a length");
        refused("5 'a' 1\n", "line 1: expected id 0 or 1, found 5");
        refused("1 'a' 1\n", "ends after line 1 without a token for the byte 0x00");
        refused("", "ends after line 0 without a token for the byte 0x00");
        assertThatThrownBy(() -> WorldTokenizer.parse("vocab.txt", new byte[] {'1', (byte) 0xFF}))
                .isInstanceOf(IOException.class).hasMessageContaining("vocab.txt: is not UTF-8 text");
        assertThatThrownBy(() -> WorldTokenizer.open(folder.resolve("none.txt"))).isInstanceOf(IOException.class)
                .hasMessageContaining("no such file");
    }

    private static void refused(String lines, String message) {
        assertThatThrownBy(() -> parse(lines)).isInstanceOf(IOException.class).hasMessageContaining(message);
    }

    @Test
    void hostileTextTakesLinearTime() {
        for (String unit : List.of("a", " ", "=", "\u0301", "\0", "-", "漢")) {
            byte[] text = unit.repeat(1 << 20).getBytes(StandardCharsets.UTF_8);
            long begun = System.nanoTime();
            assertThat(WORLD.decode(WORLD.encode(text))).isEqualTo(text);
            assertThat((System.nanoTime() - begun) * 1e-9).as("seconds for 1 Mi times U+%04X", unit.codePointAt(0))
                    .isLessThan(20);
        }
    }
}
