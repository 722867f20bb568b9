/**
 * HTTP: one class per group of addresses, in the shapes of OpenAI's API where that has one. Every request runs in a virtual
 * thread of its own and may block. Errors are {@link tern.serve.http.ApiError}s; nothing else reaches a client but a line that
 * says nothing of the inside.
 */
@NullMarked
package tern.serve.http;

import org.jspecify.annotations.NullMarked;
