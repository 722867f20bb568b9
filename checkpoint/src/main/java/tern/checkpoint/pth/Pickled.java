package tern.checkpoint.pth;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

import tern.checkpoint.StorageType;

/** A value that a pickle can make here. Lists and maps are filled after they are made, and may hold themselves. */
sealed interface Pickled {
    /** Python's None. */
    record Nothing() implements Pickled {
    }

    /** True or false. */
    record Truth(boolean value) implements Pickled {
    }

    /** A whole number of any size. */
    record Whole(BigInteger value) implements Pickled {
        static Whole of(long value) {
            return new Whole(BigInteger.valueOf(value));
        }
    }

    /** A real number. */
    record Real(double value) implements Pickled {
    }

    /** Text. */
    record Text(String text) implements Pickled {
    }

    /** Values that do not change. */
    record Tuple(List<Pickled> items) implements Pickled {
    }

    /** A list or a set. */
    final class Items implements Pickled {
        final List<Pickled> items = new ArrayList<>();
    }

    /** A map, as pairs in the order of their making. */
    final class Entries implements Pickled {
        final List<Entry> entries = new ArrayList<>();
        final boolean ordered;

        /** @param ordered whether it is an OrderedDict, which alone may be given attributes */
        Entries(boolean ordered) {
            this.ordered = ordered;
        }
    }

    /** A pair of a map. */
    record Entry(Pickled key, Pickled value) {
    }

    /** One of the few names that a pickle may mention. */
    enum Name implements Pickled {
        ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, SIZE
    }

    /** The name of a type of storage. */
    record StorageName(StorageType type) implements Pickled {
    }

    /** A run of elements. */
    record Storage(String key, StorageType type, long elements) implements Pickled {
    }

    /** A view of a storage; offset and strides count elements. */
    record View(Storage storage, long offset, List<Long> shape, List<Long> strides) implements Pickled {
    }
}
