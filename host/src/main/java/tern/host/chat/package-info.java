/**
 * From messages to a prompt: the template that a checkpoint brings, read by an interpreter of the part of Jinja that such
 * templates use, or a plain one. A template is data of others: it can read the messages and nothing else, and its work is bounded.
 */
@NullMarked
package tern.host.chat;

import org.jspecify.annotations.NullMarked;
