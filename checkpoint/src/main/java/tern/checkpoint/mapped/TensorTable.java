package tern.checkpoint.mapped;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;

/** The tensors of a file, in order and by name. Filled by one thread, then safe for use by several. */
public final class TensorTable {
    private static final int MOST = 1 << 18;

    private final Path path;
    private final List<StoredTensor> inOrder = new ArrayList<>();
    private final Map<String, StoredTensor> byName = new HashMap<>();

    /** An empty table. */
    public TensorTable(Path path) {
        this.path = path;
    }

    /**
     * Adds a tensor; false if there is one of its name.
     *
     * @throws MalformedFileException if there are more than any model has
     */
    public boolean add(StoredTensor tensor) throws MalformedFileException {
        if (inOrder.size() == MOST) {
            throw new MalformedFileException(path + ": holds more than " + MOST + " tensors; it is refused");
        }
        if (byName.putIfAbsent(tensor.name(), tensor) != null) {
            return false;
        }
        inOrder.add(tensor);
        return true;
    }

    /** All of them, in the order in which they were added. */
    public List<StoredTensor> all() {
        return Collections.unmodifiableList(inOrder);
    }

    /** The one of this name, if there is one. */
    public Optional<StoredTensor> find(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    /**
     * The one of this name.
     *
     * @throws MalformedFileException if there is none
     */
    public StoredTensor require(String name) throws MalformedFileException {
        return find(name).orElseThrow(() -> new MalformedFileException(path + ": there is no tensor "
                + Quoted.name(name) + " among the " + inOrder.size() + " of the file"));
    }
}
