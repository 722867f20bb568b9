/** Conversion of one mixer into another, stage by stage, with the error of each stage measured. */
@NullMarked
package tern.distil;

import org.jspecify.annotations.NullMarked;
