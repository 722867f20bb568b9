/** What this machine can do at most, measured: the yardsticks that benchmarks and {@code tern doctor} compare with. */
@NullMarked
package tern.kernels.machine;

import org.jspecify.annotations.NullMarked;
