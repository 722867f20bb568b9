/** A server of models: {@link tern.serve.TernServer} wires engine, states and HTTP together. */
@NullMarked
package tern.serve;

import org.jspecify.annotations.NullMarked;
