/**
 * Titans' neural memory with a linear memory a head (Behrouz et al. 2025, arXiv 2501.00663).
 *
 * <pre>
 * e = Aᵀ k − v,  S ← η S − 2θ k eᵀ,  M ← (1 − α) M + S,  m = Mᵀ q      A: M where the chunk began
 * memory  y = W_o norm_h(m)
 * gate    y = W_o(attention ⊙ σ(W_g norm_h(m)))       memory and attention side by side
 * layer   y = W_o attention(norm_h(m))                 attention over what the memory gives
 * context z = attention(x; rows p, h_0, x_0 … h_t, x_t), h_t = Aᵀ q'_t;  y = W_o(z ⊙ σ(W_g norm_h(m))), m of a memory that learns z
 * </pre>
 *
 * <p>An e longer than 1,000 is shortened to that (see {@link tern.ops.Ops#memoryScan}): where one key comes again and again, the steps of a
 * chunk at one anchor overshoot together, and a memory would grow from chunk to chunk.
 *
 * <p>Glossary. <em>Anchor</em> A: the memory at which the gradients of a chunk are taken, so that a chunk can be learnt at once. q and k
 * have length 1 and pass a short filter with v; θ, η and 1 − α are gates of the input. <em>Window</em>: attention reads chunks of so
 * many positions, each position those of its own chunk up to itself. <em>Segment</em>: the same where the memory is a context; what a
 * position is reminded of, h, is asked of the memory as it was when the segment began. <em>Persistent</em> rows p are parameters that
 * every query reads; the other arrangements have none.
 */
@NullMarked
package tern.mixers.titans;

import org.jspecify.annotations.NullMarked;
