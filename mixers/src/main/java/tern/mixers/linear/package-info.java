/**
 * Linear attention: the kernel of softmax attention replaced by a product of features, so that the past is one matrix a head
 * (Katharopoulos et al. 2020, arXiv 2006.16236).
 *
 * <pre>
 * S ← S + φ(k) vᵀ,  z ← z + φ(k),  y = Sᵀφ(q) / (φ(q)·z + ε)          normaliser SUM: Katharopoulos, T2R, Hedgehog
 *                                  y = Sᵀφ(q) / (φ(q)·z + ε·n)        normaliser MEAN: LinFusion, n positions seen
 *                                  y = norm(Sᵀφ(q))                   normaliser NONE
 * a prefix written twice, the second time with keys and values of its own               JRT
 * </pre>
 *
 * <p>Glossary. <em>Features</em> φ: what queries and keys are turned into; see {@link tern.mixers.linear.FeatureMapConfig}.
 * <em>Normaliser</em>: what the read values are divided by, kept as one more column of the state whose values are ones.
 * <em>Residual network</em>: LinFusion's small network whose output is added to the input of queries and of keys (Liu et al.
 * 2024, arXiv 2409.02097).
 */
@NullMarked
package tern.mixers.linear;

import org.jspecify.annotations.NullMarked;
