package tern.sequence;

import java.util.ArrayList;
import java.util.List;

import tern.ops.Ops;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * What one mixer remembers of a batch of sequences. A state is moved, not shared: pass it on, use the one that comes back,
 * {@link #copy} first to branch. Using a moved state throws {@link IllegalStateException}. Slots are tensors with the
 * batch axis first; growing slots are [B,capacity,…] of which the first {@code age} rows of a sequence count (ages travel
 * in {@link MixerInput}), those of a chunk have at most the chunk's rows,
 * those of a ring all or none. Confined to one thread.
 */
public final class State {
    private final StateLayout layout;
    private final List<Tensor> slots;
    private boolean moved;

    private State(StateLayout layout, List<Tensor> slots) {
        this.layout = layout;
        this.slots = slots;
    }

    /**
     * The state before the first position: zeros.
     *
     * @param dtype type of the slots that have none of their own
     * @param batch number of sequences
     * @param capacity rows to reserve in growing slots; 0 if the sequences will not be continued
     * @param memory where the slots live
     */
    public static State empty(StateLayout layout, DType dtype, int batch, int capacity, Allocator memory) {
        List<Tensor> slots = new ArrayList<>();
        for (Slot slot : layout.slots()) {
            slots.add(memory.zeros(slot.type(dtype), shape(slot, batch, capacity)));
        }
        return new State(layout, slots);
    }

    /**
     * A state over tensors that exist already, in the order of the layout.
     *
     * @throws IllegalArgumentException if number or shapes do not fit the layout
     */
    public static State of(StateLayout layout, List<Tensor> slots) {
        if (slots.size() != layout.slots().size()) {
            throw new IllegalArgumentException("state takes " + layout.slots().size() + " slots, got " + slots.size());
        }
        for (int i = 0; i < slots.size(); i++) {
            Slot slot = layout.slots().get(i);
            Tensor tensor = slots.get(i);
            int capacity = slot instanceof Slot.Fixed ? 0 : tensor.dim(1);
            Shape expected = shape(slot, tensor.dim(0), capacity);
            if (!tensor.shape().equals(expected)) {
                throw new IllegalArgumentException("state slot \"" + slot.name() + "\" takes " + expected + ", got "
                        + tensor.shape());
            }
        }
        return new State(layout, new ArrayList<>(slots));
    }

    private static Shape shape(Slot slot, int batch, int capacity) {
        return switch (slot) {
            case Slot.Fixed fixed -> fixed.shape().prepend(batch);
            case Slot.Growing growing -> growing.row().prepend(capacity).prepend(batch);
            case Slot.Chunk chunk -> chunk.row().prepend(Math.min(capacity, chunk.length())).prepend(batch);
            case Slot.Ring ring -> ring.row().prepend(capacity == 0 ? 0 : ring.length()).prepend(batch);
        };
    }

    /** The layout that this state follows. */
    public StateLayout layout() {
        return layout;
    }

    /** One slot. */
    public Tensor slot(String name) {
        return slots().get(layout.indexOf(name));
    }

    /** All slots in the order of the layout. */
    public List<Tensor> slots() {
        if (moved) {
            throw new IllegalStateException(
                    "this state was moved into a later step; use the state that came back, or copy()"
                            + " before the step to branch");
        }
        return slots;
    }

    /** The state after this one; this one may not be used again. Slots in the order of the layout. */
    public State next(Tensor... next) {
        slots();
        moved = true;
        return of(layout, List.of(next));
    }

    /** The state before the first position in place of this one, which may not be used again. */
    public State restarted(Ops ops) {
        Tensor[] next = new Tensor[slots().size()];
        for (int i = 0; i < next.length; i++) {
            Tensor old = slots.get(i);
            next[i] = switch (layout.slots().get(i)) {
                case Slot.Fixed ignored -> ops.zeros(old.dtype(), old.shape());
                case Slot.Ring ignored -> ops.zeros(old.dtype(), old.shape());
                case Slot.Growing ignored -> old;
                case Slot.Chunk ignored -> old;
            };
        }
        return next(next);
    }

    /** An independent copy. */
    public State copy(Allocator memory) {
        return new State(layout, new ArrayList<>(slots().stream().map(memory::copyOf).toList()));
    }

    /** Positions that all slots have room for; {@link Integer#MAX_VALUE} if that is any number. */
    public int capacity() {
        int least = Integer.MAX_VALUE;
        for (int i = 0; i < layout.slots().size(); i++) {
            least = switch (layout.slots().get(i)) {
                case Slot.Fixed ignored -> least;
                case Slot.Growing ignored -> Math.min(least, slots().get(i).dim(1));
                case Slot.Chunk chunk -> {
                    int rows = slots().get(i).dim(1);
                    yield rows == chunk.length() ? least : Math.min(least, rows);
                }
                case Slot.Ring ring -> slots().get(i).dim(1) == ring.length() ? least : 0;
            };
        }
        return least;
    }

    /**
     * This state with room for at least {@code capacity} rows in growing slots: itself if it has, else moved into larger
     * tensors.
     */
    public State reserve(int capacity, Allocator memory) {
        if (capacity() >= capacity) {
            return this;
        }
        List<Tensor> larger = new ArrayList<>();
        for (int i = 0; i < slots().size(); i++) {
            Tensor old = slots.get(i);
            int rows = switch (layout.slots().get(i)) {
                case Slot.Fixed ignored -> 0;
                case Slot.Growing ignored -> capacity;
                case Slot.Chunk chunk -> Math.min(capacity, chunk.length());
                case Slot.Ring ring -> ring.length();
            };
            if (!(layout.slots().get(i) instanceof Slot.Fixed) && old.dim(1) < rows) {
                Tensor grown = memory.zeros(old.dtype(), old.shape().with(1, rows));
                for (int row = 0; row < old.dim(0); row++) {
                    copyRow(old, row, grown, row);
                }
                larger.add(grown);
            } else {
                larger.add(old);
            }
        }
        moved = true;
        return new State(layout, larger);
    }

    /**
     * Copies one sequence of another state of the same layout into a row of this one. Growing slots must have room for the
     * other's rows.
     */
    public void copySequence(State from, int fromRow, int toRow) {
        for (int i = 0; i < slots().size(); i++) {
            copyRow(from.slots().get(i), fromRow, slots.get(i), toRow);
        }
    }

    /** {@link #copySequence(State, int, int)} of a sequence of so many positions: rows of growing slots beyond them stay as they are. */
    public void copySequence(State from, int fromRow, int toRow, long positions) {
        for (int i = 0; i < slots().size(); i++) {
            Tensor source = from.slots().get(i);
            if (layout.slots().get(i) instanceof Slot.Growing && source.dim(1) > 0) {
                Tensor target = slots.get(i);
                long bytes = source.bytes() / ((long) source.dim(0) * source.dim(1)) * positions;
                target.slice(toRow, toRow + 1).data().asSlice(0, bytes)
                        .copyFrom(source.slice(fromRow, fromRow + 1).data().asSlice(0, bytes));
            } else {
                copyRow(source, fromRow, slots.get(i), toRow);
            }
        }
    }

    /** Puts one sequence back to before its first position: zeroes all that counts there, which rows of growing slots do not. */
    public void clearSequence(int row) {
        for (int i = 0; i < slots().size(); i++) {
            if (!(layout.slots().get(i) instanceof Slot.Growing)) {
                slots.get(i).slice(row, row + 1).fill(0);
            }
        }
    }

    private static void copyRow(Tensor from, int fromRow, Tensor to, int toRow) {
        Tensor source = from.slice(fromRow, fromRow + 1);
        Tensor target = to.slice(toRow, toRow + 1);
        if (source.bytes() <= target.bytes()) {
            target.data().asSlice(0, source.bytes()).copyFrom(source.data());
        } else {
            target.data().copyFrom(source.data().asSlice(0, target.bytes()));
        }
    }
}
