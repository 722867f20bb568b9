package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.testkit.Seeds;

class BpeTokenizerTest {
    @TempDir
    private Path folder;

    private static BpeTokenizer neox() throws IOException {
        return BpeTokenizer.open(SharedData.require("tokenizers/20B_tokenizer.json"));
    }

    /** Bytes, a few merges, and what is given: parts of a tokenizer.json. */
    static String json(String added, String normalizer, String words, String post, String model) {
        StringBuilder vocabulary = new StringBuilder();
        for (int value = 0; value < 256; value++) {
            String letter = ByteLetters.letter(value);
            vocabulary.append('"').append(letter.equals("\"") || letter.equals("\\") ? "\\" + letter : letter)
                    .append("\":")
                    .append(value).append(',');
        }
        return """
                {"version":"1.0","truncation":null,"padding":null,"added_tokens":[%s],"normalizer":%s,
                "pre_tokenizer":%s,"post_processor":%s,"decoder":{"type":"ByteLevel"},
                "model":{"type":"BPE","vocab":{%s"aa":256,"ab":257,"aab":258,"Ġa":259,"aaaa":260},
                "merges":["a a",["a","b"],["aa","b"],"Ġ a","aa aa"]%s}}""".formatted(added, normalizer, words, post,
                vocabulary, model);
    }

