/** Training: data and batches, losses, optimisers and the loop that ties them. */
@NullMarked
package tern.train;

import org.jspecify.annotations.NullMarked;
