/**
 * GGUF, the format of ggml and llama.cpp: typed metadata, then the descriptions of all tensors, then their data, each at a
 * multiple of the <i>alignment</i>. Dimensions are listed fastest first; {@link tern.checkpoint.StoredTensor} has them the
 * other way round. Source: ggml, {@code docs/gguf.md}.
 */
@NullMarked
package tern.checkpoint.gguf;

import org.jspecify.annotations.NullMarked;
