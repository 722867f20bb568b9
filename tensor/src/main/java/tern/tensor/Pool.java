package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory whose pieces go back one by one: a piece is free again when everybody who holds it has released it. Free neighbours
 * become one, and a tensor goes into the smallest free place that is large enough, the lowest of several; so how much memory
 * a step takes depends on nothing but its calls. At the first {@link #reset} all blocks become one, a little larger than what
 * was in use at once, and steps that make the same calls ask nothing more of the operating system.
 *
 * <p>Views count for the piece they lie in. Contents are undefined after every allocation; with assertions enabled, what goes
 * back is filled with NaN, so that nobody reads it unnoticed. Confined to one thread at a time.
 */
public final class Pool implements Allocator, AutoCloseable {
    private static final long ALIGNMENT = 64;
    private static final long SMALLEST_BLOCK = 1L << 20;
    /** A block that is needed besides others is at least this part of them, so that there are few. */
    private static final int PART = 16;

    private Arena arena = Arena.ofShared();
    private final List<MemorySegment> blocks = new ArrayList<>();
    /** Start and length of the free places, and the same the other way round. */
    private final OrderedPairs free = new OrderedPairs();
    private final OrderedPairs sizes = new OrderedPairs();
    /** Start and length of the pieces, and how many times each is held. */
    private final OrderedPairs used = new OrderedPairs();
    private long reserved;
    private long inUse;
    private long peak;
    /** Whether all memory has been one block before, which then was too small. */
    private boolean whole;

    /** An empty pool that grows as it is used. */
    public Pool() {
    }

    /** A tensor of a piece that is held once, by the caller. */
    @Override
    public Tensor allocate(DType dtype, Shape shape) {
        long bytes = Tensor.bytes(dtype, shape);
        if (bytes == 0) {
            return Tensor.over(dtype, shape, MemorySegment.NULL);
        }
        long length = bytes + ALIGNMENT - 1 & -ALIGNMENT;
        int place = sizes.ceiling(length);
        if (place == OrderedPairs.NONE) {
            addBlock(Math.max(length, Math.max(SMALLEST_BLOCK, reserved / PART & -ALIGNMENT)));
            place = sizes.ceiling(length);
        }
        long found = sizes.first(place);
        long start = sizes.second(place);
        take(start, found);
        if (found > length) {
            put(start + length, found - length);
        }
        used.count(used.insert(start, length), 1);
        inUse += length;
        peak = Math.max(peak, inUse);
        return Tensor.over(dtype, shape, memory(start, bytes));
    }

    private void put(long start, long length) {
        free.insert(start, length);
        sizes.insert(length, start);
    }

    private void take(long start, long length) {
        free.remove(start, length);
        sizes.remove(length, start);
    }

    private void addBlock(long bytes) {
        MemorySegment block = Pages.allocate(arena, bytes);
        blocks.add(block);
        reserved += bytes;
        giveBack(block.address(), bytes);
    }

    private MemorySegment blockOf(long address) {
        for (MemorySegment block : blocks) {
            if (address >= block.address() && address < block.address() + block.byteSize()) {
                return block;
            }
        }
        throw new AssertionError("no block at " + address);
    }

    private MemorySegment memory(long start, long bytes) {
        MemorySegment block = blockOf(start);
        return block.asSlice(start - block.address(), bytes);
    }

    /** Adds a free place and joins it with its neighbours in the same block. */
    private void giveBack(long start, long length) {
        assert poison(start, length);
        long from = start;
        long to = start + length;
        int above = free.ceiling(to);
        if (above != OrderedPairs.NONE && free.first(above) == to && sameBlock(to, start)) {
            to += free.second(above);
            take(free.first(above), free.second(above));
        }
        int below = free.floor(start);
        if (below != OrderedPairs.NONE && free.first(below) + free.second(below) == start
                && sameBlock(free.first(below), start)) {
            from = free.first(below);
            take(from, free.second(below));
        }
        put(from, to - from);
    }

    private boolean sameBlock(long one, long other) {
        return blockOf(one).address() == blockOf(other).address();
    }

    private boolean poison(long start, long length) {
        memory(start, length).fill((byte) -1);
        return true;
    }

    /** The piece that a tensor lies in, none if it is not from this pool. */
    private int piece(Tensor tensor) {
        if (tensor.bytes() == 0) {
            return OrderedPairs.NONE;
        }
        long address = tensor.data().address();
        boolean within = holdsAddress(used, address);
        assert within || !holdsAddress(free, address) : tensor + " was given back already";
        return within ? used.floor(address) : OrderedPairs.NONE;
    }

    private static boolean holdsAddress(OrderedPairs ranges, long address) {
        int at = ranges.floor(address);
        return at != OrderedPairs.NONE && address < ranges.first(at) + ranges.second(at);
    }

    /** Holds the piece that a tensor lies in once more; nothing for a tensor from elsewhere. */
    public void hold(Tensor tensor) {
        int at = piece(tensor);
        if (at != OrderedPairs.NONE) {
            used.count(at, used.count(at) + 1);
        }
    }

    /** Holds it once less; what nobody holds goes back. Nothing for a tensor from elsewhere. */
    public void release(Tensor tensor) {
        int at = piece(tensor);
        if (at == OrderedPairs.NONE) {
            return;
        }
        used.count(at, used.count(at) - 1);
        if (used.count(at) == 0) {
            long start = used.first(at);
            long length = used.second(at);
            used.remove(start, length);
            inUse -= length;
            giveBack(start, length);
        }
    }

    /** How many times the piece that a tensor lies in is held; 0 for a tensor from elsewhere. */
    public int holds(Tensor tensor) {
        int at = piece(tensor);
        return at == OrderedPairs.NONE ? 0 : used.count(at);
    }

    /** Takes back everything, whoever holds it. */
    public void reset() {
        used.clear();
        free.clear();
        sizes.clear();
        inUse = 0;
        if (blocks.size() > 1) {
            long all = whole ? reserved : Math.min(reserved, peak + peak / PART + SMALLEST_BLOCK & -ALIGNMENT);
            whole = true;
            reserved = 0;
            blocks.clear();
            arena.close();
            arena = Arena.ofShared();
            addBlock(all);
        } else {
            blocks.forEach(block -> giveBack(block.address(), block.byteSize()));
        }
    }

    /** Bytes held from the operating system. */
    public long bytes() {
        return reserved;
    }

    /** The most bytes that were in use at once, up to now. */
    public long peak() {
        return peak;
    }

    /** Releases all of it. Closing twice does nothing. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
