package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Off-heap memory that lives until it is closed: parameters, gradients, optimiser moments, states. Closing releases all
 * of it at once, deterministically; a tensor used afterwards throws {@link IllegalStateException}. Safe for use by
 * several threads.
 */
public final class Memory implements Allocator, AutoCloseable {
    private static final long ALIGNMENT = 64;

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

    /**
     * Copies of tensors side by side in one block, advised for huge pages where the system {@linkplain #offersHugePages
     * offers} them: for weights that are read again and again from a mapped file. Files are mapped in pages of 4 KiB, and
     * walking their page tables halves the bandwidth of a stream on some machines. The price is that every byte is read and
     * written once, that it is held by this process alone, and that the mapping may stay in the page cache beside it.
     *
     * @param sources of any types, for example all weights of a model
     * @return a copy of each, in the same order, with the same types and shapes, 64-byte aligned
     * @throws OutOfMemoryError if there is no room for them all; nothing is copied then
     */
    public List<Tensor> copiesOf(List<Tensor> sources) {
        long size = 0;
        for (Tensor source : sources) {
            size = Math.addExact(size, aligned(source.bytes()));
        }
        bytes.addAndGet(size);
        MemorySegment block = Pages.allocate(arena, size);
        List<Tensor> copies = new ArrayList<>(sources.size());
        long at = 0;
        for (Tensor source : sources) {
            MemorySegment own = block.asSlice(at, source.bytes());
            copies.add(Tensor.over(source.dtype(), source.shape(), own.copyFrom(source.data())));
            at += aligned(source.bytes());
        }
        return List.copyOf(copies);
    }

    private static long aligned(long size) {
        return Math.addExact(size, ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Whether large blocks of memory come in huge pages here: on Linux, unless its administrator turned them off. */
    public static boolean offersHugePages() {
        return Pages.offersHuge();
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
