/** Updates of parameters from gradients, fused into one pass over memory. */
@NullMarked
package tern.kernels.optimise;

import org.jspecify.annotations.NullMarked;
