/** Rows of a table. */
@NullMarked
package tern.kernels.embedding;

import org.jspecify.annotations.NullMarked;
