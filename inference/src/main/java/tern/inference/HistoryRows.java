package tern.inference;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

import tern.model.ModelState;
import tern.sequence.Slot;
import tern.tensor.Memory;
import tern.tensor.Tensor;

/**
 * Rows of all growing slots of one sequence, from one position to another, and the rows before them. A history only grows, so
 * snapshots of a sequence share what came before; rows are released when the last who uses them has released them. The contents
 * are immutable, and may be used from several threads.
 */
final class HistoryRows {
    /** More stretches than this are joined into one, so that a long conversation does not end as a long list. */
    private static final int MOST_PARTS = 64;

    private final Memory memory = new Memory();
    private final Optional<HistoryRows> before;
    private final int from;
    private final int to;
    private final int parts;
    // One list a branch, one tensor [rows,1,…] a growing slot, in the order of the layout.
    private final List<List<Tensor>> tensors;
    private final AtomicInteger users = new AtomicInteger(1);

    private HistoryRows(Optional<HistoryRows> before, int from, int to, Maker maker) {
        this.before = before;
        this.from = from;
        this.to = to;
        this.parts = before.map(rows -> rows.parts).orElse(0) + 1;
        this.tensors = maker.make(memory);
        before.ifPresent(HistoryRows::use);
    }

    @FunctionalInterface
    interface Maker {
        List<List<Tensor>> make(Memory memory);
    }

    /** All rows up to a position, the user's to release. */
    static HistoryRows whole(int position, Maker maker) {
        return new HistoryRows(Optional.empty(), 0, position, maker);
    }

    /** The rows of one sequence up to its position: what is known already, which stays the caller's, and a copy of what is new. */
    static HistoryRows of(ModelState state, int row, Optional<HistoryRows> known) {
        int position = counted(state.ages()[row]);
        if (known.isPresent() && known.get().to == position) {
            return known.get().use();
        }
        Optional<HistoryRows> before = known.filter(rows -> rows.to < position && rows.parts < MOST_PARTS);
        int from = before.map(rows -> rows.to).orElse(0);
        return new HistoryRows(before, from, position, memory -> {
            List<List<Tensor>> branches = new ArrayList<>();
            state.states().forEach(branch -> {
                List<Tensor> own = new ArrayList<>();
                for (int i = 0; i < branch.slots().size(); i++) {
                    if (branch.layout().slots().get(i) instanceof Slot.Growing) {
                        own.add(memory.copyOf(rows(branch.slots().get(i), row).slice(from, position)));
                    }
                }
                branches.add(own);
            });
            return branches;
        });
    }

    /** The rows of one sequence of a slot [B,capacity,…], as [capacity,1,…]. */
    private static Tensor rows(Tensor slot, int row) {
        Tensor mine = slot.slice(row, row + 1);
        return mine.reshape(mine.shape().with(0, mine.dim(1)).with(1, 1));
    }

    /** Rows that a history has at a position. A model that has none may read more than can be counted so. */
    static int counted(long position) {
        return (int) Math.min(position, Integer.MAX_VALUE);
    }

    /** One more user. */
    HistoryRows use() {
        users.incrementAndGet();
        return this;
    }

    void release() {
        if (users.decrementAndGet() == 0) {
            memory.close();
            before.ifPresent(HistoryRows::release);
        }
    }

    /** Bytes of the rows from this one's beginning on. */
    long ownBytes() {
        return memory.bytes();
    }

    /** This and what came before it, the last first. */
    List<HistoryRows> chain() {
        List<HistoryRows> chain = new ArrayList<>();
        for (Optional<HistoryRows> at = Optional.of(this); at.isPresent(); at = at.get().before) {
            chain.add(at.get());
        }
        return chain;
    }

    /** Writes all rows of a branch's n-th growing slot to the beginning of a tensor that has room for them. */
    void copyTo(int branch, int n, Tensor target) {
        for (HistoryRows rows : chain()) {
            Tensor own = rows.tensors.get(branch).get(n);
            if (own.bytes() > 0) {
                long row = own.bytes() / (rows.to - rows.from);
                target.data().asSlice(rows.from * row, own.bytes()).copyFrom(own.data());
            }
        }
    }
}
