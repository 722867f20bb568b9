package tern.checkpoint.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Puts a header together. Confined to one thread. */
final class LittleEndianBytes {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    LittleEndianBytes i8(int value) {
        bytes.write(value);
        return this;
    }

    LittleEndianBytes i16(int value) {
        return i8(value).i8(value >> 8);
    }

    LittleEndianBytes i32(int value) {
        return i16(value).i16(value >> 16);
    }

    LittleEndianBytes i64(long value) {
        return i32((int) value).i32((int) (value >> 32));
    }

    /** Length and UTF-8. */
    LittleEndianBytes text(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        i64(utf8.length);
        bytes.writeBytes(utf8);
        return this;
    }

    /** Zeros up to a multiple of the alignment. */
    LittleEndianBytes pad(long alignment) {
        while (bytes.size() % alignment != 0) {
            bytes.write(0);
        }
        return this;
    }

    byte[] toArray() {
        return bytes.toByteArray();
    }
}
