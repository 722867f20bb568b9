/**
 * What several families of mixers are made of: projections, short filters over gated streams, and the checks that every
 * config makes of its numbers.
 *
 * <p>Glossary. A <em>projection</em> is a linear map over channels. A <em>stream</em> is one of several sequences of the
 * stack's width that a mixer projects its input to (query, key, value; Hyena's gates). A <em>short filter</em> is a causal
 * depthwise convolution of a few taps over all streams. What a head <em>reads</em> is Sᵀq, before normalisation, gate and
 * output projection.
 */
@NullMarked
package tern.mixers.parts;

import org.jspecify.annotations.NullMarked;
