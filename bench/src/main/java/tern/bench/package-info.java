/** Benchmarks: every figure that Tern states about its speed is printed by one of these. */
@NullMarked
package tern.bench;

import org.jspecify.annotations.NullMarked;
