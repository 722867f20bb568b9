/**
 * The catalogue of sequence mixers and channel mixers; each family has a package of its own. A mixer is written in the
 * operations of {@code tern.ops} alone: a module that carries them out is not in sight.
 */
@NullMarked
package tern.mixers;

import org.jspecify.annotations.NullMarked;
