/**
 * Models on disk. A {@link tern.checkpoint.TensorFile} is named tensors and {@link tern.checkpoint.Metadatum metadata} on disk,
 * whatever the format; nothing is read before it is asked for. Formats: safetensors, in one file or several, here; GGUF in
 * {@link tern.checkpoint.gguf}, which also writes it; PyTorch's in {@code tern.checkpoint.pth}, rwkv.cpp's in
 * {@code tern.checkpoint.rwkvcpp}. A file is taken for hostile: every length is checked against the bytes that are there before
 * anything is allocated, nothing in it is run, and what is wrong is said in one line. A {@link tern.checkpoint.Checkpoint} is a model: a configuration (JSON) and its parameters
 * (safetensors), with a <i>fingerprint</i> that tells it from every other model. A {@link tern.checkpoint.StateFile} is what
 * a model remembers of one sequence. Every file is written aside and renamed, see {@link tern.checkpoint.AtomicFiles}.
 */
@NullMarked
package tern.checkpoint;

import org.jspecify.annotations.NullMarked;
