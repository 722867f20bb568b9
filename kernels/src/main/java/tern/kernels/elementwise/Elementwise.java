package tern.kernels.elementwise;

import tern.kernels.ThreadTeam;
import tern.ops.Activation;
import tern.tensor.Tensor;

/** Functions of each element. Outputs may alias an input of the same shape. */
public interface Elementwise {
    /** y ← a + b. */
    void add(ThreadTeam team, Tensor a, Tensor b, Tensor y);

    /** Adds rows to columns {@code from} … of longer ones: whole [R,M] += part [R,N]. */
    void addToColumns(ThreadTeam team, Tensor part, Tensor whole, int from);

    /** y ← a ⊙ b. */
    void multiply(ThreadTeam team, Tensor a, Tensor b, Tensor y);

    /** da ← dy ⊙ b, db ← dy ⊙ a. */
    void multiplyBackward(ThreadTeam team, Tensor a, Tensor b, Tensor dy, Tensor da, Tensor db);

    /** y ← factor·x. */
    void scale(ThreadTeam team, Tensor x, double factor, Tensor y);

    /** y ← f(x). */
    void activate(ThreadTeam team, Tensor x, Activation f, Tensor y);

    /** dx ← dy ⊙ f'(x), and 0 where dy is 0, even if the slope has overflowed. */
    void activateBackward(ThreadTeam team, Tensor x, Activation f, Tensor dy, Tensor dx);

    /** y ← f(gate) ⊙ value. */
    void gate(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor y);

    /** dGate ← dy ⊙ value ⊙ f'(gate), dValue ← dy ⊙ f(gate). */
    void gateBackward(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor dy, Tensor dGate, Tensor dValue);

    /** The sum of all elements, accumulated in double precision in an order fixed by the shape. */
    double sum(ThreadTeam team, Tensor x);

    /** The sum of squares of all elements, accumulated in double precision in an order fixed by the shape. */
    double sumOfSquares(ThreadTeam team, Tensor x);
}
