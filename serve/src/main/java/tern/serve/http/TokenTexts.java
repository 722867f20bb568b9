package tern.serve.http;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

import tools.jackson.databind.node.ArrayNode;

import tern.text.Tokenizer;

/** Single tokens as text, for lists of probabilities. Immutable. */
record TokenTexts(Tokenizer tokenizer) {
    // The first byte of a character of four, which is two units, and what tells a byte that is not the first.
    private static final int FOUR_BYTES = 0xF0;
    private static final int CONTINUES = 0xC0;

    byte[] bytes(int id) {
        return id < tokenizer.vocabulary() ? tokenizer.symbol(id) : new byte[0];
    }

    /** The token's text; as {@code bytes:\\xE2\\x82} where it is a part of a character only. */
    String text(int id) {
        byte[] bytes = bytes(id);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException partial) {
            StringBuilder text = new StringBuilder("bytes:");
            for (byte each : bytes) {
                text.append("\\x%02x".formatted(each & 0xFF));
            }
            return text.toString();
        }
    }

    /** UTF-16 units of the characters that begin in this token. */
    int units(int id) {
        int units = 0;
        for (byte each : bytes(id)) {
            int bits = each & 0xFF;
            units += bits >= FOUR_BYTES ? 2 : (bits & CONTINUES) == 0x80 ? 0 : 1;
        }
        return units;
    }

    void addBytes(int id, ArrayNode into) {
        for (byte each : bytes(id)) {
            into.add(each & 0xFF);
        }
    }
}
