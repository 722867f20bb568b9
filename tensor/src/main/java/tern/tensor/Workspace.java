package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Scratch memory of one step: a stack of blocks handed out in order and taken back all at once. After the first step the
 * blocks are as large as the step needs and nothing more is asked of the operating system; a step that makes the same
 * calls again gets the very same tensors back, so steady state allocates nothing on the Java heap either.
 *
 * <p>Beside the blocks there are arrays on the Java heap ({@link #floats}, {@link #bytes(int)}), for loops that would check the
 * bounds of a block too often. Contents are undefined after every allocation. Confined to one thread at a time.
 */
public final class Workspace implements Allocator, AutoCloseable {
    private static final long ALIGNMENT = 64;
    private static final long SMALLEST_BLOCK = 1L << 20;
    private static final int SMALLEST_ARRAY = 1 << 12;

    private final Arena arena = Arena.ofShared();
    private final List<MemorySegment> blocks = new ArrayList<>();
    private final List<Tensor> handedOut = new ArrayList<>();
    private final List<Place> places = new ArrayList<>();
    private final List<float[]> arrays = new ArrayList<>();
    private final List<byte[]> byteArrays = new ArrayList<>();
    private int array;
    private int byteArray;
    private boolean held;
    private int cursor;
    private int block;
    private long offset;
    private long reserved;
    private long peak;

    /** An empty workspace that grows as it is used. */
    public Workspace() {
    }

    /** A point to come back to: everything allocated after it is released together. */
    public record Mark(int cursor, int block, long offset, int array, int byteArray) {
    }

    private record Place(int block, long offset, int blockAfter, long offsetAfter) {
    }

    @Override
    public Tensor allocate(DType dtype, Shape shape) {
        if (cursor < handedOut.size()) {
            Tensor known = handedOut.get(cursor);
            Place place = places.get(cursor);
            if (known.dtype() == dtype && known.shape().equals(shape) && place.block == block
                    && place.offset == offset) {
                cursor++;
                block = place.blockAfter;
                offset = place.offsetAfter;
                return known;
            }
        }
        return fresh(dtype, shape);
    }

    /** Memory for this many floats; makes no object at all where a step made the same call before. */
    public MemorySegment floatMemory(long count) {
        return vector(DType.F32, count);
    }

    /** Memory for this many doubles; makes no object at all where a step made the same call before. */
    public MemorySegment doubleMemory(long count) {
        return vector(DType.F64, count);
    }

    private MemorySegment vector(DType dtype, long count) {
        if (cursor < handedOut.size()) {
            Tensor known = handedOut.get(cursor);
            Place place = places.get(cursor);
            if (known.dtype() == dtype && known.elements() == count && place.block == block
                    && place.offset == offset) {
                cursor++;
                block = place.blockAfter;
                offset = place.offsetAfter;
                return known.data();
            }
        }
        return fresh(dtype, Shape.of(Math.toIntExact(count))).data();
    }

    /** What was handed out here before is forgotten; what came after it may still be met again. */
    private Tensor fresh(DType dtype, Shape shape) {
        int blockBefore = block;
        long offsetBefore = offset;
        long bytes = Tensor.bytes(dtype, shape);
        Tensor made = Tensor.over(dtype, shape, take(bytes));
        Place place = new Place(blockBefore, offsetBefore, block, offset);
        if (cursor < handedOut.size()) {
            handedOut.set(cursor, made);
            places.set(cursor, place);
        } else {
            handedOut.add(made);
            places.add(place);
        }
        cursor++;
        return made;
    }

    /**
     * An array on the Java heap, at least this long. It is taken back like a block, and kept for the next request in the same
     * place of the stack, where a longer one replaces it.
     *
     * @throws IllegalArgumentException if the length is negative or above 2³⁰
     */
    public float[] floats(int length) {
        if (length < 0 || length > 1 << 30) {
            throw new IllegalArgumentException("an array of " + length + " floats, expected 0.." + (1 << 30));
        }
        if (array == arrays.size()) {
            arrays.add(new float[0]);
        }
        float[] known = arrays.get(array);
        if (known.length < length) {
            known = new float[Math.max(SMALLEST_ARRAY, Integer.highestOneBit(2 * length - 1))];
            arrays.set(array, known);
        }
        array++;
        return known;
    }

    /**
     * As {@link #floats}, of bytes.
     *
     * @throws IllegalArgumentException if the length is negative or above 2³⁰
     */
    public byte[] bytes(int length) {
        if (length < 0 || length > 1 << 30) {
            throw new IllegalArgumentException("an array of " + length + " bytes, expected 0.." + (1 << 30));
        }
        if (byteArray == byteArrays.size()) {
            byteArrays.add(new byte[0]);
        }
        byte[] known = byteArrays.get(byteArray);
        if (known.length < length) {
            known = new byte[Math.max(SMALLEST_ARRAY, Integer.highestOneBit(2 * length - 1))];
            byteArrays.set(byteArray, known);
        }
        byteArray++;
        return known;
    }

    private MemorySegment take(long bytes) {
        long rounded = bytes + ALIGNMENT - 1 & -ALIGNMENT;
        while (block < blocks.size() && offset + rounded > blocks.get(block).byteSize()) {
            block++;
            offset = 0;
        }
        if (block == blocks.size()) {
            long size = Math.max(rounded, Math.max(SMALLEST_BLOCK, reserved / 2));
            blocks.add(Pages.allocate(arena, size));
            reserved += size;
            offset = 0;
        }
        MemorySegment taken = blocks.get(block).asSlice(offset, bytes);
        offset += rounded;
        peak = Math.max(peak, before(block) + offset);
        return taken;
    }

    private long before(int index) {
        long sum = 0;
        for (int i = 0; i < index; i++) {
            sum += blocks.get(i).byteSize();
        }
        return sum;
    }

    /** Where the stack stands now. */
    public Mark mark() {
        return new Mark(cursor, block, offset, array, byteArray);
    }

    /**
     * Whether {@link #release} does nothing from now on: for as long as what was allocated may still be needed after those who
     * allocated it have returned.
     */
    public void hold(boolean all) {
        held = all;
    }

    /** Takes back everything allocated since the mark. */
    public void release(Mark mark) {
        if (held) {
            return;
        }
        cursor = mark.cursor;
        block = mark.block;
        offset = mark.offset;
        array = mark.array;
        byteArray = mark.byteArray;
    }

    /**
     * Takes the memory handed out since the mark back, but keeps its place in the order of calls: what is handed out next lies there
     * again, and still a step that makes the same calls again gets the very same tensors back. For parts of a step that differ
     * from each other; {@link #release} is for those that are repeated.
     */
    public void reuse(Mark mark) {
        block = mark.block;
        offset = mark.offset;
        array = mark.array;
        byteArray = mark.byteArray;
    }

    /** Whether a tensor lies in memory handed out since the mark. */
    public boolean handedOutSince(Mark mark, Tensor tensor) {
        long address = tensor.data().address();
        for (int i = mark.block; i < blocks.size(); i++) {
            long first = blocks.get(i).address() + (i == mark.block ? mark.offset : 0);
            if (address >= first && address < blocks.get(i).address() + blocks.get(i).byteSize()) {
                return true;
            }
        }
        return false;
    }

    /** Takes back everything. */
    public void reset() {
        cursor = 0;
        block = 0;
        offset = 0;
        array = 0;
        byteArray = 0;
    }

    /** Bytes held from the operating system; arrays on the Java heap do not count. */
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
