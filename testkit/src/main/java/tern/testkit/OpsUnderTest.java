package tern.testkit;

import java.util.List;
import java.util.function.Function;

import tern.ops.Ops;
import tern.tensor.Tensor;

/**
 * The operations that laws are checked with, handed in by the test so that the laws see interfaces only: results at once
 * and gradients. {@code F32} tensors go to the bodies under test, {@code F64} to the reference. Confined to one thread.
 */
public interface OpsUnderTest extends AutoCloseable {
    /** Operations carried out at once; results live until {@link #reset}. */
    Ops eager();

    /** Releases all results and forgets what was derived from parameters. */
    void reset();

    /**
     * Gradients of a scalar.
     *
     * @param of tensors that the loss reads: parameters, inputs, states
     * @param loss computes a scalar [1] with the operations it is given, reading exactly the tensors in {@code of} by
     *            identity
     * @return one gradient for each tensor of {@code of}, of its shape and type, zeros where the loss does not depend on it;
     *         they stay valid until {@link #close}
     */
    List<Tensor> gradients(List<Tensor> of, Function<Ops, Tensor> loss);

    /** Releases everything. */
    @Override
    void close();
}
