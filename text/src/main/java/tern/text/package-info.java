/**
 * Text to tokens and back. A <i>symbol</i> (token) is a number below the vocabulary's size; a {@link tern.text.Tokenizer}
 * maps bytes to symbols: single bytes, the RWKV World vocabulary, or a byte-level BPE from a {@code tokenizer.json}. {@link tern.text.TextData} is what was read, {@link tern.text.SplitData} what of it trains,
 * validates and tests, {@link tern.text.TokenStore} the symbols of one such part, and {@link tern.text.Windows} the pieces
 * that a model is trained on.
 */
@NullMarked
package tern.text;

import org.jspecify.annotations.NullMarked;
