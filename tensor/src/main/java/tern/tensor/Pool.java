package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
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
    private final Ranges free = new Ranges();
    private final Ranges used = new Ranges();
    private long reserved;
    private long inUse;
    private long peak;
    /** Whether all memory has been one block before, which then was too small. */
    private boolean whole;

    /** An empty pool that grows as it is used. */
    public Pool() {
    }

    /** Ranges of addresses that do not overlap, in order, with a number each. */
    private static final class Ranges {
        private long[] starts = new long[64];
        private long[] lengths = new long[64];
        private int[] holds = new int[64];
        private int count;

        /** The last range that begins at the address or before, −1 if there is none. */
        private int at(long address) {
            int found = Arrays.binarySearch(starts, 0, count, address);
            return found >= 0 ? found : -2 - found;
        }

        private void insert(int at, long start, long length) {
            if (count == starts.length) {
                starts = Arrays.copyOf(starts, 2 * count);
                lengths = Arrays.copyOf(lengths, 2 * count);
                holds = Arrays.copyOf(holds, 2 * count);
            }
            System.arraycopy(starts, at, starts, at + 1, count - at);
            System.arraycopy(lengths, at, lengths, at + 1, count - at);
            System.arraycopy(holds, at, holds, at + 1, count - at);
            starts[at] = start;
            lengths[at] = length;
            holds[at] = 1;
            count++;
        }

        private void remove(int at) {
            count--;
            System.arraycopy(starts, at + 1, starts, at, count - at);
            System.arraycopy(lengths, at + 1, lengths, at, count - at);
            System.arraycopy(holds, at + 1, holds, at, count - at);
        }
    }

    /** A tensor of a piece that is held once, by the caller. */
    @Override
    public Tensor allocate(DType dtype, Shape shape) {
        long bytes = Tensor.bytes(dtype, shape);
        if (bytes == 0) {
            return Tensor.over(dtype, shape, MemorySegment.NULL);
        }
        long length = bytes + ALIGNMENT - 1 & -ALIGNMENT;
        int place = smallest(length);
        if (place < 0) {
            addBlock(Math.max(length, Math.max(SMALLEST_BLOCK, reserved / PART & -ALIGNMENT)));
            place = smallest(length);
        }
        long start = free.starts[place];
        if (free.lengths[place] == length) {
            free.remove(place);
        } else {
            free.starts[place] += length;
            free.lengths[place] -= length;
        }
        used.insert(used.at(start) + 1, start, length);
        inUse += length;
        peak = Math.max(peak, inUse);
        return Tensor.over(dtype, shape, memory(start, bytes));
    }

    /** The smallest free place of at least this length, −1 if there is none. */
    private int smallest(long length) {
        int found = -1;
        for (int i = 0; i < free.count; i++) {
            if (free.lengths[i] >= length && (found < 0 || free.lengths[i] < free.lengths[found])) {
                found = i;
            }
        }
        return found;
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
        int at = free.at(start) + 1;
        free.insert(at, start, length);
        if (at + 1 < free.count && adjoin(at, at + 1)) {
            join(at);
        }
        if (at > 0 && adjoin(at - 1, at)) {
            join(at - 1);
        }
    }

    private boolean adjoin(int low, int high) {
        return free.starts[low] + free.lengths[low] == free.starts[high]
                && blockOf(free.starts[low]).address() == blockOf(free.starts[high]).address();
    }

    private void join(int low) {
        free.lengths[low] += free.lengths[low + 1];
        free.remove(low + 1);
    }

    private boolean poison(long start, long length) {
        memory(start, length).fill((byte) -1);
        return true;
    }

    /** The piece that a tensor lies in; negative if it is not from this pool. */
    private int piece(Tensor tensor) {
        if (tensor.bytes() == 0) {
            return -1;
        }
        long address = tensor.data().address();
        int at = used.at(address);
        boolean within = at >= 0 && address < used.starts[at] + used.lengths[at];
        assert within || !isFree(address) : tensor + " was given back already";
        return within ? at : -1;
    }

    private boolean isFree(long address) {
        int at = free.at(address);
        return at >= 0 && address < free.starts[at] + free.lengths[at];
    }

    /** Holds the piece that a tensor lies in once more; nothing for a tensor from elsewhere. */
    public void hold(Tensor tensor) {
        int at = piece(tensor);
        if (at >= 0) {
            used.holds[at]++;
        }
    }

    /** Holds it once less; what nobody holds goes back. Nothing for a tensor from elsewhere. */
    public void release(Tensor tensor) {
        int at = piece(tensor);
        if (at >= 0 && --used.holds[at] == 0) {
            long start = used.starts[at];
            long length = used.lengths[at];
            used.remove(at);
            inUse -= length;
            giveBack(start, length);
        }
    }

    /** How many times the piece that a tensor lies in is held; 0 for a tensor from elsewhere. */
    public int holds(Tensor tensor) {
        int at = piece(tensor);
        return at >= 0 ? used.holds[at] : 0;
    }

    /** Takes back everything, whoever holds it. */
    public void reset() {
        used.count = 0;
        free.count = 0;
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

    @Override
    public void close() {
        arena.close();
    }
}
