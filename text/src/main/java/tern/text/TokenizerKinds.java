package tern.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** The kinds of tokenizers that there are, by the names that models and users give them. */
final class TokenizerKinds {
    private TokenizerKinds() {
    }

    static Tokenizer from(Map<String, String> descriptor, Optional<Path> folder) throws IOException {
        String kind = descriptor.getOrDefault(TokenizerFiles.KIND, "");
        return switch (kind) {
            case ByteTokenizer.KIND -> bytes(descriptor);
            case WorldTokenizer.KIND -> WorldTokenizer.from(descriptor, folder);
            case BpeTokenizer.KIND -> BpeTokenizer.from(descriptor, folder);
            case SentencePieceTokenizer.KIND -> SentencePieceTokenizer.from(descriptor, folder);
            case UnknownTokenizer.KIND -> unknown(descriptor);
            default -> other(kind, descriptor, folder);
        };
    }

    private static Tokenizer other(String kind, Map<String, String> descriptor, Optional<Path> folder)
            throws IOException {
        Optional<TokenizerReader> reader = readers().filter(one -> one.kind().equals(kind)).findFirst();
        if (reader.isPresent()) {
            return TokenizerFiles.load(descriptor, folder, reader.get()::read);
        }
        throw new IllegalArgumentException("tokenizer: kind is " + (kind.isEmpty() ? "missing" : Shown.text(kind))
                + ", expected \"" + ByteTokenizer.KIND + "\", \"" + WorldTokenizer.KIND + "\", \"" + BpeTokenizer.KIND
                + "\" or \"" + SentencePieceTokenizer.KIND
                + "\"; the model was written by another version, or with a room that is not here"
                + " (TERN_ROOMS=huggingface adds the Hugging Face library)");
    }

    /** What other rooms offer. */
    private static Stream<TokenizerReader> readers() {
        return ServiceLoader.load(TokenizerReader.class).stream().map(ServiceLoader.Provider::get);
    }

    private static Tokenizer unknown(Map<String, String> descriptor) {
        String size = descriptor.getOrDefault(UnknownTokenizer.SIZE, "");
        try {
            return Tokenizer.unknown(Integer.parseInt(size));
        } catch (NumberFormatException bad) {
            throw new IllegalArgumentException(
                    "tokenizer: " + UnknownTokenizer.SIZE + " is " + Shown.text(size) + ", expected a number", bad);
        }
    }

    private static Tokenizer bytes(Map<String, String> descriptor) {
        String alphabet = descriptor.get("alphabet");
        if (alphabet == null) {
            return ByteTokenizer.ALL;
        }
        try {
            return ByteTokenizer.inOrder(HexFormat.of().parseHex(alphabet));
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(bad.getMessage() + "; tokenizer: alphabet is \"" + alphabet
                    + "\", expected distinct bytes as hexadecimal digits", bad);
        }
    }

    static Tokenizer open(String name) throws IOException {
        return switch (name) {
            case ByteTokenizer.KIND -> ByteTokenizer.ALL;
            case WorldTokenizer.KIND -> WorldTokenizer.shipped();
            default -> open(name, Path.of(name));
        };
    }

    private static Tokenizer open(String name, Path path) throws IOException {
        if (!Files.exists(path)) {
            throw new IOException("tokenizer " + name + ": no such file, and not one of \"" + ByteTokenizer.KIND
                    + "\" and \"" + WorldTokenizer.KIND
                    + "\"; give one of these, a tokenizer.json or a World vocabulary");
        }
        Path scored = path.resolve(SentencePieceTokenizer.FILE);
        Path file = !Files.isDirectory(path) ? path : Files.exists(scored) ? scored : path.resolve(BpeTokenizer.FILE);
        byte[] content = TokenizerFiles.read(file);
        if (file.endsWith(SentencePieceTokenizer.FILE)) {
            return SentencePieceTokenizer.parse(file.toString(), content);
        }
        int first = 0;
        while (first < content.length && content[first] <= ' ' && content[first] >= 0) {
            first++;
        }
        return first < content.length && content[first] == '{' ? json(file.toString(), content)
                : WorldTokenizer.parse(file.toString(), content);
    }

    /** Ours where it is a byte-level BPE, else that of another room. */
    private static Tokenizer json(String name, byte[] content) throws IOException {
        try {
            return BpeFile.parse(name, content);
        } catch (IOException notOurs) {
            Optional<TokenizerReader> reader = readers().findFirst();
            if (reader.isEmpty()) {
                throw new IOException(notOurs.getMessage()
                        + "; the Hugging Face library reads more: TERN_ROOMS=huggingface adds it", notOurs);
            }
            return reader.get().read(name, content);
        }
    }
}
