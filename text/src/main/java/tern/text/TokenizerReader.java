package tern.text;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Reads files {@code tokenizer.json} beyond the byte-level BPE of this room. A room that has one offers it as a service;
 * {@link Tokenizer#open} and {@link Tokenizer#from(Map, java.nio.file.Path)} then find it. Safe for use by several
 * threads.
 */
public interface TokenizerReader {
    /** The kind that the descriptors of its tokenizers name. */
    String kind();

    /**
     * The tokenizer in a file.
     *
     * @param name of the file, for messages
     * @param file its content
     * @throws IOException if it is no tokenizer; names the file and what is wrong
     */
    Tokenizer read(String name, byte[] file) throws IOException;

    /** The descriptor of a tokenizer whose one file lies in the model's folder under this name. */
    static Map<String, String> descriptor(String kind, String fileName, byte[] file) {
        Map<String, String> descriptor = new LinkedHashMap<>();
        descriptor.put(TokenizerFiles.KIND, kind);
        TokenizerFiles.describe(descriptor, fileName, file);
        return descriptor;
    }

    /** The bytes that a token of a byte-level vocabulary stands for (Ġ is a space), or its UTF-8 if it has other letters. */
    static byte[] byteLevel(String token) {
        return ByteLetters.bytes(token);
    }
}
