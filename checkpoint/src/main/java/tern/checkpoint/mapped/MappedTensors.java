package tern.checkpoint.mapped;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.tensor.Tensor;

/** A mapped file whose description has been read, and whose tensors lie in it as they are wanted. */
public final class MappedTensors implements TensorFile {
    private final MappedFile file;
    private final String format;
    private final Map<String, Metadatum> metadata;
    private final TensorTable tensors;

    /**
     * What was read.
     *
     * @param file closed with this
     * @param format and its version, for people
     * @param metadata in the order of the file
     */
    public MappedTensors(MappedFile file, String format, Map<String, Metadatum> metadata, TensorTable tensors) {
        this.file = file;
        this.format = format;
        this.metadata = Collections.unmodifiableMap(metadata);
        this.tensors = tensors;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public String format() {
        return format;
    }

    @Override
    public Map<String, Metadatum> metadata() {
        return metadata;
    }

    @Override
    public List<StoredTensor> tensors() {
        return tensors.all();
    }

    @Override
    public Optional<StoredTensor> find(String name) {
        return tensors.find(name);
    }

    @Override
    public Tensor tensor(String name) throws MalformedFileException {
        return file.tensor(tensors.require(name));
    }

    @Override
    public void close() {
        file.close();
    }
}
