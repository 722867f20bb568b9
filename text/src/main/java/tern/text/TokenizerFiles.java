package tern.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;

/** Files that a tokenizer is made from, and how the descriptor that is stored with a model names them. */
final class TokenizerFiles {
    static final String KIND = "kind";

    private static final String FILE = "file";
    private static final String SUM = "sha256";
    private static final long LARGEST = 256L << 20;

    private TokenizerFiles() {
    }

    /** Makes a tokenizer from a file that was read. */
    @FunctionalInterface
    interface Parser<T> {
        T parse(String name, byte[] file) throws IOException;
    }

    /** All bytes of a file, which must not be huge. */
    static byte[] read(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new IOException(file + ": is a folder, expected a tokenizer's file");
        }
        try {
            long size = Files.size(file);
            if (size > LARGEST) {
                throw new IOException(
                        file + ": has " + size + " bytes, expected a tokenizer's file of at most " + LARGEST);
            }
            return Files.readAllBytes(file);
        } catch (NoSuchFileException missing) {
            throw new IOException(file + ": no such file; check the name", missing);
        }
    }

    /** Notes a file of the model's folder in a descriptor. */
    static void describe(Map<String, String> descriptor, String file, byte[] content) {
        descriptor.put(FILE, file);
        descriptor.put(SUM, sum(content));
    }

    /** Reads the file that a descriptor names. */
    static <T> T load(Map<String, String> descriptor, Optional<Path> folder, Parser<T> parser) throws IOException {
        String name = descriptor.get(FILE);
        if (name == null) {
            throw new IllegalArgumentException("tokenizer: file is missing, expected the name of a file in the model's"
                    + " folder; the model was written by another version");
        }
        // a model may come from anywhere: it names files of its own folder, nothing else
        if (name.isEmpty() || !Path.of(name).getFileName().toString().equals(name) || name.startsWith(".")) {
            throw new IllegalArgumentException(
                    "tokenizer: file is " + Shown.text(name)
                            + ", expected the plain name of a file in the model's folder");
        }
        Path file = folder
                .orElseThrow(() -> new IllegalArgumentException("tokenizer: the model's tokenizer is the file "
                        + name + ", but the model has no folder to find it in"))
                .resolve(name);
        byte[] content = read(file);
        String expected = descriptor.get(SUM);
        if (expected != null && !expected.equals(sum(content))) {
            throw new IOException(file + ": expected the tokenizer with SHA-256 " + Shown.text(expected) + ", found "
                    + sum(content) + "; the file was changed or belongs to another model");
        }
        return parser.parse(file.toString(), content);
    }

    private static String sum(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every Java platform has SHA-256", impossible);
        }
    }
}
