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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.testkit.Seeds;
import tern.text.SentencePieceTokenizer.Piece;
import tern.text.SentencePieceTokenizer.Type;
import tern.text.SentencePieceTokenizer.Vocabulary;

class SentencePieceTokenizerTest {
    private static final int BYTES = 3;
    private static final int FIRST = BYTES + 256;

    @TempDir
    private Path folder;

    /** unk, begin, end, the bytes, then these, the first with the highest score. */
    private static Vocabulary vocabulary(boolean spaceAhead, String... pieces) {
        List<Piece> all = new ArrayList<>(List.of(new Piece("<unk>", 0, Type.UNKNOWN),
                new Piece("<s>", 0, Type.CONTROL), new Piece("</s>", 0, Type.CONTROL)));
        for (int value = 0; value < 256; value++) {
            all.add(new Piece("<0x%02X>".formatted(value), 0, Type.BYTE));
        }
        for (int i = 0; i < pieces.length; i++) {
            all.add(new Piece(pieces[i], -i, Type.NORMAL));
        }
        return new Vocabulary(all, spaceAhead, List.of(1), List.of(), OptionalInt.of(2));
    }

    private static SentencePieceTokenizer of(boolean spaceAhead, String... pieces) {
        return new SentencePieceTokenizer(vocabulary(spaceAhead, pieces));
    }

    @Test
    void theBestPairIsMergedFirst() {
        // "\u2581ab": "ab" before "\u2581a", so that "\u2581ab" is made of a space and "ab".
        SentencePieceTokenizer one = of(true, "ab", "\u2581a", "bc", "\u2581ab", "a", "b", "c", "\u2581");
        assertThat(one.encode("ab")).containsExactly(FIRST + 3);
        assertThat(one.encode("abc")).containsExactly(FIRST + 3, FIRST + 6);
        assertThat(one.encode("bc a")).containsExactly(FIRST + 7, FIRST + 2, FIRST + 1);
        assertThat(one.encodeWhole("a".getBytes(StandardCharsets.UTF_8))).containsExactly(1, FIRST + 1);
        assertThat(one.encode("")).isEmpty();
        // of equal scores the leftmost, and 0 is -0
        SentencePieceTokenizer zeros = new SentencePieceTokenizer(new Vocabulary(List.of(
                new Piece("a", -1, Type.NORMAL), new Piece("ab", -0f, Type.NORMAL), new Piece("ba", 0, Type.NORMAL)),
                false,
                List.of(), List.of(), OptionalInt.empty()));
        assertThat(zeros.encode("aba")).containsExactly(1, 0);
        assertThat(of(false, "aa", "a").encode("aaa")).containsExactly(FIRST, FIRST + 1);
    }

    @Test
    void whatIsNoPieceIsWrittenAsItsBytes() {
        SentencePieceTokenizer one = of(false, "a", "\u2581");
        assertThat(one.encode("a\u00e9 a")).containsExactly(FIRST, BYTES + 0xC3, BYTES + 0xA9, FIRST + 1, FIRST);
        assertThat(one.encode(new byte[] {(byte) 0xFF, 'a', (byte) 0xE2})).containsExactly(BYTES + 0xFF, FIRST,
                BYTES + 0xE2);
        assertThat(one.decode(one.encode("a\u00e9 a\n"))).isEqualTo("a\u00e9 a\n".getBytes(StandardCharsets.UTF_8));
        List<Piece> few = List.of(new Piece("<unk>", 0, Type.UNKNOWN), new Piece("a", 0, Type.NORMAL));
        assertThat(new SentencePieceTokenizer(new Vocabulary(few, false, List.of(), List.of(), OptionalInt.empty()))
                .encode("a\u00e9a")).containsExactly(1, 0, 1);
        assertThatIllegalArgumentException().isThrownBy(() -> new SentencePieceTokenizer(new Vocabulary(
                few.subList(1, 2), false, List.of(), List.of(), OptionalInt.empty())).encode("a\u00e9a"))
                .withMessageContaining("\u00e9").withMessageContaining("no symbols for bytes");
    }

