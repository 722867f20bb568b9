/**
 * Mixers side by side: several read the same input, and their outputs are added (Falcon-H1, arXiv 2507.22448).
 *
 * <pre>
 * y = Σ_i out_i f_i(in_i x)
 * </pre>
 *
 * <p>Glossary. A <em>part</em> is one of the mixers, with what its input and output are multiplied by.
 */
@NullMarked
package tern.mixers.parallel;

import org.jspecify.annotations.NullMarked;
