/**
 * Running a trained model. A {@link tern.inference.LanguageModel} is opened once and used by many threads; a
 * {@link tern.inference.LiveSequence} reads tokens and tells the logits of the next, a {@link tern.inference.LiveBatch} does so for
 * many sequences in one pass over the weights; a {@link tern.inference.Snapshot} is what a sequence remembers, to be kept, sent and
 * restored.
 *
 * <p><b>Memory.</b> All four hold native memory, which the garbage collector does not see: what is not closed stays until the
 * process ends. They may be closed in any order, twice, and beside calls of other threads, whose memory goes when they return.
 *
 * <p><b>Errors.</b> What is closed, or used by two threads where one may, is an {@link java.lang.IllegalStateException}; a token,
 * a size or a state that does not fit is an {@link java.lang.IllegalArgumentException}, and nothing has changed then; a file is an
 * {@link java.io.IOException} that names it. Memory that the system does not give is an {@link java.lang.OutOfMemoryError}.
 */
@NullMarked
package tern.inference;

import org.jspecify.annotations.NullMarked;
