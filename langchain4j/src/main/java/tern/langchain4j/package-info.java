/**
 * LangChain4j's chat, streaming, embedding and token counting on models that run in the same process. Calls of any number of
 * threads share batches; a conversation that goes on reads its new tokens only.
 */
@NullMarked
package tern.langchain4j;

import org.jspecify.annotations.NullMarked;
