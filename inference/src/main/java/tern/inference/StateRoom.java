package tern.inference;

import java.util.List;
import java.util.Optional;

import tern.model.ModelState;
import tern.model.SequenceModel;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.SparseMemory;
import tern.tensor.Tensor;

/**
 * Where the states of up to a fixed number of sequences lie; rows 0..n−1 of every slot are in use. Where the system gives
 * {@linkplain SparseMemory memory as it is written}, there are addresses for all rows from the beginning: a row that is used
 * for the first time moves no other, and a thread of its own asks for the memory of the next rows before they are
 * needed; when most rows have not been used for a while, their memory goes back. Elsewhere rows are doubled, and moved, when more
 * are used than there are, and moved together again. Histories are enlarged by half, and moved, when they are full. Confined to one thread.
 */
final class StateRoom implements AutoCloseable {
    private static final int FIRST_CAPACITY = 64;
    private static final int FEWEST_ROWS = 4;
    /** Rows that are kept when less than this part of them is used. */
    private static final int SPARE = 4;
    /** How long they are kept nevertheless: who comes back soon need not ask for memory again. */
    private static final long KEPT_NANOS = 10_000_000_000L;
    /** Bytes that are asked for ahead of need at most, so that little is held in vain. */
    private static final long MOST_AHEAD = 256L << 20;
    /** Positions of a long history that are made ready ahead; it comes to the others one by one. */
    private static final int POSITIONS_AHEAD = 512;

    private final List<StateLayout> layouts;
    private final boolean grows;
    private final boolean sparse;
    private final int most;
    private final long keptNanos;
    // When more than a few of the rows that are there were used last.
    private long neededNanos = System.nanoTime();
    private Place place;
    private ModelState state;
    private int used;

    /** Memory and what is known of it. */
    private sealed interface Place extends AutoCloseable {
        Allocator memory();

        @Override
        void close();
    }

    private record Moving(Memory memory) implements Place {
        @Override
        public void close() {
            memory.close();
        }
    }

    /**
     * Rows of which those before {@code ready} have had their memory asked for. Its monitor guards the counts and is never held for
     * long: the system may take milliseconds for a page, which the room's own thread must not wait for.
     */
    private static final class Staying implements Place {
        private final SparseMemory memory;
        // Held while a page is asked for, so that the memory is not given back meanwhile.
        private final Object asking = new Object();
        private int ready;
        private int wanted;
        private boolean at;
        private volatile boolean closed;

        private Staying(SparseMemory memory) {
            this.memory = memory;
        }

        @Override
        public Allocator memory() {
            return memory;
        }

        private synchronized int ready() {
            return ready;
        }

        /** So many rows are used, and soon so many will be. */
        private synchronized void want(int rows, int soon, ModelState state) {
            ready = Math.max(ready, rows);
            wanted = soon;
            if (!at && wanted > ready) {
                at = true;
                Thread.ofPlatform().name("tern-room").daemon().start(() -> prepare(state));
            }
        }

        private void prepare(ModelState state) {
            for (int row = next(-1); row >= 0; row = next(row)) {
                for (State branch : state.states()) {
                    for (int slot = 0; slot < branch.layout().slots().size(); slot++) {
                        synchronized (asking) {
                            if (closed) {
                                return;
                            }
                            prepare(branch.layout().slots().get(slot), branch.slots().get(slot).slice(row, row + 1));
                        }
                    }
                }
            }
        }

        /** A row is ready; the one that is to be made ready next, or −1 if that is enough. */
        private synchronized int next(int done) {
            ready = done == ready ? done + 1 : ready;
            at = wanted > ready;
            return at ? ready : -1;
        }

        private void prepare(Slot slot, Tensor row) {
            boolean isLong = slot instanceof Slot.Growing && row.dim(1) > POSITIONS_AHEAD;
            memory.prepare(isLong
                    ? row.reshape(row.shape().with(0, row.dim(1)).with(1, 1)).slice(0, POSITIONS_AHEAD)
                    : row);
        }

        /** Rows from this one on are not wanted soon. */
        private void discard(int from, ModelState state) {
            int to;
            synchronized (this) {
                to = ready;
                wanted = Math.min(wanted, from);
                ready = Math.min(ready, from);
            }
            if (to > from) {
                for (State branch : state.states()) {
                    for (Tensor slot : branch.slots()) {
                        memory.discard(slot.slice(from, to));
                    }
                }
            }
        }

        @Override
        public void close() {
            closed = true;
            synchronized (asking) {
                memory.close();
            }
        }
    }

