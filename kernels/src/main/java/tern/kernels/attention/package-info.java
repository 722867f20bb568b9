/** Causal softmax attention over histories, in tiles and in O(T) memory, and rotary positions. */
@NullMarked
package tern.kernels.attention;

import org.jspecify.annotations.NullMarked;
