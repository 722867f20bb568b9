package tern.kernels.recurrence;

import java.lang.foreign.MemorySegment;
import java.util.List;

import tern.tensor.Tensor;

/**
 * Asks memory for the rows [B,T,H,…] of some heads before they are needed, a block of positions after another: reads a number
 * of each cache line, tensor by tensor. Copying has too many instructions a line for the processor to ask for many at once, and
 * rows that lie far apart are not guessed by it. Confined to one thread.
 */
final class RowsAhead {
    /** Bytes of a cache line; of tensors that stay near a core anyway; and of what is fetched at once. */
    private static final int LINE = 64;
    private static final long NEAR = 4 << 20;
    private static final int AT_ONCE = 1 << 18;
    private static final int CHUNK = ChunkParts.CHUNK;

    private final List<Tensor> tensors;
    private final int firstHead;
    private final int heads;
    private final int time;
    /** Positions fetched at once, 0 if nothing is. */
    private final int block;

    /** Heads that lie side by side of tensors that have all of them; those that positions share are left out. */
    RowsAhead(ScanInputs in, int firstHead, int heads, List<Tensor> all) {
        this.tensors = all.stream().filter(x -> x.shape().rank() == 4 && x.dim(1) == in.time()).toList();
        this.firstHead = firstHead;
        this.heads = heads;
        this.time = in.time();
        long position = 0;
        long bytes = 0;
        for (Tensor x : tensors) {
            position += 4L * heads * x.dim(3);
            bytes += x.bytes();
        }
        this.block = bytes <= NEAR ? 0 : Math.max(CHUNK, (int) (AT_ONCE / position) / CHUNK * CHUNK);
    }

    /**
     * To be called before each chunk of sequence b.
     *
     * @param seen scratch that something is written to, so that the reading is not left out
     */
    void before(int b, int start, float[] seen) {
        if (block > 0 && start % block == 0) {
            int length = Math.min(block, time - start);
            for (Tensor x : tensors) {
                long head = 4L * x.dim(3);
                long row = x.dim(2) * head;
                long at = ((x.dim(0) == 1 ? 0L : b) * time + start) * row + firstHead * head;
                seen[0] = rows(x.data(), at, row, length, heads * head);
            }
        }
    }

    private static int rows(MemorySegment x, long at, long step, int rows, long bytes) {
        int sum = 0;
        if (bytes == step) {
            for (long line = at; line < at + rows * step; line += LINE) {
                sum |= x.get(Tensor.INT, line);
            }
            return sum;
        }
        for (int t = 0; t < rows; t++) {
            sum |= row(x, at + t * step, at + t * step + bytes);
        }
        return sum;
    }

    // Four lines at a time: a loop of as few rounds as a row has lines would take longer than the lines.
    private static int row(MemorySegment x, long from, long to) {
        int even = 0;
        int odd = 0;
        long fours = to - (to - from) % (4 * LINE);
        for (long at = from; at < fours; at += 4 * LINE) {
            even |= x.get(Tensor.INT, at) | x.get(Tensor.INT, at + LINE);
            odd |= x.get(Tensor.INT, at + 2 * LINE) | x.get(Tensor.INT, at + 3 * LINE);
        }
        for (long at = fours; at < to; at += LINE) {
            even |= x.get(Tensor.INT, at);
        }
        return even | odd;
    }
}
