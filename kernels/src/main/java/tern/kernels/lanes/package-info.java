/**
 * What vector bodies share: the species, loads and stores, functions of vectors, and small matrix products. Everything
 * here is a static method small enough to be inlined where it is used, so that vectors stay in registers. Not exported.
 */
@NullMarked
package tern.kernels.lanes;

import org.jspecify.annotations.NullMarked;
