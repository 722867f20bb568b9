/**
 * Causal softmax attention (Vaswani et al. 2017, arXiv 1706.03762, section 3.2).
 *
 * <p>y_t = Σ_(s≤t) softmax_s(q_t·k_s/√K)·v_s for each head.
 *
 * <p>Glossary. <em>Grouped heads</em>: several query heads read one key head (Ainslie et al. 2023, arXiv 2305.13245); one key
 * head for all is multi-query attention. <em>Rotary positions</em>: queries and keys are turned by an angle proportional to
 * their position, so that their product depends on the distance alone (Su et al. 2021, arXiv 2104.09864). Keys are cached
 * after turning.
 */
@NullMarked
package tern.mixers.attention;

import org.jspecify.annotations.NullMarked;
