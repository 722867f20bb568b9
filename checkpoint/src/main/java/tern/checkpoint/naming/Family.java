package tern.checkpoint.naming;

import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;

/** A family of published checkpoints in one or several namings. Immutable. */
public interface Family {
    /** What it is called, such as "RWKV". */
    String name();

    /**
     * What the file holds, if it is of this family. Looks at names, shapes and metadata, not at data.
     *
     * @throws MalformedFileException if it is of this family but contradicts itself, or is of a variant with other mathematics;
     *             names the tensor, what was expected and what was found
     */
    Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException;
}
