/** Running a trained model: live sequences, snapshots, generation and sampling. */
@NullMarked
package tern.inference;

import org.jspecify.annotations.NullMarked;
