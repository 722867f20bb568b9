package tern.sequence;

import java.util.Objects;

import tern.tensor.Shape;

/** One named tensor of a state, without its batch axis. */
public sealed interface Slot {
    /** Name, unique within the layout. */
    String name();

    /** Floats that the slot holds for one sequence after {@code time} positions. */
    long floats(long time);

    /**
     * A slot whose size does not depend on time.
     *
     * @param shape shape for one sequence
     */
    record Fixed(String name, Shape shape) implements Slot {
        /** Checks that nothing is missing. */
        public Fixed {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(shape, "shape");
        }

        @Override
        public long floats(long time) {
            return shape.elements();
        }
    }

    /**
     * A history: one row for every past position, such as an attention cache.
     *
     * @param row shape of one position's row for one sequence
     */
    record Growing(String name, Shape row) implements Slot {
        /** Checks that nothing is missing. */
        public Growing {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(row, "row");
        }

        @Override
        public long floats(long time) {
            return row.elements() * time;
        }
    }
}
