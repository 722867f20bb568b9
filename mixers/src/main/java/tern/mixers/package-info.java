/** The sequence mixers and channel mixers, a package per family, and their catalogue. */
@NullMarked
package tern.mixers;

import org.jspecify.annotations.NullMarked;
