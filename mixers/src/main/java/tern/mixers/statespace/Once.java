package tern.mixers.statespace;

import java.util.Optional;
import java.util.function.Supplier;

/** Something that takes long to find, and is found when it is first asked for. Confined to one thread. */
final class Once<T> implements Supplier<T> {
    private final Supplier<T> search;
    private Optional<T> found = Optional.empty();

    Once(Supplier<T> search) {
        this.search = search;
    }

    @Override
    public T get() {
        if (found.isEmpty()) {
            found = Optional.of(search.get());
        }
        return found.get();
    }
}