    /** Marks are cut out; a space is put behind each, as before the text. */
    @Test
    void marksAreCutOut() {
        SentencePieceTokenizer one = of(true, "\u2581a", "a", "\u2581");
        assertThat(one.encode("<s>a</s></s> a")).containsExactly(1, FIRST, 2, 2, FIRST + 2, FIRST);
        assertThat(one.text(new int[] {1, FIRST, 2})).isEqualTo("<s> a</s>");
        assertThat(one.endOfText()).hasValue(2);
        assertThat(one.id(" a".getBytes(StandardCharsets.UTF_8))).hasValue(FIRST);
    }

    /** Whatever the vocabulary and the text, cut into words or not: what searching all pairs again and again gives. */
    @Test
    void equalsThePlainSearch() {
        Seeds.forAll(300, (seed, random) -> {
            String letters = "ab\u2581\u00e9";
            List<String> pieces = new ArrayList<>(List.of("\u2581"));
            for (int i = random.nextInt(1, 25); i > 0; i--) {
                StringBuilder piece = new StringBuilder();
                for (int length = random.nextInt(1, 5); length > 0; length--) {
                    piece.append(letters.charAt(random.nextInt(4)));
                }
                boolean within = piece.toString().replaceFirst("^\u2581+", "").contains("\u2581");
                if (!pieces.contains(piece.toString()) && (seed % 2 == 0 || !within)) {
                    pieces.add(piece.toString());
                }
            }
            StringBuilder text = new StringBuilder();
            for (int length = random.nextInt(60); length > 0; length--) {
                text.append(letters.replace('\u2581', ' ').charAt(random.nextInt(4)));
            }
            SentencePieceTokenizer one = of(seed % 3 == 0, pieces.toArray(String[]::new));
            assertThat(one.encode(text.toString())).as("%s of %s", text, pieces)
                    .containsExactly(plain(text.toString(), seed % 3 == 0, pieces));
            assertThat(one.text(one.encode(text.toString())))
                    .isEqualTo((seed % 3 == 0 && !text.isEmpty() ? " " : "") + text);
        });
    }

    private static int[] plain(String text, boolean spaceAhead, List<String> pieces) {
        List<String> parts = new ArrayList<>();
        String escaped = ((spaceAhead && !text.isEmpty() ? " " : "") + text).replace(' ', '\u2581');
        escaped.chars().forEach(letter -> parts.add(Character.toString(letter)));
        while (true) {
            int best = -1, rank = Integer.MAX_VALUE;
            for (int i = 0; i + 1 < parts.size(); i++) {
                int found = pieces.indexOf(parts.get(i) + parts.get(i + 1));
                if (found >= 0 && found < rank) {
                    best = i;
                    rank = found;
                }
            }
            if (best < 0) {
                break;
            }
            parts.set(best, parts.get(best) + parts.remove(best + 1));
        }
        return parts.stream().flatMapToInt(part -> {
            int found = pieces.indexOf(part);
            byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
            return found >= 0 ? java.util.stream.IntStream.of(FIRST + found)
                    : java.util.stream.IntStream.range(0, bytes.length).map(i -> BYTES + (bytes[i] & 0xFF));
        }).toArray();
    }

    /** Text without a space, all of one letter: a search of all pairs again and again would take hours. */
    @Test
    void longWordsTakeNoLonger() {
        String[] doubled = new String[16];
        for (int i = 0; i < 16; i++) {
            doubled[i] = "a".repeat(1 << i);
        }
        SentencePieceTokenizer one = of(false, doubled);
        byte[] text = "a".repeat(300_001).getBytes(StandardCharsets.US_ASCII);
        assertThat(one.decode(one.encode(text))).isEqualTo(text);
    }

