/**
 * Many sequences on one model: a {@link tern.host.engine.Batcher} steps sequences of any age together, reads prompts between
 * the steps, and keeps states by the tokens that led to them in a {@link tern.host.engine.StateTree}. No HTTP.
 *
 * <p>Glossary. <em>Job</em>: a prompt and how to continue it, one or several times. <em>Stream</em>: one continuation.
 * <em>Tick</em>: every running stream reads one token, and a bounded number of tokens of prompts is read. <em>Lane</em>: a batch
 * whose histories have room for the same number of positions. <em>Lease</em>: the use of a state that may be dropped from the
 * tree meanwhile.
 *
 * <p>What a job gives depends on its tokens, its sampling and its seed alone, bit for bit: the kernels are those of
 * {@link tern.inference.Engine#steady}, so neither the batch, nor where prompts are cut, nor the state that a job went on from can be
 * seen in the numbers.
 */
@NullMarked
package tern.host.engine;

import org.jspecify.annotations.NullMarked;
