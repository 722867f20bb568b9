/**
 * A model inside a program: the batcher and the tree of states without HTTP. Calls from any number of threads share batches, and a
 * call whose conversation goes on from an earlier one reads its new tokens only.
 */
@NullMarked
package tern.host.local;

import org.jspecify.annotations.NullMarked;
