/**
 * Conversations that are kept: a session is its tokens and the state after them, in memory, on disk, or both.
 */
@NullMarked
package tern.serve.sessions;

import org.jspecify.annotations.NullMarked;
