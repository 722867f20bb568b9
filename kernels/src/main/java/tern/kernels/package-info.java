/** Carries out the operations: a plain reference body and a vector body for each kernel family, forward and backward. */
@NullMarked
package tern.kernels;

import org.jspecify.annotations.NullMarked;
