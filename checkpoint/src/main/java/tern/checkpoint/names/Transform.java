package tern.checkpoint.names;

import java.util.Arrays;

import tern.tensor.Allocator;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** How a stored tensor becomes a parameter, in one step of several. */
sealed interface Transform {
    /** The tensor after the step: a view if it can be, else a copy in the memory given. */
    Tensor apply(Tensor stored, Allocator memory);

    /** Drops axes of length 1. */
    record Flatten() implements Transform {
        @Override
        public Tensor apply(Tensor stored, Allocator memory) {
            int[] kept = Arrays.stream(stored.shape().toArray()).filter(length -> length != 1).toArray();
            return stored.reshape(kept.length == 0 ? new int[] {1} : kept);
        }
    }

    /** Turns a matrix. */
    record Transpose() implements Transform {
        @Override
        public Tensor apply(Tensor stored, Allocator memory) {
            if (stored.shape().rank() != 2) {
                throw new IllegalArgumentException("is " + stored + ", expected a matrix to transpose");
            }
            int rows = stored.dim(0);
            int columns = stored.dim(1);
            Tensor turned = memory.allocate(stored.dtype(), Shape.of(columns, rows));
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    turned.set((long) j * rows + i, stored.get((long) i * columns + j));
                }
            }
            return turned;
        }
    }

    /** Entry {@code index} of the outermost axis. */
    record Part(int index) implements Transform {
        @Override
        public Tensor apply(Tensor stored, Allocator memory) {
            if (stored.shape().rank() < 2 || stored.dim(0) <= index) {
                throw new IllegalArgumentException("is " + stored + ", expected at least " + (index + 1) + " parts");
            }
            int[] lengths = stored.shape().toArray();
            return stored.slice(index, index + 1).reshape(Arrays.copyOfRange(lengths, 1, lengths.length));
        }
    }

    /** The transform of this name in a table. */
    static Transform named(String name) {
        if (name.equals("flatten")) {
            return new Flatten();
        }
        if (name.equals("transpose")) {
            return new Transpose();
        }
        if (name.matches("part-[0-9]")) {
            return new Part(name.charAt(name.length() - 1) - '0');
        }
        throw new IllegalArgumentException("unknown transform \"" + name
                + "\", expected flatten, transpose or part-N");
    }
}
