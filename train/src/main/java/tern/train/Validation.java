package tern.train;

import java.util.Arrays;

import tern.tensor.Tensor;
import tern.text.EvaluationWindows;
import tern.text.TokenStore;

/**
 * Windows to measure a model on, spread evenly over some data and the same every time. Immutable; safe for use by several
 * threads.
 */
public final class Validation {
    private final EvaluationWindows windows;
    private final int time;
    private final long count;

    /**
     * What was measured.
     *
     * @param loss mean cross-entropy in nats a symbol
     * @param symbols predicted
     * @param bytes of text that they stand for
     */
    public record Measured(double loss, long symbols, long bytes) {
        /** The loss in bits a byte of text. */
        public double bits() {
            return loss / Math.log(2) * symbols / bytes;
        }
    }

    /**
     * At most {@code atMost} windows.
     *
     * @param time longest window; shorter if the data is
     * @throws IllegalArgumentException if there are fewer than two symbols
     */
    public Validation(TokenStore tokens, int time, int atMost) {
        this.time = (int) Math.max(1, Math.min(time, tokens.size() - 1));
        this.windows = new EvaluationWindows(tokens, this.time);
        this.count = Math.min(atMost, windows.count());
    }

    /** What some windows hold. */
    record Filled(long symbols, long bytes) {
    }

    /** Number of windows. */
    public int windows() {
        return (int) count;
    }

    /** Positions of a window. */
    public int time() {
        return time;
    }

    /**
     * Writes windows {@code first}, {@code first + 1}, … one a row; what the last window of the data lacks is not to be
     * predicted.
     *
     * @param ids [B,T] I32
     * @param targets [B,T] I32, −1 where there is nothing to predict
     * @return number of symbols to predict, and of the bytes that they stand for
     */
    Filled fill(int first, Tensor ids, Tensor targets) {
        int[] inputs = new int[time];
        int[] next = new int[time];
        long symbols = 0;
        long bytes = 0;
        for (int row = 0; row < ids.dim(0); row++) {
            long window = (first + row) * windows.count() / count;
            int length = windows.read(window, inputs, next, 0);
            Arrays.fill(inputs, length, time, 0);
            Arrays.fill(next, length, time, -1);
            Trainer.write(inputs, ids.slice(row, row + 1));
            Trainer.write(next, targets.slice(row, row + 1));
            symbols += length;
            bytes += windows.tokens().bytes(next, 0, length);
        }
        return new Filled(symbols, bytes);
    }
}
