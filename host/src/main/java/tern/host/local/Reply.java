package tern.host.local;

import tern.host.engine.Finish;

/**
 * An answer.
 *
 * @param text without space around it
 * @param finish why it ended
 * @param promptTokens tokens of the conversation before it
 * @param cachedTokens how many of those did not have to be read, since a state was there
 * @param tokens that were generated
 */
public record Reply(String text, Finish finish, int promptTokens, int cachedTokens, int tokens) {
}
