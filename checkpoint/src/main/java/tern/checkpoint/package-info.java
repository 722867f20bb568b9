/**
 * Models on disk. A {@link tern.checkpoint.TensorFile} is named tensors and text on disk, whatever the format; nothing is
 * read before it is asked for. A {@link tern.checkpoint.Checkpoint} is a model: a configuration (JSON) and its parameters
 * (safetensors), with a <i>fingerprint</i> that tells it from every other model. A {@link tern.checkpoint.StateFile} is what
 * a model remembers of one sequence. Every file is written aside and renamed, see {@link tern.checkpoint.AtomicFiles}.
 */
@NullMarked
package tern.checkpoint;

import org.jspecify.annotations.NullMarked;
