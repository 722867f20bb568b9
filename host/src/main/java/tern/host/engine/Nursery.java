package tern.host.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import tern.inference.LanguageModel;
import tern.inference.LiveBatch;
import tern.inference.Snapshot;

/** Where short prompts of several jobs are read together, in one pass over the weights. Confined to the batcher's thread. */
final class Nursery implements AutoCloseable {
    private static final int FEWEST_SEATS = 4;
    private static final int MOST_SEATS = 32;
    // What all seats together may hold; there are a few in any case.
    private static final long MOST_BYTES = 64L << 20;

    private final LiveBatch batch;
    private final int vocabulary;
    private final int most;
    private final List<Batcher.Reading> readings = new ArrayList<>();
    private float[] logits = new float[0];

    Nursery(LanguageModel model, int capacity) {
        this.vocabulary = model.network().config().vocabulary();
        this.most = Math.clamp(MOST_BYTES / Math.max(1, model.network().stateBytes(capacity)), FEWEST_SEATS,
                MOST_SEATS);
        this.batch = model.batch(most);
        batch.reserve(capacity);
    }

    /** Who is there, not to be changed by what happens to them. */
    List<Batcher.Reading> readings() {
        return List.copyOf(readings);
    }

    int size() {
        return readings.size();
    }

    boolean isEmpty() {
        return readings.isEmpty();
    }

    boolean hasRoom() {
        return readings.size() < most;
    }

    /** Tokens that those who are there have still to read. */
    int left() {
        return readings.stream().mapToInt(reading -> reading.prompt().length - reading.position()).sum();
    }

    void join(Batcher.Reading reading, Optional<Snapshot> from) {
        reading.seat = Optional.of(from.map(batch::join).orElseGet(batch::join));
        readings.add(reading);
    }

    /** How many tokens all may read before one of them comes to where a state is to be kept; at most so many. */
    int pace(int most) {
        return readings.stream().mapToInt(reading -> reading.nextStop() - reading.position()).reduce(most, Math::min);
    }

    /** All read on. */
    void read(int time) {
        int[][] ids = new int[readings.size()][];
        for (Batcher.Reading reading : readings) {
            int from = reading.position();
            ids[row(reading)] = Arrays.copyOfRange(reading.prompt(), from, from + time);
        }
        if (logits.length < ids.length * vocabulary) {
            logits = new float[Math.multiplyExact(batch.seats(), vocabulary)];
        }
        batch.read(ids, logits);
    }

    private static int row(Batcher.Reading reading) {
        return reading.seat.orElseThrow().row();
    }

    /** The logits after what a prompt read last; to be asked for before anybody leaves. */
    float[] logits(Batcher.Reading reading) {
        int at = row(reading) * vocabulary;
        return Arrays.copyOfRange(logits, at, at + vocabulary);
    }

    void leave(Batcher.Reading reading) {
        reading.seat.orElseThrow().leave();
        reading.seat = Optional.empty();
        readings.remove(reading);
    }

    @Override
    public void close() {
        batch.close();
    }
}
