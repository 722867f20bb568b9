package tern.serve.http;

import java.time.Duration;

/**
 * What a request may ask for.
 *
 * @param bodyBytes of a JSON body
 * @param stateBytes of a state that is uploaded
 * @param headerBytes of all headers together
 * @param time a request may take; it is then ended with what there is
 * @param idle how long a connection may stand still
 * @param choices most continuations of one request
 * @param defaultTokens most tokens of an answer to a chat that does not say
 * @param embeddings most inputs of one request for embeddings
 */
public record Limits(int bodyBytes, long stateBytes, int headerBytes, Duration time, Duration idle, int choices,
        int defaultTokens, int embeddings) {
    /** Limits that suit most. */
    public static final Limits USUAL = new Limits(16 << 20, 4L << 30, 16 << 10, Duration.ofMinutes(30),
            Duration.ofMinutes(2), 128, 1024, 2048);
}
