/**
 * Running maxima of gates: a number a head and position, so one plain loop serves all types (Beck et al. 2024, arXiv
 * 2405.04517, section 2.2).
 */
@NullMarked
package tern.kernels.maximum;

import org.jspecify.annotations.NullMarked;
