/** Text to tokens and back. */
@NullMarked
package tern.text;

import org.jspecify.annotations.NullMarked;
