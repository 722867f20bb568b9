package tern.host.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

import tern.inference.LanguageModel;
import tern.inference.LiveBatch;
import tern.inference.Snapshot;

/** A batch whose histories have room for the same number of positions, and who sits in it. Confined to the batcher's thread. */
final class Lane implements AutoCloseable {
    // An array that would do for so many times as many streams is given up.
    private static final int SPARE = 4;
    // Logits from which on choosing tokens on several threads is worth it.
    private static final long WORTH_SHARING = 1L << 18;

    private final LiveBatch batch;
    private final int vocabulary;
    private final List<Stream> streams = new ArrayList<>();
    private float[] logits = new float[0];

    /** @param seats that are ever taken at once */
    Lane(LanguageModel model, int capacity, int seats) {
        this.batch = model.batch(seats);
        this.vocabulary = model.network().config().vocabulary();
        batch.reserve(capacity);
    }

    List<Stream> streams() {
        return streams;
    }

    int size() {
        return streams.size();
    }

    long bytes() {
        return batch.stateBytes();
    }

    void join(Stream stream, Snapshot snapshot) {
        stream.seat = Optional.of(batch.join(snapshot));
        streams.add(stream);
    }

    /** Every stream reads its next token and chooses another, which is not told yet. */
    void step() {
        int[] ids = new int[streams.size()];
        for (Stream stream : streams) {
            ids[stream.seat.orElseThrow().row()] = stream.next();
        }
        if (logits.length < ids.length * vocabulary) {
            logits = new float[room(ids.length)];
        }
        batch.step(ids, logits);
        IntStream each = IntStream.range(0, streams.size());
        ((long) ids.length * vocabulary > WORTH_SHARING ? each.parallel() : each).forEach(i -> {
            Stream stream = streams.get(i);
            stream.choose(logits, stream.seat.orElseThrow().row() * vocabulary, vocabulary);
        });
    }

    void leave(Stream stream) {
        stream.seat.orElseThrow().leave();
        stream.seat = Optional.empty();
        streams.remove(stream);
        if (logits.length >= SPARE * room(streams.size())) {
            logits = new float[0];
        }
    }

    /** Numbers for the logits of so many streams and of some more to come. */
    private int room(int count) {
        return Math.multiplyExact(Math.min(batch.seats(), Integer.highestOneBit(Math.max(1, count)) << 1), vocabulary);
    }

    @Override
    public void close() {
        batch.close();
    }
}
