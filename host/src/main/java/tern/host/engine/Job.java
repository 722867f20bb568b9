package tern.host.engine;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A prompt and how to continue it.
 *
 * @param client who asks; clients take turns
 * @param prompt one or more tokens
 * @param boundaries positions in the prompt where others may branch off, such as ends of messages, ascending
 * @param start a state on the way, not released by the batcher; the deepest of this and those in the tree is used
 * @param streams how many continuations
 * @param maxTokens most tokens of each; 0 to read the prompt only
 * @param choosing how tokens are chosen
 * @param seed of the first stream; that of others follows from it
 * @param stops strings that end a text; not part of it
 * @param end the token that ends a text, if one shall
 * @param keepState whether {@link Listener#done} is given the state
 * @param deadlineNanos {@link System#nanoTime} after which the job is given up
 */
public record Job(String client, int[] prompt, List<Integer> boundaries, Optional<Lease> start, int streams,
        int maxTokens, Choosing choosing, long seed, List<String> stops, OptionalInt end, boolean keepState,
        long deadlineNanos) {
    /** Checks ranges. */
    public Job {
        boundaries = List.copyOf(boundaries);
        stops = List.copyOf(stops);
        if (prompt.length == 0) {
            throw new IllegalArgumentException("the prompt is empty, expected at least one token");
        }
        if (streams < 1) {
            throw new IllegalArgumentException("n is " + streams + ", expected 1 or more");
        }
        if (maxTokens < 0) {
            throw new IllegalArgumentException("max_tokens is " + maxTokens + ", expected 0 or more");
        }
        if (stops.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("a stop string is empty, expected at least one character");
        }
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
