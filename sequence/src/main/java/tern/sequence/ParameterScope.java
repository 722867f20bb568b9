package tern.sequence;

import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Where a mixer declares its parameters, once, in its constructor. Initialising and loading are two scopes; declaring the
 * same name twice throws.
 */
public interface ParameterScope {
    /**
     * Declares a parameter.
     *
     * @param name within this scope, without dots
     * @param initialiser used by a scope that initialises; ignored by one that loads
     * @return the parameter's tensor, F32 (or F64 in gradient checks); stays the same object for the model's life
     */
    Tensor parameter(String name, Shape shape, Role role, Initialiser initialiser);

    /** A scope whose names are prefixed by {@code name} and a dot. */
    ParameterScope child(String name);
}
