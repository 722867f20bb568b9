package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import tern.testkit.Seeds;

class TokenizerTest {
    @Test
    void everyByteIsItsOwnSymbol() {
        byte[] all = new byte[256];
        IntStream.range(0, 256).forEach(value -> all[value] = (byte) value);
        int[] ids = ByteTokenizer.ALL.encode(all);
        assertThat(ids).isEqualTo(IntStream.range(0, 256).toArray());
        assertThat(ByteTokenizer.ALL.decode(ids)).isEqualTo(all);
        assertThat(ByteTokenizer.ALL.vocabulary()).isEqualTo(256);
        assertThat(ByteTokenizer.ALL.encode("é")).containsExactly(0xC3, 0xA9);
        assertThat(ByteTokenizer.ALL.text(new int[] {0xC3, 0xA9, 33})).isEqualTo("é!");
    }

    @Test
    void anAlphabetIsNumberedInTheOrderOfBytes() {
        ByteTokenizer bases = ByteTokenizer.over("TGCA".getBytes(StandardCharsets.US_ASCII));
        assertThat(bases.vocabulary()).isEqualTo(4);
        assertThat(bases.encode("GATTACA")).containsExactly(2, 0, 3, 3, 0, 1, 0);
        assertThat(bases.text(new int[] {2, 0, 3})).isEqualTo("GAT");
        assertThatIllegalArgumentException().isThrownBy(() -> bases.encode("GAX"))
                .withMessage("byte 0x58 ('X') at offset 2 is not in the vocabulary of 4 bytes");
        assertThatIllegalArgumentException().isThrownBy(() -> bases.encode("A\n"))
                .withMessageContaining("byte 0x0A at");
        assertThatIllegalArgumentException().isThrownBy(() -> bases.symbol(4))
                .withMessage("symbol 4 is outside the vocabulary, expected 0 to 3");
        assertThatIllegalArgumentException().isThrownBy(() -> bases.symbol(-1)).withMessageContaining("symbol -1");
    }

    @Test
    void impossibleAlphabetsAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> ByteTokenizer.over(new byte[0]))
                .withMessageContaining("expected 1 to 256");
        assertThatIllegalArgumentException().isThrownBy(() -> ByteTokenizer.over(new byte[] {65, 66, 65}))
                .withMessageContaining("0x41 ('A') stands twice");
    }

    @Test
    void aDescriptorGivesTheTokenizerBack() {
        ByteTokenizer bases = ByteTokenizer.over("ACGT".getBytes(StandardCharsets.US_ASCII));
        assertThat(ByteTokenizer.ALL.descriptor()).isEqualTo(Map.of("kind", "bytes"));
        assertThat(bases.descriptor()).isEqualTo(Map.of("kind", "bytes", "alphabet", "41434754"));
        assertThat(Tokenizer.from(ByteTokenizer.ALL.descriptor())).isEqualTo(ByteTokenizer.ALL);
        assertThat(Tokenizer.from(bases.descriptor())).isEqualTo(bases).isNotEqualTo(ByteTokenizer.ALL);
        assertThatIllegalArgumentException().isThrownBy(() -> Tokenizer.from(Map.of()))
                .withMessageContaining("kind is missing");
        assertThatIllegalArgumentException().isThrownBy(() -> Tokenizer.from(Map.of("kind", "words")))
                .withMessageContaining(
                        "kind is \"words\", expected \"bytes\", \"world\", \"bpe\" or \"sentencepiece\"");
        assertThatIllegalArgumentException().isThrownBy(() -> Tokenizer.from(Map.of("kind", "bytes", "alphabet", "4Z")))
                .withMessageContaining("alphabet is \"4Z\"");
    }

    @Test
    void textThatComesByteByByteIsTheTextAsAWhole() {
        Seeds.forAll(50, (seed, random) -> {
            StringBuilder text = new StringBuilder();
            for (int i = Seeds.between(random, 0, 30); i > 0; i--) {
                int[] ranges = {0x80, 0x800, 0xD800, 0x10FFFF};
                int c = random.nextInt(ranges[random.nextInt(4)]);
                text.appendCodePoint(c >= 0xD800 && c < 0xE000 ? 'x' : c);
            }
            byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
            boolean damaged = random.nextBoolean();
            for (int i = 0; damaged && i < bytes.length; i += 1 + random.nextInt(10)) {
                bytes[i] = (byte) random.nextInt(256);
            }
            TextDecoder decoder = ByteTokenizer.ALL.decoder();
            StringBuilder found = new StringBuilder();
            for (byte value : bytes) {
                found.append(decoder.accept(value & 0xFF));
            }
            found.append(decoder.finish());
            assertThat(found.toString()).isEqualTo(new String(bytes, StandardCharsets.UTF_8));
        });
    }

    @Test
    void aCharacterComesOutWithItsLastByte() {
        TextDecoder decoder = ByteTokenizer.ALL.decoder();
        assertThat(decoder.accept(0xF0)).isEmpty();
        assertThat(decoder.accept(0x9F)).isEmpty();
        assertThat(decoder.accept(0x98)).isEmpty();
        assertThat(decoder.accept(0x80)).isEqualTo("😀");
        assertThat(decoder.accept(0xC3)).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> decoder.accept(256));
        assertThat(decoder.accept(0xA9)).isEqualTo("é");
        assertThat(decoder.accept(0xE2)).isEmpty();
        assertThat(decoder.finish()).isEqualTo("\uFFFD");
        assertThat(decoder.accept('a')).isEqualTo("a");
        assertThat(decoder.finish()).isEmpty();
    }
}
