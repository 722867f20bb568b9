/**
 * PyTorch archives ({@code .pth}, {@code .pt}, {@code pytorch_model.bin}): a ZIP archive of a <i>pickle</i>, a small program
 * that builds objects, and one entry per <i>storage</i>, a run of elements over which tensors are views; or, from before
 * PyTorch 1.6, pickles and storages one behind the other. The program is carried out by a
 * {@linkplain tern.checkpoint.pth.Unpickler small machine} that knows plain values and tensors, and nothing else: nothing is
 * looked up by name, nothing is called.
 *
 * <p>Sources: PyTorch, {@code torch/serialization.py} and {@code torch/_utils.py}; Python, {@code pickletools}; PKWARE,
 * APPNOTE.TXT.
 */
@NullMarked
package tern.checkpoint.pth;

import org.jspecify.annotations.NullMarked;
