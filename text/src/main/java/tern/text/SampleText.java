package tern.text;

import java.io.IOException;
import java.io.InputStream;

/**
 * The text that ships with Tern, for a first run without any file: 1,115,394 bytes of Shakespeare, public domain. Its
 * origin stands in the README beside it.
 */
public final class SampleText {
    /** What the text is called. */
    public static final String NAME = "tinyshakespeare.txt";

    private SampleText() {
    }

    /** The text, unpacked; the caller closes it. */
    public static TextData open() throws IOException {
        InputStream packed = SampleText.class.getResourceAsStream(NAME + ".gz");
        if (packed == null) {
            throw new IOException(NAME + ".gz is missing from Tern's own files; build or install Tern again");
        }
        return TextData.of(NAME, packed);
    }
}
