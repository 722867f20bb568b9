package tern.text;

import java.io.IOException;
import java.io.InputStream;

/** How bytes in a file are packed; told by their first bytes, not by the file's name. */
enum Packing {
    NONE, GZIP, ZSTD;

    /** Bytes that {@link #of} looks at. */
    static final int MAGIC_BYTES = 4;

    /** The packing that the first bytes of a file announce. */
    static Packing of(byte[] head, int count) {
        if (count >= 3 && (head[0] & 0xFF) == 0x1F && (head[1] & 0xFF) == 0x8B && head[2] == 8) {
            return GZIP;
        }
        if (count >= 4) {
            int magic = head[0] & 0xFF | (head[1] & 0xFF) << 8 | (head[2] & 0xFF) << 16 | (head[3] & 0xFF) << 24;
            if (magic == ZstdStream.FRAME || (magic & ZstdStream.SKIPPABLE_MASK) == ZstdStream.SKIPPABLE) {
                return ZSTD;
            }
        }
        return NONE;
    }

    /**
     * The bytes that are packed in a stream.
     *
     * @param name the file, for messages
     */
    InputStream open(String name, InputStream packed) throws IOException {
        return switch (this) {
            case NONE -> packed;
            case GZIP -> new GzipStream(name, packed);
            case ZSTD -> new ZstdStream(name, packed);
        };
    }
}
