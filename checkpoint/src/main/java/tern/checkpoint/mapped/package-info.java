/** Mapped files and bounded reading of their headers: what the readers of all formats share. Not exported. */
@NullMarked
package tern.checkpoint.mapped;

import org.jspecify.annotations.NullMarked;
