package tern.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Turns symbols that come one at a time into text. A character whose UTF-8 bytes are spread over several symbols comes out
 * with the last of them; bytes that are not UTF-8 come out as U+FFFD. Confined to one thread.
 */
public final class TextDecoder {
    private final Tokenizer tokenizer;
    private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] incomplete = new byte[0];

    /** A decoder before the first symbol. */
    TextDecoder(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * Takes one symbol and gives back the text that is complete with it, possibly none.
     *
     * @throws IllegalArgumentException if the symbol is outside the vocabulary; the decoder is as before
     */
    public String accept(int id) {
        return decode(tokenizer.symbol(id), false);
    }

    /** Ends the text: an incomplete character comes out as U+FFFD; the decoder may be used for another text. */
    public String finish() {
        String rest = decode(new byte[0], true);
        utf8.reset();
        return rest;
    }

    private String decode(byte[] more, boolean last) {
        ByteBuffer bytes = ByteBuffer.allocate(incomplete.length + more.length).put(incomplete).put(more).flip();
        CharBuffer text = CharBuffer.allocate(bytes.remaining() + 2);
        utf8.decode(bytes, text, last);
        if (last) {
            utf8.flush(text);
        }
        incomplete = new byte[bytes.remaining()];
        bytes.get(incomplete);
        return text.flip().toString();
    }
}
