package tern.host.chat;

/**
 * One message of a conversation.
 *
 * @param role such as system, user or assistant
 */
public record Message(String role, String content) {
}
