/** The coarse operations that a layer may use; their javadoc holds the mathematics. */
@NullMarked
package tern.ops;

import org.jspecify.annotations.NullMarked;