    private StateRoom(SequenceModel model, int most, int used, boolean sparse, long keptNanos) {
        this.layouts = model.stateLayouts();
        this.grows = layouts.stream().anyMatch(StateLayout::reserves);
        this.most = most;
        this.used = used;
        this.sparse = sparse;
        this.keptNanos = keptNanos;
        make(grows ? FIRST_CAPACITY : 0);
    }

    /** Room for so many sequences, all of them in use. */
    static StateRoom of(SequenceModel model, int rows) {
        return new StateRoom(model, rows, rows, false, 0);
    }

    /** Room for up to so many sequences, none of them in use yet. */
    static StateRoom upTo(SequenceModel model, int rows) {
        return upTo(model, rows, KEPT_NANOS);
    }

    /** {@link #upTo(SequenceModel, int)} that keeps rows so long that most are not used. */
    static StateRoom upTo(SequenceModel model, int rows, long keptNanos) {
        return new StateRoom(model, rows, 0, true, keptNanos);
    }

    /** {@link #upTo} that moves rows as it must where memory does not come as it is written. */
    static StateRoom moving(SequenceModel model, int rows) {
        return new StateRoom(model, rows, 0, false, 0);
    }

    private void make(int capacity) {
        int rows = most;
        Optional<SparseMemory> reserved = Optional.empty();
        if (sparse) {
            reserved = SparseMemory.reserve(Math.multiplyExact(bytesOfOne(capacity), (long) most),
                    layouts.stream().mapToInt(layout -> layout.slots().size()).sum());
        }
        if (reserved.isEmpty()) {
            rows = Math.min(most, Math.max(FEWEST_ROWS, Integer.highestOneBit(Math.max(1, 2 * used - 1))));
        }
        Place made = reserved.<Place>map(Staying::new).orElseGet(() -> new Moving(new Memory()));
        boolean whole = false;
        try {
            state = ModelState.empty(layouts, DType.F32, rows, capacity, made.memory());
            whole = true;
        } finally {
            if (!whole) {
                made.close();
            }
        }
        place = made;
    }

    private long bytesOfOne(int capacity) {
        return layouts.stream().mapToLong(layout -> layout.bytes(capacity)).sum();
    }

    ModelState state() {
        return state;
    }

    int most() {
        return most;
    }

    int used() {
        return used;
    }

    /** Whether there is something of which a longer sequence needs more. */
    boolean grows() {
        return grows;
    }

    /** Bytes of state held, histories with their reserve and rows that were asked for ahead. */
    long bytes() {
        int rows = switch (place) {
            case Moving ignored -> state.batch();
            case Staying staying -> staying.ready();
        };
        return rows * bytesOfOne(grows ? state.capacity() : 0);
    }

    /** So many rows are in use from now on; what stands in those that were in use before stays there. */
    void use(int rows) {
        int before = used;
        used = rows;
        switch (place) {
            case Moving ignored -> {
                boolean tooFew = rows > state.batch();
                boolean tooMany = state.batch() > FEWEST_ROWS && rows <= state.batch() / SPARE;
                if (tooFew || tooMany) {
                    move(grows ? state.capacity() : 0, Math.min(before, rows));
                }
            }
            case Staying staying -> {
                long now = System.nanoTime();
                if (rows > staying.ready() / SPARE) {
                    neededNanos = now;
                } else if (now - neededNanos >= keptNanos) {
                    staying.discard(Math.max(FEWEST_ROWS, 2 * rows), state);
                }
                if (rows > before) {
                    staying.want(rows, soon(), state);
                }
            }
        }
    }

    /** Rows whose memory is asked for: those in use and half as many again. */
    private int soon() {
        long one = Math.max(1, bytesOfOne(grows ? Math.min(state.capacity(), POSITIONS_AHEAD) : 0));
        return (int) Math.min(most, used + Math.min(Math.max(FEWEST_ROWS, used / 2), MOST_AHEAD / one));
    }

    /** Room in every history for so many positions. */
    void reserve(long positions) {
        if (!grows || state.capacity() >= positions) {
            return;
        }
        move(Math.toIntExact(Math.max(positions, state.capacity() + state.capacity() / 2L)), used);
    }

    private void move(int capacity, int kept) {
        Place old = place;
        ModelState from = state;
        make(capacity);
        for (int row = 0; row < kept; row++) {
            state.copySequence(from, row, row);
        }
        old.close();
        if (place instanceof Staying staying && used > 0) {
            staying.want(used, soon(), state);
        }
    }

    @Override
    public void close() {
        place.close();
    }
}
