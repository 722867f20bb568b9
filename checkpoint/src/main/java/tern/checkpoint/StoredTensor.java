package tern.checkpoint;

import java.util.List;

import tern.checkpoint.mapped.Quoted;

/**
 * One tensor as a file holds it, row-major: axes outermost first, whatever order the format lists them in. Immutable.
 *
 * @param name unique within the file
 * @param type how elements are stored
 * @param shape lengths of the axes, outermost first; empty for a scalar
 * @param offset first byte, counted from the beginning of the file that holds it
 * @param bytes number of bytes that the elements take
 */
public record StoredTensor(String name, StorageType type, List<Long> shape, long offset, long bytes) {
    /** Keeps the shape from changing. */
    public StoredTensor {
        shape = List.copyOf(shape);
    }

    /** Number of elements. */
    public long elements() {
        return bytes / type.blockBytes() * type.blockLength();
    }

    /** Name, type and shape, for messages. */
    @Override
    public String toString() {
        return Quoted.name(name) + " " + type + shape;
    }
}
