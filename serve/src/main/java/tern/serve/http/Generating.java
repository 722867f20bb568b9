package tern.serve.http;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ThreadLocalRandom;

import tern.host.engine.Choosing;

/** What completions and chat completions are asked in the same way. */
final class Generating {
    private Generating() {
    }

    /** How tokens are chosen. */
    static Choosing choosing(Fields fields, int vocabulary, int logprobs) {
        Map<Integer, Double> bias = fields.biases(vocabulary);
        return new Choosing(fields.number("temperature", 0, 2, 1),
                fields.integer("top_k", 0, Integer.MAX_VALUE, 0), fields.number("top_p", 0, 1, 1),
                fields.number("presence_penalty", -2, 2, 0), fields.number("frequency_penalty", -2, 2, 0), bias,
                logprobs);
    }

    static long seed(Fields fields) {
        return fields.optionalLong("seed").orElseGet(() -> ThreadLocalRandom.current().nextLong());
    }

    /** The token that ends a text, unless the request wants to go on after it. */
    static OptionalInt end(Fields fields, Served served) {
        return fields.flag("ignore_eos", false) ? OptionalInt.empty() : served.model().tokenizer().endOfText();
    }

    static boolean usageInStream(Fields fields) {
        return fields.object("stream_options").map(options -> options.flag("include_usage", false)).orElse(false);
    }

    /** An identifier such as {@code cmpl-3f…}. */
    static String id(String prefix) {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        return "%s-%016x%016x".formatted(prefix, random.nextLong(), random.nextLong());
    }

    static long now() {
        return System.currentTimeMillis() / 1000;
    }

    /** When a request that came now has to be done. */
    static long deadline(Limits limits) {
        return System.nanoTime() + limits.time().toNanos();
    }

    /** Refuses a form of answer that is not offered. */
    static void requireText(Fields fields) {
        fields.object("response_format").flatMap(format -> format.optionalText("type"))
                .filter(type -> !type.equals("text")).ifPresent(type -> {
                    throw ApiError.field("response_format",
                            "response_format is of a type that is not offered, expected text");
                });
    }

    static void refuse(Fields fields, String name, String why) {
        Optional<?> found = fields.find(name);
        if (found.isPresent()) {
            throw ApiError.field(name, name + " " + why);
        }
    }
}
