/** Functions of each element, and their slopes. */
@NullMarked
package tern.kernels.elementwise;

import org.jspecify.annotations.NullMarked;
