package tern.mixers.goldfinch;

import java.util.Optional;

import tern.tensor.DType;

/** How numbers of a cache are stored. Anything but {@link #F32} rounds them, as soon as they are made. */
public enum CacheType {
    /** As computed. */
    F32,
    /** The upper half of a float. */
    BF16,
    /** Eight bits, with a scale for each row in two bytes more. */
    INT8;

    /** The type of a slot, if not that of the state. */
    Optional<DType> stored() {
        return switch (this) {
            case F32 -> Optional.empty();
            case BF16 -> Optional.of(DType.BF16);
            case INT8 -> Optional.of(DType.I8);
        };
    }

    /** Length of a slot's row that stores so many numbers. */
    int rowLength(int numbers) {
        return this == INT8 ? numbers + 2 : numbers;
    }
}
