package tern.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.text.SampleText;
import tern.text.TextData;
import tern.text.Tokenizer;

/** {@code tern bench tokenize}: how fast texts become symbols and back on one core, hostile ones included. */
@Command(name = "tokenize", description = "Encode and decode rates of tokenizers on one thread, on text and on texts made to be slow.", mixinStandardHelpOptions = true, sortOptions = false)
final class TokenizeBenchCommand implements Callable<Integer> {
    private static final int LARGEST = 64 << 20;
    private static final int HOSTILE = 1 << 20;

    @Option(names = "--tokenizer", paramLabel = "NAME|FILE", split = ",", defaultValue = "world", description = "bytes, world, a tokenizer.json or a World vocabulary; several with commas (${DEFAULT-VALUE}).")
    private List<String> tokenizers;

    @Option(names = "--data", paramLabel = "FILE", arity = "1..*", description = "Text to encode, also .gz and .zst (the text that comes with Tern).")
    private List<Path> data = new ArrayList<>();

    @Option(names = "--seconds", defaultValue = "1", description = "Seconds for each case (${DEFAULT-VALUE}).")
    private double seconds;

    @Mixin
    private BenchOptions shown;

    /**
     * One case.
     *
     * @param encodeMegabytesPerSecond millions of bytes of text a second, best of the rounds
     * @param decodeMegabytesPerSecond the same for the way back
     */
    record Row(String tokenizer, String text, long bytes, long tokens, double bytesPerToken,
            double encodeMegabytesPerSecond, double decodeMegabytesPerSecond, double loadSeconds) {
    }

    @Override
    public Integer call() throws IOException {
        if (!(seconds > 0)) {
            throw new UserError("--seconds is " + seconds + ", expected a number above 0");
        }
        Map<String, byte[]> texts = texts();
        shown.table("%-26s %-22s %12s %12s %12s %12s %12s".formatted("tokenizer", "text", "bytes", "tokens",
                "bytes/token", "encode MB/s", "decode MB/s"));
        List<Loaded> loaded = new ArrayList<>();
        for (String name : tokenizers) {
            long begun = System.nanoTime();
            Tokenizer tokenizer = Tokenizer.open(name);
            loaded.add(new Loaded(tokenizer, (System.nanoTime() - begun) * 1e-9));
        }
        for (Loaded one : loaded) {
            texts.forEach((text, bytes) -> tell(row(one, text, bytes)));
        }
        return Outcome.OK;
    }

    private record Loaded(Tokenizer tokenizer, double seconds) {
    }

    private Map<String, byte[]> texts() throws IOException {
        Map<String, byte[]> texts = new LinkedHashMap<>();
        try (TextData text = data.isEmpty() ? SampleText.open() : TextData.open(data)) {
            texts.put(text.name(), text.bytes(0, (int) Math.min(LARGEST, text.size())));
        }
        Map<String, String> hostile = new LinkedHashMap<>();
        hostile.put("one letter", "a");
        hostile.put("spaces", " ");
        hostile.put("line ends and spaces", "\n ");
        hostile.put("combining marks", "\u0301\u0316");
        hostile.put("zero bytes", "\0");
        hostile.forEach((name, unit) -> texts.put(name,
                unit.repeat(HOSTILE / unit.getBytes(StandardCharsets.UTF_8).length).getBytes(StandardCharsets.UTF_8)));
        return texts;
    }

    private Row row(Loaded loaded, String text, byte[] bytes) {
        Tokenizer tokenizer = loaded.tokenizer;
        double encode = Double.POSITIVE_INFINITY;
        double decode = Double.POSITIVE_INFINITY;
        int[] ids = new int[0];
        long until = System.nanoTime() + (long) (seconds * 1e9);
        do {
            long begun = System.nanoTime();
            ids = tokenizer.encode(bytes);
            long encoded = System.nanoTime();
            tokenizer.decode(ids);
            encode = Math.min(encode, (encoded - begun) * 1e-9);
            decode = Math.min(decode, (System.nanoTime() - encoded) * 1e-9);
        } while (System.nanoTime() < until);
        return new Row(tokenizer.name(), text, bytes.length, ids.length, (double) bytes.length / ids.length,
                bytes.length / 1e6 / encode, bytes.length / 1e6 / decode, loaded.seconds);
    }

    private void tell(Row row) {
        shown.row(row, "%-26s %-22s %,12d %,12d %12.2f %,12.1f %,12.1f".formatted(row.tokenizer, row.text,
                row.bytes, row.tokens, row.bytesPerToken, row.encodeMegabytesPerSecond,
                row.decodeMegabytesPerSecond));
    }
}
