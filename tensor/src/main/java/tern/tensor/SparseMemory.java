package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Off-heap memory for more than may ever be used: a range of addresses whose pages the system gives when they are first
 * written, so that what lies there can grow without being moved. Large tensors lie in huge pages where the system offers
 * them. Linux gives such memory; elsewhere, and where a limit forbids it, {@link #reserve} finds none and the caller has
 * to move what grows. Allocating and closing is for one thread at a time; {@link #prepare} may run beside anything but
 * {@link #close}.
 */
public final class SparseMemory implements Allocator, AutoCloseable {
    private final Arena arena;
    private final MemorySegment whole;
    private long used;

    private SparseMemory(Arena arena, MemorySegment whole) {
        this.arena = arena;
        this.whole = whole;
    }

    /** Addresses for {@code tensors} tensors of so many bytes together; none where the system does not give them. */
    public static Optional<SparseMemory> reserve(long bytes, int tensors) {
        Arena arena = Arena.ofShared();
        // Each begins on a page of its own.
        long room = bytes;
        for (int i = 0; i < tensors; i++) {
            room = Math.addExact(room, Pages.aligned(1, Long.MAX_VALUE));
        }
        Optional<MemorySegment> whole = Pages.reserve(arena, room);
        if (whole.isEmpty()) {
            arena.close();
        }
        return whole.map(segment -> new SparseMemory(arena, segment));
    }

    /**
     * Zeros, until something is written.
     *
     * @throws OutOfMemoryError if the range is used up
     */
    @Override
    public Tensor allocate(DType dtype, Shape shape) {
        long bytes = Tensor.bytes(dtype, shape);
        long at = Pages.aligned(used, bytes);
        if (bytes > whole.byteSize() - at) {
            throw new OutOfMemoryError("tensor " + dtype + shape + " takes " + bytes + " bytes, of "
                    + whole.byteSize() + " reserved " + at + " are taken; reserve more");
        }
        used = at + bytes;
        return Tensor.over(dtype, shape, whole.asSlice(at, bytes));
    }

    @Override
    public Tensor zeros(DType dtype, Shape shape) {
        return allocate(dtype, shape);
    }

    /**
     * Lets the system give the pages of a tensor or a part of one now, so that who writes there first does not wait. Contents
     * stay as they are.
     *
     * @param part of this memory
     * @throws IllegalStateException if this memory is closed
     * @throws IllegalArgumentException if the part lies elsewhere
     */
    public void prepare(Tensor part) {
        if (part.bytes() > 0) {
            long at = offset(part);
            long from = at & -Pages.SMALLEST;
            Pages.populate(whole.asSlice(from, at + part.bytes() - from));
        }
    }

    /**
     * Gives back the pages that lie wholly within a tensor or a part of one; its contents are undefined from then on.
     *
     * @param part of this memory
     * @throws IllegalStateException if this memory is closed: its addresses may be somebody else's by now
     * @throws IllegalArgumentException if the part lies elsewhere
     */
    public void discard(Tensor part) {
        long at = offset(part);
        long from = at + Pages.SMALLEST - 1 & -Pages.SMALLEST;
        long to = at + part.bytes() & -Pages.SMALLEST;
        if (to > from) {
            Pages.discard(whole.asSlice(from, to - from));
        }
    }

    private long offset(Tensor part) {
        long at = part.data().address() - whole.address();
        if (at < 0 || at > whole.byteSize() - part.bytes()) {
            throw new IllegalArgumentException("tensor " + part + " does not lie in this memory");
        }
        return at;
    }

    /** Releases all of it. Closing twice does nothing. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