    private static final String WORDS = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}";

    static BpeTokenizer parse(String json) throws IOException {
        return BpeFile.parse("tokenizer.json", json.getBytes(StandardCharsets.UTF_8));
    }

    private static BpeTokenizer plain() throws IOException {
        return parse(json("", "null", WORDS, "null", ""));
    }

    @Test
    void vectorsAreExact() throws IOException {
        BpeTokenizer neox = neox();
        JsonNode vectors = new JsonMapper().readTree(SharedData.require("tokenizers/vectors.json").toFile())
                .get("gpt_neox_20b").get("text");
        assertThat(vectors.size()).isGreaterThan(15);
        for (JsonNode vector : vectors) {
            int[] ids = neox.encode(vector.get("text").stringValue());
            assertThat(ids).as(vector.toString()).isEqualTo(WorldTokenizerTest.ids(vector.get("ids")));
            assertThat(neox.text(ids)).isEqualTo(vector.get("decoded").stringValue());
        }
        assertThat(neox.vocabulary()).isEqualTo(50277);
        assertThat(neox.endOfText()).isEqualTo(OptionalInt.of(0));
    }

    @Test
    void publishedExamples() throws IOException {
        BpeTokenizer neox = neox();
        assertThat(neox.encode("The Eiffel tower is in the city of")).containsExactly(510, 444, 1648, 293, 15469, 310,
                275, 253, 2846, 273);
        assertThat(neox.encode("    def")).containsExactly(50274, 1545);
        assertThat(neox.encode(" ".repeat(30))).hasSize(2);
        assertThat(neox.encode("<|endoftext|>")).containsExactly(0);
    }

    @Test
    void anyTextComesBackNormalised() throws IOException {
        BpeTokenizer neox = neox();
        BpeTokenizer plain = plain();
        Seeds.forAll(200, (seed, random) -> {
            String text = Texts.any(random, random.nextInt(120));
            int[] ids = neox.encode(text);
            assertThat(neox.text(ids)).isEqualTo(normalised(text));
            assertThat(Texts.streamed(neox, ids)).isEqualTo(neox.text(ids));
            byte[] bytes = Texts.anyBytes(random, random.nextInt(60));
            assertThat(plain.decode(plain.encode(bytes))).isEqualTo(bytes);
        });
    }

    /** What stands between added tokens is normalised by itself: a stroke (U+0338) after such a token does not change its ">". */
    private static String normalised(String text) {
        return Arrays.stream(text.splitWithDelimiters("<\\|endoftext\\|>", -1))
                .map(part -> Normalizer.normalize(part, Normalizer.Form.NFC)).collect(Collectors.joining());
    }

    @Test
    void everySymbolOfALetterVocabularyIsFoundByItsBytes() throws IOException {
        BpeTokenizer plain = plain();
        for (int id = 0; id < plain.vocabulary(); id++) {
            assertThat(plain.id(plain.symbol(id))).isEqualTo(OptionalInt.of(id));
            assertThat(plain.symbolLength(id)).isEqualTo(plain.symbol(id).length);
        }
        assertThat(plain.id("abab".getBytes(StandardCharsets.UTF_8))).isEmpty();
    }

    @Test
    void mergesGoByRankAndFromTheLeft() throws IOException {
        BpeTokenizer plain = plain();
        assertThat(plain.encode("aaa")).containsExactly(256, 'a');
        assertThat(plain.encode("aab")).containsExactly(258);
        assertThat(plain.encode("aaaab")).containsExactly(256, 258);
        assertThat(plain.encode("aaaa")).containsExactly(260);
        assertThat(plain.encode("x ab")).containsExactly('x', ' ', 257);
        assertThat(plain.encode("x aab")).containsExactly('x', ' ', 258);
        // too long for the scan of short words: the heap must agree
        int[] many = plain.encode("a".repeat(1001));
        assertThat(many).hasSize(251).startsWith(260, 260).endsWith(260, 'a');
    }

    @Test
    void longAndShortWordsMergeAlike() throws IOException {
        BpeTokenizer neox = neox();
        BpeDefinition definition = neox.definition();
        Merges merges = definition.merges();
        Seeds.forAll(30, (seed, random) -> {
            byte[] word = new byte[49 + random.nextInt(200)];
            for (int i = 0; i < word.length; i++) {
                word[i] = (byte) "etaoin".charAt(random.nextInt(6));
            }
            Ids ids = new Ids(0);
            merges.encode(word, 0, word.length, ids);
            assertThat(ids.toArray()).isEqualTo(naive(definition, word));
        });
    }

    /** The definition of the encoding, word for word. */
    private static int[] naive(BpeDefinition definition, byte[] word) {
        List<String> lines = definition.mergeLines();
        List<String> parts = new ArrayList<>();
        for (byte value : word) {
            parts.add(ByteLetters.letter(value & 0xFF));
        }
        Map<String, Integer> ranks = new java.util.HashMap<>();
        for (int i = 0; i < lines.size(); i++) {
            ranks.put(lines.get(i), i);
        }
        while (true) {
            int best = -1;
            int lowest = Integer.MAX_VALUE;
            for (int i = 0; i + 1 < parts.size(); i++) {
                int rank = ranks.getOrDefault(parts.get(i) + " " + parts.get(i + 1), Integer.MAX_VALUE);
                if (rank < lowest) {
                    lowest = rank;
                    best = i;
                }
            }
            if (best < 0) {
                return parts.stream().mapToInt(definition::id).toArray();
            }
            parts.set(best, parts.get(best) + parts.remove(best + 1));
        }
    }

    @Test
    void wordRulesCutAsTheirExpressionsDo() {
        Seeds.forAll(300, (seed, random) -> {
            String text = Texts.any(random, 1 + random.nextInt(40));
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            for (WordRule rule : WordRule.values()) {
                List<String> words = new ArrayList<>();
                for (int at = 0; at < bytes.length;) {
                    int end = rule.end(bytes, at, bytes.length);
                    words.add(new String(bytes, at, end - at, StandardCharsets.UTF_8));
                    at = end;
                }
                assertThat(words).as(rule + " on " + Shown.text(text)).isEqualTo(byExpression(rule, text));
            }
        });
    }

    private static List<String> byExpression(WordRule rule, String text) {
        String expression = rule.expression().replace("\\s", "\\p{IsWhite_Space}").replace("\\S", "\\P{IsWhite_Space}")
                .replace("(?i:", "(?i:");
        Matcher matcher = Pattern.compile(expression).matcher(text);
        List<String> words = new ArrayList<>();
        int done = 0;
        while (matcher.find()) {
            if (matcher.start() > done) {
                words.add(text.substring(done, matcher.start()));
            }
            words.add(matcher.group());
            done = matcher.end();
        }
        if (done < text.length()) {
            words.add(text.substring(done));
        }
        return words;
    }

    @Test
    void addedTokensAreCutOutFirst() throws IOException {
        String added = """
                {"id":300,"content":"<s>","special":true,"normalized":false},
                {"id":301,"content":"<s>>","special":true,"normalized":false},
                {"id":302,"content":"[L]","special":true,"normalized":false,"lstrip":true},
                {"id":303,"content":"[R]","special":true,"normalized":false,"rstrip":true},
                {"id":304,"content":"yes","special":false,"normalized":false,"single_word":true},
                {"id":305,"content":"é","special":false,"normalized":true}""";
        BpeTokenizer tokenizer = parse(json(added, "{\"type\":\"NFC\"}", WORDS, "null", ""));
        assertThat(tokenizer.encode("x<s>>y<s>")).containsExactly('x', 301, 'y', 300);
        assertThat(tokenizer.encode("x \n [L] y")).containsExactly('x', 302, ' ', 'y');
        assertThat(tokenizer.encode("x [R] \u3000y")).containsExactly('x', ' ', 303, 'y');
        assertThat(tokenizer.encode("[R]  [L]")).containsExactly(303, 302);
        assertThat(tokenizer.encode("yes, yess eyes yes")).containsExactly(304, ',', ' ', 'y', 'e', 's', 's', ' ', 'e',
                'y', 'e', 's', ' ', 304);
        assertThat(tokenizer.encode("e\u0301")).containsExactly(305);
        assertThat(tokenizer.text(new int[] {300, 305, 'x'})).isEqualTo("<s>éx");
        assertThat(tokenizer.vocabulary()).isEqualTo(306);
        assertThat(tokenizer.symbol(280)).isEmpty();
    }

    @Test
    void theFileSaysWhatStandsAroundAText() throws IOException {
        String post = """
                {"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing","single":[
                {"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
                {"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[],
                "special_tokens":{"<s>":{"id":"<s>","ids":[256]},"</s>":{"id":"</s>","ids":[257,258]}}}]}""";
        BpeTokenizer tokenizer = parse(json("", "null", WORDS, post, ""));
        byte[] text = "x".getBytes(StandardCharsets.UTF_8);
        assertThat(tokenizer.encode(text)).containsExactly('x');
        assertThat(tokenizer.encodeWhole(text)).containsExactly(256, 'x', 257, 258);
    }

    @Test
    void aSpaceInFrontIfTheFileSaysSo() throws IOException {
        BpeTokenizer tokenizer = parse(
                json("", "null", "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", "null", ""));
        assertThat(tokenizer.encode("a")).containsExactly(259);
        assertThat(tokenizer.encode(" a")).containsExactly(259);
        assertThat(tokenizer.encode("")).isEmpty();
    }

    @Test
    void recentSplitters() throws IOException {
        String words = """
                {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"%s"},"behavior":"Isolated",
                "invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}""";
        BpeTokenizer qwen = parse(json("", "null", words.formatted(WordRule.QWEN2.expression().replace("\\", "\\\\")),
                "null", ",\"ignore_merges\":true"));
        assertThat(qwen.definition().rules()).containsExactly(WordRule.QWEN2);
        assertThat(qwen.encode("aaaa")).containsExactly(260);
        assertThat(qwen.text(qwen.encode("It's 2024\n\n ok"))).isEqualTo("It's 2024\n\n ok");
    }

    @Test
    void whatIsWrittenIsReadBack() throws IOException {
        BpeTokenizer neox = neox();
        BpeTokenizer back = parse(BpeFile.write(neox.definition()));
        Seeds.forAll(20, (seed, random) -> {
            String text = Texts.any(random, 100);
            assertThat(back.encode(text)).isEqualTo(neox.encode(text));
        });
        assertThat(back.vocabulary()).isEqualTo(neox.vocabulary());
    }

    @Test
    void aModelsFolderKeepsTheFile() throws IOException {
        BpeTokenizer plain = plain();
        assertThat(plain.descriptor()).containsEntry("kind", "bpe").containsEntry("file", "tokenizer.json");
        Files.write(folder.resolve("tokenizer.json"), plain.files().get("tokenizer.json"));
        assertThat(Tokenizer.from(plain.descriptor(), folder)).isEqualTo(plain).hasSameHashCodeAs(plain);
        assertThat(Tokenizer.open(folder.toString())).isEqualTo(plain);
        assertThatThrownBy(() -> Tokenizer.open(folder.resolve("other").toString())).isInstanceOf(IOException.class)
                .hasMessageContaining("no such file, and not one of \"bytes\" and \"world\"");
    }

    @Test
    void whatIsNotKnownIsRefusedByName() {
        refused(json("", "{\"type\":\"BertNormalizer\"}", WORDS, "null", ""),
                "tokenizer.json: normalizer.type: expected NFC, NFD, NFKC, NFKD or Sequence, the normalisers known here,"
                        + " found \"BertNormalizer\"");
        refused(json("", "null", "{\"type\":\"Whitespace\"}", "null", ""), "pre_tokenizer.type: expected ByteLevel");
        refused(json("", "null", "null", "null", ""), "pre_tokenizer: expected ByteLevel");
        refused(json("", "null", "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
                + "\"x+\"},\"behavior\":\"Isolated\"}," + WORDS + "]}", "null", ""),
                "pre_tokenizer.pretokenizers[0].pattern: expected one of the expressions known here");
        refused(json("", "null", WORDS, "{\"type\":\"BertProcessing\"}", ""),
                "post_processor.type: expected ByteLevel, TemplateProcessing or Sequence, known here, found"
                        + " \"BertProcessing\"");
        refused(json("", "null", WORDS, "null", ",\"end_of_word_suffix\":\"</w>\""),
                "model.end_of_word_suffix: expected null or an empty text, found \"\"</w>\"\"");
        refused(json("", "null", WORDS, "null", "").replace("\"type\":\"BPE\"", "\"type\":\"Unigram\""),
                "model.type: expected \"BPE\", the only model known here, found \"Unigram\"");
        refused(json("", "null", WORDS, "null", "").replace("\"decoder\":{\"type\":\"ByteLevel\"}",
                "\"decoder\":{\"type\":\"Metaspace\"}"), "decoder.type: expected ByteLevel");
        refused(json("", "null", WORDS, "null", "").replace("\"padding\"", "\"paddings\""),
                "paddings: expected no such key");
        refused(json("", "null", WORDS, "null", ",\"magic\":1"), "model.magic: expected no such key, found \"1\"");
    }

    @Test
    void damagedFilesAreNamed() {
        String good = json("", "null", WORDS, "null", "");
        refused(good.substring(0, good.length() - 3), "tokenizer.json: is not valid JSON");
        refused(good.replace("\"version\"", "version"), "(line 1, column");
        refused("[]", "is not a JSON object");
        refused(good.replace("\"aa\":256", "\"aa\":255"), "model.vocab[\"aa\"]: id 255 is \"ÿ\" and \"aa\"");
        refused(good.replace("\"aa\":256", "\"aa\":-1"), "model.vocab[\"aa\"]: expected an id from 0 to 4194304");
        refused(good.replace("\"aa\":256", "\"aa\":4000000000"),
                "expected an id from 0 to 4194304, found \"4000000000\"");
        refused(good.replace("\"aa\":256", "\"ac\":256"),
                "model.merges[0]: expected a merge of symbols of the vocabulary into one, found \"aa\"");
        refused(good.replace("\"a a\"", "\"aa\""), "model.merges[0]: expected two symbols with a space between");
        refused(good.replace("\"a a\"", "7"), "model.merges[0]: expected \"a b\" or [\"a\", \"b\"], found \"7\"");
        refused(good.replace("\"Ċ\":10", "\"ĊĊ\":10"), "no symbol for the byte 0x0A (written Ċ)");
        refused(good.replace("\"aa\":256", "\"aa\":256,\"aa\":261"), "is not valid JSON: Duplicate");
        refused(json("{\"id\":97,\"content\":\"b\"}", "null", WORDS, "null", ""),
                "added_tokens[0]: id 97 is \"a\" and \"b\"");
        refused(json("{\"id\":300,\"content\":\"\"}", "null", WORDS, "null", ""), "added token 300 is empty");
        refused(json("{\"id\":300,\"content\":\"x\"},{\"id\":301,\"content\":\"x\"}", "null", WORDS, "null", ""),
                "the added token \"x\" stands twice");
    }

    private static void refused(String json, String message) {
        assertThatThrownBy(() -> parse(json)).isInstanceOf(IOException.class).hasMessageContaining(message);
    }

    @Test
    void hostileTextTakesLinearishTime() throws IOException {
        BpeTokenizer neox = neox();
        for (String unit : List.of("a", " ", "\n ", "'", "7", "=", "e\u0301\u0316", "\u0301\u0316", "\u0344\u0323",
                "漢字", "\0",
                "\u1100\u1161")) {
            byte[] text = unit.repeat((1 << 20) / unit.length()).getBytes(StandardCharsets.UTF_8);
            long begun = System.nanoTime();
            int[] ids = neox.encode(text);
            assertThat((System.nanoTime() - begun) * 1e-9).as("seconds for 1 MiB of " + Shown.text(unit))
                    .isLessThan(20);
            assertThat(ids.length).isPositive();
        }
    }

    @Test
    void longRunsOfMarksAreOrderedAsThePlatformDoes() {
        Seeds.forAll(30, (seed, random) -> {
            int[] marks = {0x301, 0x316, 0x327, 0x344, 0x345, 0x34F, 0x5B0, 0x5BF, 0x903, 0x302E, 0x3099, 0x1D165,
                0x20D0};
            StringBuilder text = new StringBuilder("e");
            for (int i = 0; i < 300; i++) {
                text.appendCodePoint(
                        random.nextInt(50) == 0 ? 'a' + random.nextInt(26) : marks[random.nextInt(marks.length)]);
            }
            String ordered = CombiningMarks.ordered(text.toString());
            for (Normalizer.Form form : Normalizer.Form.values()) {
                assertThat(Normalizer.normalize(ordered, form)).isEqualTo(Normalizer.normalize(text, form));
            }
        });
        assertThat(CombiningMarks.ordered("e\u0301\u0316")).isEqualTo("e\u0301\u0316");
    }

    @Test
    void severalThreadsShareATokenizer() throws Exception {
        BpeTokenizer neox = neox();
        String text = Texts.any(new java.util.Random(5), 3000);
        int[] expected = neox.encode(text);
        List<Thread> threads = new ArrayList<>();
        List<Integer> wrong = java.util.Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 4; i++) {
            threads.add(Thread.ofPlatform().start(() -> {
                for (int round = 0; round < 20; round++) {
                    if (!Arrays.equals(neox.encode(text), expected)) {
                        wrong.add(round);
                    }
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(wrong).isEmpty();
    }
}
