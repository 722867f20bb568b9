package tern.serve.http;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

import tools.jackson.databind.node.ArrayNode;

import tern.text.Tokenizer;

/** Single tokens as text, for lists of probabilities. Immutable. */
record TokenTexts(Tokenizer tokenizer) {
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

    void addBytes(int id, ArrayNode into) {
        for (byte each : bytes(id)) {
            into.add(each & 0xFF);
        }
    }
}
