/** What a sequence mixer is: its forms, its state, its parameters and how it is configured. */
@NullMarked
package tern.sequence;

import org.jspecify.annotations.NullMarked;
