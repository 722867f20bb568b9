package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.testkit.Seeds;

class GgufTokenizersTest {
    @TempDir
    private Path folder;

    @Test
    @SuppressWarnings("unchecked")
    void theWorldVocabularyGoesThereAndBack() {
        Map<String, Object> metadata = GgufTokenizers.metadata(WorldTokenizer.shipped(), 65536);
        List<String> tokens = (List<String>) metadata.get("tokenizer.ggml.tokens");
        assertThat(tokens).hasSize(65536);
        assertThat(tokens.get(0)).isEqualTo("<s>");
        assertThat(tokens.subList(10, 14)).containsExactly("\\t", "\\n", "\\x0b", "\\x0c");
        assertThat(tokens.get(256)).isEqualTo("\\xff");
        assertThat(tokens.get(93)).isEqualTo("\\\\");
        assertThat(tokens.get(33155)).isEqualTo("Hello");
        assertThat(tokens.getLast()).isEqualTo("[PAD65535]");
        assertThat(GgufTokenizers.of(metadata)).isSameAs(WorldTokenizer.shipped());
    }

    @Test
    void everyByteAsASymbolIsTheTokenizerOfBytes() {
        assertThat(GgufTokenizers.of(GgufTokenizers.metadata(ByteTokenizer.ALL, 256))).isSameAs(ByteTokenizer.ALL);
    }

    @Test
    void byteLevelVocabulariesGoThereAndBack() throws IOException {
        BpeTokenizer neox = BpeTokenizer.open(SharedData.require("tokenizers/20B_tokenizer.json"));
        Map<String, Object> metadata = GgufTokenizers.metadata(neox, 50304);
        assertThat(metadata).containsEntry("tokenizer.ggml.model", "gpt2").containsEntry("tokenizer.ggml.pre", "gpt-2")
                .containsEntry("tokenizer.ggml.eos_token_id", 0);
        Tokenizer back = GgufTokenizers.of(metadata);
        assertThat(back.vocabulary()).isBetween(50277, 50304);
        Seeds.forAll(50, (seed, random) -> {
            // GGUF has no normaliser
            String text = java.text.Normalizer.normalize(Texts.any(random, 60), java.text.Normalizer.Form.NFC);
            assertThat(back.encode(text)).isEqualTo(neox.encode(text));
        });
        Files.write(folder.resolve("tokenizer.json"), back.files().get("tokenizer.json"));
        Tokenizer again = Tokenizer.from(back.descriptor(), folder);
        assertThat(again.encode("The Eiffel tower")).isEqualTo(neox.encode("The Eiffel tower"));
        assertThat(again.endOfText()).isEqualTo(OptionalInt.of(0));
    }

    private static Map<String, Object> small(String splitter) {
        List<String> tokens = new ArrayList<>(IntStream.range(0, 256).mapToObj(ByteLetters::letter).toList());
        tokens.addAll(List.of("aa", "<begin>", "<end>", "[PAD259]"));
        Integer[] types = new Integer[260];
        Arrays.fill(types, 1);
        types[257] = 3;
        types[258] = 3;
        types[259] = 5;
        return new HashMap<>(Map.of("tokenizer.ggml.model", "gpt2", "tokenizer.ggml.pre", splitter,
                "tokenizer.ggml.tokens", tokens, "tokenizer.ggml.token_type", List.of(types), "tokenizer.ggml.merges",
                List.of("a a"), "tokenizer.ggml.bos_token_id", 257L, "tokenizer.ggml.eos_token_id", 258L));
    }

    @Test
    void splittersAndMarksFollowTheFile() throws IOException {
        for (String splitter : WordRule.NAMED.keySet()) {
            BpeTokenizer tokenizer = (BpeTokenizer) GgufTokenizers.of(small(splitter));
            assertThat(tokenizer.definition().rules()).isEqualTo(WordRule.NAMED.get(splitter).rules());
            assertThat(tokenizer.encode("aa<end>")).containsExactly(256, 258);
            assertThat(tokenizer.endOfText()).isEqualTo(OptionalInt.of(258));
            assertThat(tokenizer.text(tokenizer.encode("It's 2024!?\n\n x1234"))).isEqualTo("It's 2024!?\n\n x1234");
            assertThat(GgufTokenizers.of(GgufTokenizers.metadata(tokenizer, 300)).encode("It's 12345"))
                    .isEqualTo(tokenizer.encode("It's 12345"));
            // the end is not one that files usually have: the descriptor says it
            Files.write(folder.resolve("tokenizer.json"), tokenizer.files().get("tokenizer.json"));
            assertThat(Tokenizer.from(tokenizer.descriptor(), folder).endOfText()).isEqualTo(OptionalInt.of(258));
        }
        assertThat(GgufTokenizers.of(small("llama-bpe")).encodeWhole(new byte[] {'x'})).containsExactly(257, 'x');
        assertThat(GgufTokenizers.of(small("qwen2")).encodeWhole(new byte[] {'x'})).containsExactly('x');
        // the same words, but only what merges make of them
        BpeTokenizer merged = (BpeTokenizer) GgufTokenizers.of(small("dbrx"));
        assertThat(merged.encodeWhole(new byte[] {'x'})).containsExactly('x');
        assertThat(merged.definition().wholeWords()).isFalse();
        assertThat(GgufTokenizers.metadata(merged, 300)).containsEntry("tokenizer.ggml.pre", "dbrx");
        Map<String, Object> asked = small("gpt-2");
        asked.put("tokenizer.ggml.add_bos_token", true);
        asked.put("tokenizer.ggml.add_eos_token", true);
        assertThat(GgufTokenizers.of(asked).encodeWhole(new byte[] {'x'})).containsExactly(257, 'x', 258);
    }

