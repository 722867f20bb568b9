package tern.host.chat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;

import tern.text.Tokenizer;

/**
 * A conversation as tokens.
 *
 * @param tokens not copied
 * @param boundaries positions at which messages end, ascending: where the tokens of the first few messages are those that the whole
 *            begins with
 */
public record ChatPrompt(int[] tokens, List<Integer> boundaries) {
    private static final int LAST_MESSAGES = 16;

    /** The boundaries do not change. */
    public ChatPrompt {
        boundaries = List.copyOf(boundaries);
    }

    /**
     * Writes a conversation by a template, up to where the assistant begins.
     *
     * @param messages one or more
     * @throws TemplateException if the template refuses these messages, or makes nothing of them
     * @throws IllegalArgumentException if the tokenizer cannot express the text
     */
    public static ChatPrompt of(Tokenizer tokenizer, ChatTemplate template, List<Message> messages) {
        String whole = template.render(messages, true);
        if (whole.isEmpty()) {
            throw new TemplateException("it makes nothing of these messages");
        }
        int[] tokens = encoded(tokenizer, template, whole);
        TreeSet<Integer> boundaries = new TreeSet<>();
        int first = Math.max(1, messages.size() - LAST_MESSAGES);
        for (int count = 1; count < messages.size(); count = count == 1 ? Math.max(2, first) : count + 1) {
            try {
                String part = template.render(messages.subList(0, count), false);
                if (whole.startsWith(part)) {
                    boundaries.add(common(tokens, encoded(tokenizer, template, part)));
                }
            } catch (TemplateException refused) {
                // A template that refuses a beginning has no boundary there.
                continue;
            }
        }
        boundaries.add(common(tokens, encoded(tokenizer, template, template.render(messages, false))));
        boundaries.remove(0);
        boundaries.remove(tokens.length);
        return new ChatPrompt(tokens, List.copyOf(boundaries));
    }

    /** A template that writes the symbol for the beginning must not get it twice. */
    private static int[] encoded(Tokenizer tokenizer, ChatTemplate template, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return template.isPlain() ? tokenizer.encodeWhole(bytes) : tokenizer.encode(bytes);
    }

    private static int common(int[] a, int[] b) {
        int found = Arrays.mismatch(a, b);
        return found < 0 ? a.length : found;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }
}
