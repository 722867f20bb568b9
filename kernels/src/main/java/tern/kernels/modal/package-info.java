/**
 * Recurrences with modal filters. A <em>mode</em> is a pole λ with a residue R; a filter is the real part of a sum of them.
 * A <em>pair</em> is one pole of a conjugate couple, a <em>real</em> a pole on the real axis. The state of a mode is what the
 * recurrence s ← λ·s + x carries on; of heads, a matrix with the key axis before the value axis. The state's <em>planes</em>
 * are Re s of all pairs, Im s of all pairs, and the reals.
 */
@NullMarked
package tern.kernels.modal;

import org.jspecify.annotations.NullMarked;
