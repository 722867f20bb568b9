/**
 * A block repeated in depth, with a halting time of each position (Universal Transformer, Dehghani et al. 2018, arXiv 1807.03819; Graves
 * 2016, arXiv 1603.08983).
 *
 * <pre>
 * s⁰ = x;  for τ = 1 … T:  s ← s + a(norm(s + e_τ)), s ← s + f(norm(s)), held where a position has halted
 * p = σ(w·s + b);  weights ω_τ = p while Σp ≤ 1 − ε, then the rest R = 1 − Σp;  y = Σ_τ ω_τ s^τ − x
 * </pre>
 *
 * <p>Glossary. <em>Step</em>: one use of the block; all steps have its parameters. <em>Halted</em>: the weights of a position have come to
 * 1. Nothing more is computed of it: rows of those that run are packed, and later positions read it, at every later step, by the keys
 * and values of its last. (With parts that remember, which cannot leave positions out, every position goes through every step, its s held
 * where it has halted.) The last step takes what is left. States are summed as Graves has it, or blended one after the other.
 * <em>Ponder cost</em>: what training pays for steps; its slopes are those of what is left for the last step, R.
 */
@NullMarked
package tern.mixers.universal;

import org.jspecify.annotations.NullMarked;
