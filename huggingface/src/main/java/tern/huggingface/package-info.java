/**
 * Tokenizers that the Hugging Face library runs: Unigram, WordPiece, BPE with any normaliser and pre-tokenizer. The library is
 * native code in a jar of 18 MB, so it has a room of its own that a build may leave out; byte-level BPE, the World vocabulary
 * and bytes are read in {@code text} without it.
 */
@NullMarked
package tern.huggingface;

import org.jspecify.annotations.NullMarked;
