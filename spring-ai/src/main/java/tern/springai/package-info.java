/**
 * Spring AI's chat and embedding models on a model that runs in the same process. Calls of any number of threads share batches; a
 * conversation that goes on reads its new tokens only.
 */
@NullMarked
package tern.springai;

import org.jspecify.annotations.NullMarked;
