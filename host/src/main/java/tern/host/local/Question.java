package tern.host.local;

import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;

import tern.host.chat.Message;
import tern.host.engine.Choosing;

/**
 * A conversation that waits for the assistant.
 *
 * @param messages one or more, roles system, user and assistant
 * @param maxTokens most tokens of the answer, 1 or more; if absent, 1,024 or as many as there is room for
 * @param choosing how tokens are chosen
 * @param seed the same question with the same seed has the same answer, whatever else goes on; drawn if absent
 * @param stops strings that end the answer, besides the template's own; not part of it
 * @param atMost how long it may take
 */
public record Question(List<Message> messages, OptionalInt maxTokens, Choosing choosing, OptionalLong seed,
        List<String> stops, Duration atMost) {
    /** Checks ranges. */
    public Question {
        messages = List.copyOf(messages);
        stops = List.copyOf(stops);
        if (messages.isEmpty()) {
            throw new IllegalArgumentException("there are no messages, expected one or more");
        }
        if (maxTokens.isPresent() && maxTokens.getAsInt() < 1) {
            throw new IllegalArgumentException("max tokens is " + maxTokens.getAsInt() + ", expected 1 or more");
        }
        if (stops.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("a stop string is empty, expected at least one character");
        }
        if (atMost.isNegative() || atMost.isZero()) {
            throw new IllegalArgumentException("the time allowed is " + atMost + ", expected more than none");
        }
    }
}
