package tern.kernels.recurrence;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

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
    private final int allHeads;
    private final int time;
    /** Positions fetched at once, 0 if nothing is. */
    private final int block;

    /** Heads that lie side by side, forward. */
    RowsAhead(ScanInputs in, Tensor y, int firstHead, int heads) {
        this.tensors = tensors(in, y);
        this.firstHead = firstHead;
        this.heads = heads;
        this.allHeads = in.heads();
        this.time = in.time();
        long position = 0;
        for (Tensor x : tensors) {
            position += 4L * headsOf(x) * x.dim(3);
        }
        this.block = near(tensors) ? 0 : Math.max(CHUNK, (int) (AT_ONCE / position) / CHUNK * CHUNK);
    }

    // Heads of this tensor that the heads read: queries and keys may have fewer.
    private int firstOf(Tensor x) {
        return (int) ((long) firstHead * x.dim(2) / allHeads);
    }

    private int headsOf(Tensor x) {
        return (int) ((long) (firstHead + heads - 1) * x.dim(2) / allHeads) + 1 - firstOf(x);
    }

    /** Whether nothing is worth being fetched. */
    static boolean near(ScanInputs in, Tensor y) {
        return near(tensors(in, y));
    }

    private static boolean near(List<Tensor> tensors) {
        return tensors.stream().mapToLong(Tensor::bytes).sum() <= NEAR;
    }

    // Those that grow with time.
    private static List<Tensor> tensors(ScanInputs in, Tensor y) {
        return Stream.of(in.query(), in.key(), in.value(), in.logDecay(), in.probe(), in.rewrite(), y)
                .filter(x -> x.shape().rank() == 4 && x.dim(1) == in.time()
                        && !(x == in.rewrite() && in.rewritesKeys()))
                .toList();
    }

    /** Positions fetched at once, a multiple of a chunk, or 0 if nothing is. */
    int block() {
        return block;
    }

    /**
     * The block of sequence b that begins with {@code start}.
     *
     * @return something to be stored, so that the reading is not left out
     */
    int fetch(int b, int start) {
        int sum = 0;
        int length = Math.min(block, time - start);
        for (Tensor x : tensors) {
            long head = 4L * x.dim(3);
            long row = x.dim(2) * head;
            long at = ((x.dim(0) == 1 ? 0L : b) * time + start) * row + firstOf(x) * head;
            sum |= rows(x.data(), at, row, length, headsOf(x) * head);
        }
        return sum;
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
