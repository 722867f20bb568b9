/**
 * What recurrent layers do to channels and heads between their matrices: one row of numbers meets all rows (bias, gain,
 * interpolation with the position before), heads are normalised, and a head reads its own position.
 *
 * <p>Letters: R rows, D channels, H heads, K key width, V value width.
 */
@NullMarked
package tern.kernels.channels;

import org.jspecify.annotations.NullMarked;
