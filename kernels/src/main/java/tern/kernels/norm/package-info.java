/** Normalisation of rows. */
@NullMarked
package tern.kernels.norm;

import org.jspecify.annotations.NullMarked;
