/** Data and who owns it: shapes, element types, tensors in native memory and the workspaces they are cut from; no arithmetic. */
@NullMarked
package tern.tensor;

import org.jspecify.annotations.NullMarked;
