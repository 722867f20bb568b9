/** The same operations, recorded on a tape, so that gradients can be taken. */
@NullMarked
package tern.autograd;

import org.jspecify.annotations.NullMarked;
