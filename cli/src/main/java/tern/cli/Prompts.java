package tern.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

import org.jspecify.annotations.Nullable;

import tern.text.Tokenizer;

/** Turns what the user gave as a prompt into symbols. */
final class Prompts {
    private Prompts() {
    }

    /** The bytes of a prompt: TEXT, {@code @FILE}, or {@code -} for standard input. */
    static byte[] bytes(String prompt) throws IOException {
        return prompt.startsWith("@") ? file(prompt.substring(1))
                : prompt.equals("-") ? file(prompt) : prompt.getBytes(StandardCharsets.UTF_8);
    }

    /** The bytes of a file, or of standard input if its name is {@code -}. */
    static byte[] file(String name) throws IOException {
        if (name.equals("-")) {
            return System.in.readAllBytes();
        }
        if (name.isEmpty() || Files.isDirectory(Path.of(name))) {
            throw new UserError((name.isEmpty() ? "@ is followed by no name" : name + " is a folder")
                    + ", expected a file with the text");
        }
        return Files.readAllBytes(Path.of(name));
    }

    /** Refuses to write where the prompt is read from. */
    static void requireApart(String option, Path path, @Nullable String prompt) throws IOException {
        if (prompt != null && prompt.length() > 1 && prompt.startsWith("@") && !prompt.equals("@-")) {
            Destination.requireOther(option, path, "the prompt", Path.of(prompt.substring(1)));
        }
    }

    /** The symbols of a prompt; bytes outside the vocabulary are named. */
    static int[] encode(Tokenizer tokenizer, String prompt) throws IOException {
        try {
            return tokenizer.encodeWhole(bytes(prompt));
        } catch (IllegalArgumentException refused) {
            throw new UserError("the prompt cannot be expressed in the model's vocabulary: " + refused.getMessage(),
                    refused);
        }
    }

    /** Comma-separated symbols. */
    static int[] parse(String ids) {
        try {
            return Arrays.stream(ids.split(",")).map(String::strip).mapToInt(Integer::parseInt).toArray();
        } catch (NumberFormatException refused) {
            throw new UserError(
                    "--ids is \"" + ids + "\", expected numbers with commas between them such as 34,105,110",
                    refused);
        }
    }
}