    @Test
    void goesIntoFilesAndBack() throws IOException {
        SentencePieceTokenizer one = of(true, "\u2581ab", "ab", "\u2581a", "a", "b", "\u2581");
        Map<String, Object> metadata = GgufTokenizers.metadata(one, FIRST + 8);
        assertThat(metadata).containsEntry("tokenizer.ggml.model", "llama")
                .containsEntry("tokenizer.ggml.add_bos_token", true)
                .containsEntry("tokenizer.ggml.add_eos_token", false)
                .containsEntry("tokenizer.ggml.add_space_prefix", true)
                .containsEntry("tokenizer.ggml.bos_token_id", 1).containsEntry("tokenizer.ggml.eos_token_id", 2);
        Tokenizer back = GgufTokenizers.of(metadata);
        assertThat(back.vocabulary()).isEqualTo(FIRST + 8);
        assertThat(back.symbol(FIRST + 7)).isEmpty();
        assertThat(back.encodeWhole("ab ba".getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(one.encodeWhole("ab ba".getBytes(StandardCharsets.UTF_8)));
        one.files().forEach((name, content) -> {
            try {
                Files.write(folder.resolve(name), content);
            } catch (IOException full) {
                throw new java.io.UncheckedIOException(full);
            }
        });
        assertThat(Tokenizer.from(one.descriptor(), folder)).isEqualTo(one);
        assertThat(Tokenizer.open(folder.toString())).isEqualTo(one);
        assertThat(Tokenizer.open(folder.resolve("sentencepiece.json").toString())).isEqualTo(one);
        Path file = folder.resolve("sentencepiece.json");
        Files.writeString(file, Files.readString(file).replace("true", "1"));
        Map<String, String> unsummed = new HashMap<>(one.descriptor());
        assertThatThrownBy(() -> Tokenizer.from(unsummed, folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("was changed");
        unsummed.remove("sha256");
        assertThatThrownBy(() -> Tokenizer.from(unsummed, folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("sentencepiece.json").hasMessageContaining("expected true or false");
    }

    @Test
    void whatIsWrongIsNamed() {
        Map<String, Object> good = GgufTokenizers.metadata(of(true, "a"), FIRST + 1);
        refused(good, "tokenizer.ggml.scores", List.of(1f), "tokenizer.ggml.scores: expected 260 numbers, one a token");
        refused(good, "tokenizer.ggml.scores", "x", "expected 260 numbers, one a token, found none");
        List<Object> scores = new ArrayList<>((List<?>) good.get("tokenizer.ggml.scores"));
        scores.set(7, Float.NaN);
        refused(good, "tokenizer.ggml.scores", scores, "tokenizer.ggml.scores[7]: expected a number");
        List<Object> types = new ArrayList<>((List<?>) good.get("tokenizer.ggml.token_type"));
        types.set(5, 9);
        refused(good, "tokenizer.ggml.token_type", types, "tokenizer.ggml.token_type[5]: expected 1 to 6");
        List<Object> tokens = new ArrayList<>((List<?>) good.get("tokenizer.ggml.tokens"));
        tokens.set(4, "<0xZZ>");
        refused(good, "tokenizer.ggml.tokens", tokens, "symbol 4 stands for a byte and is \"<0xZZ>\"");
        tokens.set(4, "");
        refused(good, "tokenizer.ggml.tokens", tokens, "symbol 4 is empty");
    }

    private static void refused(Map<String, Object> good, String key, Object value, String message) {
        Map<String, Object> bad = new HashMap<>(good);
        bad.put(key, value);
        assertThatIllegalArgumentException().as(key).isThrownBy(() -> GgufTokenizers.of(bad))
                .withMessageContaining(message);
    }

    @Test
    void symbolsOutsideAreRefused() {
        SentencePieceTokenizer one = of(true, "a");
        assertThatIllegalArgumentException().isThrownBy(() -> one.symbol(FIRST + 1))
                .withMessageContaining("expected 0 to " + FIRST);
        assertThat(Arrays.stream(new int[] {0, 1, FIRST}).map(one::symbolLength)).containsExactly(5, 3, 1);
    }
}
