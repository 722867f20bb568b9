package tern.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.Checkpoint;
import tern.inference.LanguageModel;
import tern.text.Tokenizer;

/** {@code tern tokenize}: the symbols of a text, as a model or a tokenizer sees it. */
@Command(name = "tokenize", description = "Print the symbols of a text and the bytes that each stands for.", mixinStandardHelpOptions = true, sortOptions = false)
final class TokenizeCommand implements Callable<Integer> {
    @ParentCommand
    private Tern tern;

    @Parameters(index = "0", arity = "0..1", paramLabel = "MODEL", description = "A model's folder, or a file that was published: safetensors, .pth, GGUF, rwkv.cpp's .bin.")
    private Optional<Path> model;

    @Option(names = "--tokenizer", paramLabel = "NAME|FILE", description = "Instead of a model: bytes, world, a tokenizer.json or a World vocabulary.")
    private Optional<String> tokenizer;

    @Option(names = "--text", paramLabel = "TEXT", description = "The text.")
    private Optional<String> text;

    @Option(names = "--file", paramLabel = "FILE", description = "A file with the text; - for standard input.")
    private Optional<String> file;

    @Option(names = "--ids", paramLabel = "N,N…", description = "Instead of a text: symbols to turn into one.")
    private Optional<String> ids;

    @Option(names = "--whole", description = "With the symbols that the tokenizer puts before and after a text, if any.")
    private boolean whole;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    /**
     * What {@code --json} prints.
     *
     * @param pieces bytes of each symbol as text, bytes that are not UTF-8 written \\xHH
     * @param text all of them together
     */
    record Report(String tokenizer, int vocabulary, int[] ids, List<String> pieces, String text, long bytes) {
    }

    @Override
    public Integer call() throws IOException {
        if (model.isPresent() == tokenizer.isPresent()) {
            throw new UserError("give either a MODEL or --tokenizer bytes, world or a file");
        }
        long given = List.of(text, file, ids).stream().filter(Optional::isPresent).count();
        if (given != 1) {
            throw new UserError("give one of --text, --file and --ids");
        }
        Tokenizer used = open();
        int[] symbols = ids.isPresent() ? Prompts.parse(ids.get()) : encode(used);
        byte[] back = used.decode(symbols);
        List<String> pieces = Arrays.stream(symbols).mapToObj(id -> shown(used.symbol(id))).toList();
        if (json) {
            tern.out().println(Json.line(new Report(used.name(), used.vocabulary(), symbols, pieces,
                    new String(back, StandardCharsets.UTF_8), back.length)));
        } else {
            for (int i = 0; i < symbols.length; i++) {
                tern.out().printf("%8d  %s%n", symbols[i], pieces.get(i));
            }
            tern.err().printf("%,d symbols for %,d bytes; %s%n", symbols.length, back.length, used.name());
        }
        return Outcome.OK;
    }

    private Tokenizer open() throws IOException {
        if (tokenizer.isPresent()) {
            return Tokenizer.open(tokenizer.get());
        }
        try (Checkpoint checkpoint = Checkpoint.open(model.orElseThrow())) {
            return LanguageModel.tokenizerOf(checkpoint);
        }
    }

    private int[] encode(Tokenizer used) throws IOException {
        byte[] bytes;
        if (text.isPresent()) {
            bytes = text.get().getBytes(StandardCharsets.UTF_8);
        } else {
            bytes = Prompts.file(file.orElseThrow());
        }
        return whole ? used.encodeWhole(bytes) : used.encode(bytes);
    }

    /** On one line and told apart: control characters, backslashes and what is not UTF-8 as escapes. */
    private static String shown(byte[] piece) {
        String text = new String(piece, StandardCharsets.UTF_8);
        StringBuilder shown = new StringBuilder();
        if (Arrays.equals(text.getBytes(StandardCharsets.UTF_8), piece)) {
            text.codePoints().forEach(c -> {
                switch (c) {
                    case '\n' -> shown.append("\\n");
                    case '\r' -> shown.append("\\r");
                    case '\t' -> shown.append("\\t");
                    case '\\' -> shown.append("\\\\");
                    default -> {
                        if (Character.isISOControl(c)) {
                            shown.append("\\u%04x".formatted(c));
                        } else {
                            shown.appendCodePoint(c);
                        }
                    }
                }
            });
        } else {
            for (byte value : piece) {
                shown.append(value >= 0x20 && value != 0x7F && value != '\\' ? String.valueOf((char) value)
                        : "\\x%02x".formatted(value & 0xFF));
            }
        }
        return shown.toString();
    }
}
