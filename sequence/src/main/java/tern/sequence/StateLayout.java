package tern.sequence;

import java.util.List;

/**
 * The slots of a mixer's state, in order. The layout, not the mixer, knows how to allocate, copy, save and batch a state.
 * Immutable.
 */
public record StateLayout(List<Slot> slots) {
    /** The layout of a layer that remembers nothing. */
    public static final StateLayout STATELESS = new StateLayout(List.of());

    /** Checks that names are unique. */
    public StateLayout {
        slots = List.copyOf(slots);
        if (slots.stream().map(Slot::name).distinct().count() != slots.size()) {
            throw new IllegalArgumentException("state layout: slot names must be unique, found " + slots);
        }
    }

    /** A layout of these slots. */
    public static StateLayout of(Slot... slots) {
        return new StateLayout(List.of(slots));
    }

    /** Numbers per sequence after {@code time} positions. */
    public long floats(long time) {
        return slots.stream().mapToLong(slot -> slot.floats(time)).sum();
    }

    /** Bytes per sequence after {@code time} positions, in a state of F32. */
    public long bytes(long time) {
        return slots.stream().mapToLong(slot -> slot.bytes(time)).sum();
    }

    /** Whether some slot needs more room the longer a sequence is, for ever or up to the length of a chunk. */
    public boolean reserves() {
        return slots.stream().anyMatch(slot -> !(slot instanceof Slot.Fixed));
    }

    /** Whether some slot grows with time. */
    public boolean grows() {
        return slots.stream().anyMatch(Slot.Growing.class::isInstance);
    }

    /** Position of a slot in the order. */
    int indexOf(String name) {
        for (int i = 0; i < slots.size(); i++) {
            if (slots.get(i).name().equals(name)) {
                return i;
            }
        }
        throw new IllegalArgumentException("state has no slot \"" + name + "\"; it has "
                + slots.stream().map(Slot::name).toList());
    }
}
