/** The command line: the one place that wires the rooms together. */
@NullMarked
package tern.cli;

import org.jspecify.annotations.NullMarked;
