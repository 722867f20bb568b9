package tern.inference;

import java.util.Arrays;
import java.util.Optional;

import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * One sequence that a {@link Predictor} reads as it comes, one key of a stream: after every position it tells what the head says
 * of all that was read. The state is native memory and of constant size where the mixers are recurrent;
 * {@link #snapshot} takes it elsewhere and {@link #close} gives it back. Confined to one thread at a time, which is checked.
 */
public final class LivePrediction implements AutoCloseable {
    private final Predictor model;
    private final Running running;
    private final Confined use = new Confined("sequence", this::release);

    LivePrediction(Predictor model) {
        model.streamed().requireOpen();
        this.model = model;
        this.running = new Running(model.streamed().network(), model.streamed().engine(), 1);
    }

    /** Number of positions read so far. */
    public long position() {
        return running.state().ages()[0];
    }

    /** Bytes of state held in native memory. */
    public long stateBytes() {
        return running.bytes();
    }

    /**
     * Reads tokens.
     *
     * @param ids one or more tokens
     * @return what the head says after the last: scores of classes, or numbers
     * @throws IllegalArgumentException if the model reads numbers, there are no tokens or one is outside the vocabulary, or there
     *             would be more than it can read; the state is unchanged
     */
    public double[] read(int... ids) {
        model.requireTokens(ids);
        return advanced(ids.length, (from, to) -> model.tensor(Arrays.copyOfRange(ids, from, to)));
    }

    /**
     * Reads measurements.
     *
     * @param rows one or more positions, each of {@link Predictor#features} numbers; in the units of the table if there is one
     * @return what the head says after the last; a forecast row after row, in the same units
     * @throws IllegalArgumentException if the model reads tokens, there are no rows, or one has another length or a number that is
     *             not finite, or there would be more than it can read; the state is unchanged
     */
    public double[] read(double[]... rows) {
        float[][] told = model.told(rows);
        double[] last = advanced(told.length, (from, to) -> model.tensor(Arrays.copyOfRange(told, from, to)));
        return model.meant(last, new float[model.features()]);
    }

    /** A stretch of what is read, as the network reads it; alive until the engine's next step. */
    @FunctionalInterface
    private interface Stretch {
        Tensor tensor(int from, int to);
    }

    private double[] advanced(int length, Stretch stretch) {
        use.enter();
        try {
            model.requireShort(position() + length);
            running.reserve(position() + length);
            double[] last = new double[0];
            for (int from = 0, to; from < length; from = to) {
                int start = from;
                int end = running.pieceEnd(from, length);
                Form form = end - from == 1 ? Form.STEP : Form.PARALLEL;
                last = model.streamed().step(() -> {
                    Tensor hidden = running.advance(form, stretch.tensor(start, end), 0, 1,
                            LiveSequence.outputs(end, length));
                    return end < length ? new double[0] : said(hidden);
                });
                to = end;
            }
            return last;
        } finally {
            use.leave();
        }
    }

    private double[] said(Tensor hidden) {
        SequenceModel network = model.streamed().network();
        Tensor row = model.ops().reshape(hidden, Shape.of(1, 1, hidden.dim(2)));
        return model.lastOf(network.outputs(model.ops(), network.read(model.ops(), row)));
    }

    /** What the sequence remembers, independent of it from now on and of whether its model is closed. */
    public Snapshot snapshot() {
        use.enter();
        try {
            return Snapshot.of(model.streamed(), running.state(), 0, Optional.empty(), new float[0]);
        } finally {
            use.leave();
        }
    }

    /**
     * Puts the sequence where a snapshot was taken.
     *
     * @throws IllegalArgumentException if the snapshot is of another model (names both fingerprints)
     * @throws IllegalStateException if the snapshot is closed; the state is unchanged
     */
    public void restore(Snapshot snapshot) {
        snapshot.requireModel(model.streamed());
        use.enter();
        try (Snapshot.Use read = snapshot.use()) {
            running.reserve(snapshot.position());
            read.writeTo(running.state(), 0);
        } finally {
            use.leave();
        }
    }

    private void release() {
        running.close();
    }

    /** Gives the state's memory back, after the call that runs in another thread, if any. Closing twice does nothing. */
    @Override
    public void close() {
        use.close();
    }
}