    @Test
    void defaultSplitsAsLlamaCppSays() {
        BpeTokenizer tokenizer = (BpeTokenizer) GgufTokenizers.of(small("default"));
        assertThat(tokenizer.definition().rules()).containsExactly(WordRule.PUNCTUATION, WordRule.GPT2,
                WordRule.NUMBERS,
                WordRule.DIGIT_TRIPLES);
    }

    /** Falcon-Mamba's: the grave accent belongs to other punctuation, and numbers are cut in threes only. */
    @Test
    void falconSplitsAsLlamaCppSays() {
        Map<String, Object> metadata = small("falcon");
        List<Object> tokens = new ArrayList<>((List<?>) metadata.get("tokenizer.ggml.tokens"));
        tokens.set(258, "`-");
        tokens.set(259, "\u01201");
        metadata.put("tokenizer.ggml.tokens", tokens);
        metadata.put("tokenizer.ggml.token_type", List.of(IntStream.range(0, 260).mapToObj(i -> 1).toArray()));
        metadata.put("tokenizer.ggml.merges", List.of("a a", "` -", "\u0120 1"));
        assertThat(GgufTokenizers.of(metadata).encode("`-aa 1 111")).containsExactly(258, 256, 259, ' ', '1', '1', '1');
        metadata.put("tokenizer.ggml.pre", "default");
        assertThat(GgufTokenizers.of(metadata).encode("`-aa 1")).containsExactly('`', '-', 256, ' ', '1');
    }

    @Test
    void whatIsWrongIsNamed() {
        refused("tokenizer.ggml.model", "bert",
                "tokenizer.ggml.model: expected \"rwkv\", \"gpt2\" or \"llama\", the kinds of tokenizers known here,"
                        + " found \"bert\"");
        refused("tokenizer.ggml.model", 7, "tokenizer.ggml.model: expected a text, found \"7\"");
        refused("tokenizer.ggml.pre", "viking",
                "tokenizer.ggml.pre: expected one of default, falcon, gpt-2, mpt, olmo, llama-bpe, lfm2, falcon-h1, dbrx, qwen2,"
                        + " qwen35, tekken, pixtral, smollm, refact, starcoder, the splitters known here, found \"viking\"");
        refused("tokenizer.ggml.tokens", "x", "tokenizer.ggml.tokens: expected a list of texts");
        refused("tokenizer.ggml.tokens", List.of("a", 3), "tokenizer.ggml.tokens[1]: expected a text, found \"3\"");
        refused("tokenizer.ggml.token_type", List.of(1, 2),
                "tokenizer.ggml.token_type: expected 260 numbers, one a token,"
                        + " found \"2 entries\"");
        refused("tokenizer.ggml.merges", List.of("a a", "a b"),
                "tokenizer.ggml.merges[1]: expected a merge of symbols");
        refused("tokenizer.ggml.eos_token_id", 260L, "tokenizer.ggml.eos_token_id: expected a symbol from 0 to 259");
        refused("tokenizer.ggml.add_bos_token", "yes", "tokenizer.ggml.add_bos_token: expected true or false");
        Map<String, Object> missing = small("gpt-2");
        missing.remove("tokenizer.ggml.merges");
        assertThatIllegalArgumentException().isThrownBy(() -> GgufTokenizers.of(missing))
                .withMessage("tokenizer.ggml.merges: is missing, expected a list of texts");
        assertThatIllegalArgumentException().isThrownBy(() -> GgufTokenizers.of(Map.of()))
                .withMessageContaining("found nothing");
        Map<String, Object> world = new HashMap<>(GgufTokenizers.metadata(ByteTokenizer.ALL, 256));
        List<String> tokens = new ArrayList<>(IntStream.range(0, 256).mapToObj("\\x%02x"::formatted).toList());
        tokens.set(7, "\\q");
        world.put("tokenizer.ggml.tokens", tokens);
        assertThatIllegalArgumentException().isThrownBy(() -> GgufTokenizers.of(world))
                .withMessageContaining("tokenizer.ggml.tokens[7]: the literal \"\\q\" is not Python's");
        tokens.set(7, "\\x08");
        assertThatIllegalArgumentException().isThrownBy(() -> GgufTokenizers.of(world))
                .withMessageContaining("symbols 7 and 8 are the same, '\\x08'");
        tokens.set(7, "xy");
        assertThatIllegalArgumentException().isThrownBy(() -> GgufTokenizers.of(world))
                .withMessageContaining("no symbol for the byte 0x07");
    }

    private static void refused(String key, Object value, String message) {
        Map<String, Object> metadata = small("gpt-2");
        metadata.put(key, value);
        assertThatIllegalArgumentException().isThrownBy(() -> GgufTokenizers.of(metadata))
                .withMessageContaining(message);
    }

    @Test
    void whatTheFormatCannotSayIsNotWritten() {
        assertThatIllegalArgumentException().isThrownBy(() -> GgufTokenizers.metadata(WorldTokenizer.shipped(), 65000))
                .withMessageContaining("65530 symbols, but the model has 65000 rows");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GgufTokenizers.metadata(ByteTokenizer.over(new byte[] {'a', 'b'}), 128))
                .withMessageContaining("no form for 2 different bytes");
    }
}
