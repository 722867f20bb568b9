package tern.mixers.mega;

import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Counts parameters without memory for them: they may be declared but not read. */
final class Shapes implements ParameterScope {
    private final long[] count;

    Shapes() {
        this(new long[1]);
    }

    private Shapes(long[] count) {
        this.count = count;
    }

    long count() {
        return count[0];
    }

    @Override
    public Tensor parameter(String name, Shape shape, Role role, Initialiser initialiser) {
        count[0] += shape.elements();
        return Tensor.withoutMemory(DType.F32, shape);
    }

    @Override
    public ParameterScope child(String name) {
        return new Shapes(count);
    }
}
