package tern.distil;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.distil.filter.OrderChoice.Filter;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Filters without a model: a safetensors file with one tensor [filters, taps] of any name, F32 or F64, h_0 first. Immutable.
 *
 * @param tensor name of the tensor
 * @param dtype as what its taps are stored
 * @param filters its rows, each used by one channel
 */
public record FilterFile(String tensor, DType dtype, List<Filter> filters) {
    /** Copies the list. */
    public FilterFile {
        filters = List.copyOf(filters);
    }

    /** Whether the file holds filters rather than a model: one matrix, and no word of a model. */
    public static boolean is(TensorFile file) {
        return file.tensors().size() == 1 && file.tensors().getFirst().shape().size() == 2
                && !file.texts().containsKey("tern.config");
    }

    /**
     * Reads the filters.
     *
     * @throws MalformedFileException if the file holds none, or stores them in a type other than F32 and F64
     */
    public static FilterFile read(TensorFile file) throws IOException {
        if (!is(file)) {
            throw new MalformedFileException(file.path() + ": holds " + file.tensors().size()
                    + " tensors, expected one of shape [filters, taps]");
        }
        StoredTensor stored = file.tensors().getFirst();
        Tensor tensor = file.tensor(stored.name());
        if (!tensor.dtype().isComputed()) {
            throw new MalformedFileException(file.path() + ": the filters " + stored + " are of a type that is not "
                    + "distilled, expected F32 or F64; store them as one of these");
        }
        int count = tensor.dim(0);
        int time = tensor.dim(1);
        if (count == 0 || time == 0) {
            throw new MalformedFileException(file.path() + ": the filters " + stored + " are empty");
        }
        List<Filter> filters = new ArrayList<>();
        for (int f = 0; f < count; f++) {
            double[] taps = new double[time];
            for (int t = 0; t < time; t++) {
                taps[t] = tensor.get((long) f * time + t);
            }
            filters.add(new Filter(stored.name() + "[" + f + "]", taps));
        }
        return new FilterFile(stored.name(), tensor.dtype(), filters);
    }

    /** {@link #read(TensorFile)} of a path. */
    public static FilterFile read(Path path) throws IOException {
        try (TensorFile file = TensorFile.open(path)) {
            return read(file);
        }
    }
}
