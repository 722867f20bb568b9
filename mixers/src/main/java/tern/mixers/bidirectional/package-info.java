/**
 * Causal mixers made to read in both directions: as many tasks have it whose sequences are whole when they are asked about (Schuster
 * and Paliwal 1997; S4 and S5 on Long Range Arena, arXiv 2111.00396 and 2208.04933).
 *
 * <pre>
 * y = f(x) + reversed g(reversed x)
 * </pre>
 *
 * <p>Glossary. <em>f</em> reads the past, <em>g</em> the future; both read the position itself. They are of one kind and have parameters of
 * their own.
 */
@NullMarked
package tern.mixers.bidirectional;

import org.jspecify.annotations.NullMarked;
