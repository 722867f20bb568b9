package tern.host.engine;

import java.util.List;

/**
 * One token of a stream.
 *
 * @param id its number in the vocabulary
 * @param text what may be shown now that it is there: empty while a character is incomplete or a stop string may have begun
 * @param logprob its logarithmic probability under the model alone; 0 if it was not asked for
 * @param alternatives the likeliest tokens, if they were asked for
 */
public record Token(int id, String text, double logprob, List<Alternative> alternatives) {
    /** A token that might have come, and its logarithmic probability. */
    public record Alternative(int id, double logprob) {
    }
}
