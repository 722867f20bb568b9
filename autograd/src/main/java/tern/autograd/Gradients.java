package tern.autograd;

import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;

import tern.tensor.Memory;
import tern.tensor.Tensor;

/**
 * One gradient tensor for each trained parameter, kept from step to step and accumulated into until zeroed. Confined to
 * one thread.
 */
public final class Gradients implements AutoCloseable {
    private final Memory memory = new Memory();
    private final Map<Tensor, Tensor> gradients = new IdentityHashMap<>();

    /** Zeroed gradients of these parameters. */
    public Gradients(Collection<Tensor> parameters) {
        for (Tensor parameter : parameters) {
            gradients.put(parameter, memory.zeros(parameter.dtype(), parameter.shape()));
        }
    }

    /** The gradient of a parameter; empty if it is not trained. */
    public Optional<Tensor> of(Tensor parameter) {
        return Optional.ofNullable(gradients.get(parameter));
    }

    /** Sets all gradients to zero. */
    public void zero() {
        gradients.values().forEach(gradient -> gradient.fill(0));
    }

    /** Bytes held. */
    public long bytes() {
        return memory.bytes();
    }

    @Override
    public void close() {
        memory.close();
    }
}
