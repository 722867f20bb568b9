/**
 * A matrix that learns while it reads (Titans); the equations stand in {@code Ops.memoryScan}.
 *
 * <p>Glossary. <em>Memory</em> M [K,V]: a linear map from keys to values. <em>Momentum</em> S [K,V]: what was learnt lately. <em>Anchor</em>: M at the
 * beginning of the chunk, at which gradients are taken. <em>Surprise</em> e: what the anchor gives for a key, less the value.
 */
@NullMarked
package tern.kernels.memory;

import org.jspecify.annotations.NullMarked;
