package tern.sequence;

import java.util.Objects;
import java.util.Optional;

import tern.tensor.DType;
import tern.tensor.Shape;

/** One named tensor of a state, without its batch axis. */
public sealed interface Slot {
    /** Name, unique within the layout. */
    String name();

    /** The same slot under another name. */
    Slot named(String other);

    /** Numbers that the slot holds for one sequence after {@code time} positions. */
    long floats(long time);

    /** Bytes that the slot holds for one sequence after {@code time} positions, in a state of {@link DType#F32}. */
    default long bytes(long time) {
        return type(DType.F32).bytes(floats(time));
    }

    /** How the slot is stored in a state of this type. */
    default DType type(DType state) {
        return state;
    }

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
        public Slot named(String other) {
            return new Fixed(other, shape);
        }

        @Override
        public long floats(long time) {
            return shape.elements();
        }
    }

    /**
     * What is remembered of the chunk that time stands in, and forgotten at the chunk's end, such as the cache of chunked
     * attention: after t positions the first t mod {@code length} rows count, whatever the others hold.
     *
     * @param row shape of one position's row for one sequence
     * @param length positions of a chunk
     */
    record Chunk(String name, Shape row, int length) implements Slot {
        /** Checks that nothing is missing. */
        public Chunk {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(row, "row");
            if (length < 1) {
                throw new IllegalArgumentException("slot \"" + name + "\": a chunk has " + length
                        + " positions, expected 1 or more");
            }
        }

        @Override
        public Slot named(String other) {
            return new Chunk(other, row, length);
        }

        /** The most that it holds, which does not depend on time. */
        @Override
        public long floats(long time) {
            return row.elements() * length;
        }

        /** Rows that count after so many positions. */
        public int rows(long time) {
            return (int) (time % length);
        }
    }

    /**
     * The last positions, such as what a dilated convolution reads: position p stands in row p mod {@code length}, and rows of
     * positions before the first are zeros. Or, likewise, what has been summed up already for positions to come, such as the block
     * of contributions of a long convolution. Where a sequence will not be continued it has no rows.
     *
     * @param row shape of one position's row for one sequence
     * @param length positions that are remembered, 0 or more
     */
    record Ring(String name, Shape row, int length) implements Slot {
        /** Checks that nothing is missing. */
        public Ring {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(row, "row");
            if (length < 0) {
                throw new IllegalArgumentException("slot \"" + name + "\": a ring has " + length
                        + " positions, expected 0 or more");
            }
        }

        @Override
        public Slot named(String other) {
            return new Ring(other, row, length);
        }

        @Override
        public long floats(long time) {
            return row.elements() * length;
        }
    }

    /**
     * A history: one row for every past position, such as an attention cache.
     *
     * @param row shape of one position's row for one sequence
     * @param stored its own type, if it is not that of the state: identifiers, or numbers stored narrower
     */
    record Growing(String name, Shape row, Optional<DType> stored) implements Slot {
        /** Checks that nothing is missing. */
        public Growing {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(row, "row");
        }

        /** A history in the type of the state. */
        public Growing(String name, Shape row) {
            this(name, row, Optional.empty());
        }

        /** A history in a type of its own. */
        public static Growing of(DType stored, String name, Shape row) {
            return new Growing(name, row, Optional.of(stored));
        }

        @Override
        public Slot named(String other) {
            return new Growing(other, row, stored);
        }

        @Override
        public DType type(DType state) {
            return stored.orElse(state);
        }

        @Override
        public long floats(long time) {
            return row.elements() * time;
        }
    }
}
