package tern.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.mapped.Complaint;

/** Strict and bounded reading of JSON that may come from anywhere. */
final class Json {
    /** Longest document; the limit of safetensors headers. */
    static final long LARGEST = 100_000_000;

    private static final int DEEPEST = 64;
    private static final int LONGEST_NUMBER = 64;
    private static final int LONGEST_NAME = 1 << 16;

    /** Refuses duplicate names; keeps no tables that a document could fill. */
    static final JsonFactory STREAMING = JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
            .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(DEEPEST)
                    .maxNumberLength(LONGEST_NUMBER).maxNameLength(LONGEST_NAME).maxStringLength((int) LARGEST)
                    .maxDocumentLength(LARGEST).build())
            .build();

    /** Trees, under the same rules. */
    static final JsonMapper TREES = JsonMapper.builder(STREAMING)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private Json() {
    }

    /** Characters of UTF-8 bytes; reading throws {@link CharacterCodingException} where they are not UTF-8. */
    static Reader reader(MemorySegment utf8) {
        return new InputStreamReader(new SegmentStream(utf8.asByteBuffer()), StandardCharsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT));
    }

    /** What is wrong with a document, without the parser's second line. */
    static String complaint(JacksonException bad) {
        for (Throwable cause = bad; cause != null; cause = cause.getCause()) {
            if (cause instanceof CharacterCodingException) {
                return "is not UTF-8 text";
            }
        }
        return "is not valid JSON: " + Complaint.of(bad);
    }

    private static final class SegmentStream extends InputStream {
        private final ByteBuffer bytes;

        SegmentStream(ByteBuffer bytes) {
            this.bytes = bytes;
        }

        @Override
        public int read() {
            return bytes.hasRemaining() ? bytes.get() & 0xFF : -1;
        }

        @Override
        public int read(byte[] into, int at, int count) throws IOException {
            if (!bytes.hasRemaining()) {
                return count == 0 ? 0 : -1;
            }
            int part = Math.min(count, bytes.remaining());
            bytes.get(into, at, part);
            return part;
        }
    }
}
