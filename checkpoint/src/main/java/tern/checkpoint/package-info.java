/** Models on disk: safetensors files, configurations and the tables that map stored names to ours. */
@NullMarked
package tern.checkpoint;

import org.jspecify.annotations.NullMarked;
