/**
 * Mixtures of experts: many channel mixers, of which each position uses a few (Shazeer et al. 2017, arXiv 1701.06538; as in
 * Qwen3-Next, LFM2 and Nemotron-H).
 *
 * <pre>
 * s = softmax(W x) or σ(W x);  C = the k largest of s + correction;  y = scale Σ_(e in C) s_e/(Σ_C s + ε) f_e(x) + g f_shared(x)
 * </pre>
 *
 * <p>Glossary. The <em>router</em> W scores experts; <em>chosen</em> is k. <em>Correction</em>: added to scores where experts are chosen,
 * not where they are weighed, so that all get work (arXiv 2408.15664). The <em>shared</em> expert sees every position, in some models
 * through a gate g = σ(w·x).
 */
@NullMarked
package tern.mixers.experts;

import org.jspecify.annotations.NullMarked;
