package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Off-heap memory that lives until it is closed: parameters, gradients, optimiser moments, states. Closing releases all
 * of it at once, deterministically; a tensor used afterwards throws {@link IllegalStateException}. Safe for use by
 * several threads.
 */
public final class Memory implements Allocator, AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();

    /** Fresh memory, empty until asked. */
    public Memory() {
    }

    @Override
    public Tensor allocate(DType dtype, Shape shape) {
        long size = Tensor.bytes(dtype, shape);
        bytes.addAndGet(size);
        MemorySegment segment = Pages.allocate(arena, size);
        return Tensor.over(dtype, shape, segment);
    }

    /** {@inheritDoc} Fresh memory is zeros already: nothing is written, so pages of large blocks come when they are used. */
    @Override
    public Tensor zeros(DType dtype, Shape shape) {
        return allocate(dtype, shape);
    }

    /** Bytes handed out so far. */
    public long bytes() {
        return bytes.get();
    }

    /** Releases all of it. Closing twice does nothing. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            arena.close();
        }
    }
}
