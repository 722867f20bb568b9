/** What an architecture is, as data: a stack of residual branches, its configuration and its presets. */
@NullMarked
package tern.model;

import org.jspecify.annotations.NullMarked;
