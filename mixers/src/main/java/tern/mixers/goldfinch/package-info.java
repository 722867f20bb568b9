/**
 * GoldFinch: recurrent layers below, attention over one compressed cache above, and the parts that it was compared with
 * (Goldstein et al. 2024, arXiv 2407.12077).
 *
 * <pre>
 * Finch-C2    y = Sᵀr + v₂,  S ← diag(e^g)·S + (k ⊙ (1 − e^g)) vᵀ, read before write           section 3.1
 * compressor  c = W_a x,  proto-key κ = RMS(W_b [x⁰, c])                                        section 3.2
 * GOLD        k, v = functions of (κ, x⁰) at t and t − 1;  y = Σ softmax(q·k/√K) v             section 3.3
 * GPTAlpha    attention whose query, key and value take a share of the position before          section 4
 * </pre>
 *
 * <p>Glossary. <em>x⁰</em>: the embedded token, after the norm that follows the embedding. <em>Compressed</em>: c, D/16 numbers a
 * position. <em>Proto-key</em>: what the keys of all GOLD layers are made of; <em>TokenCat</em> is its making from token and c.
 * <em>Second value</em> v₂: what a Finch-C2 layer reads of the position itself. <em>Bigram</em>: a token and the one before;
 * values of GOLD, and the shares that its keys take of the proto-key before, depend on nothing else. <em>Tier</em>: what is kept
 * of each position while decoding, from token and c alone (all else is made again when read) to the keys and values of every
 * layer. The tier changes memory and time, not results.
 */
@NullMarked
package tern.mixers.goldfinch;

import org.jspecify.annotations.NullMarked;
