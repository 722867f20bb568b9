package tern.checkpoint.naming;

import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;

/** Numbers read off the shapes of a file's tensors, with messages that name file and tensor. */
record Shapes(TensorFile file) {
    private static final long LARGEST = 1 << 24;

    boolean has(String name) {
        return file.find(name).isPresent();
    }

    boolean any(Predicate<String> name) {
        return file.tensors().stream().map(StoredTensor::name).anyMatch(name);
    }

    /** Layers 0, 1, … of which a tensor with this pattern is there; {@code {i}} stands for the number. */
    int layers(String pattern) {
        int layers = 0;
        while (has(pattern.replace("{i}", Integer.toString(layers)))) {
            layers++;
        }
        return layers;
    }

    /** Length of an axis; a negative one counts from the end, lengths of 1 left out. */
    int length(String name, int axis) throws MalformedFileException {
        List<Long> lengths = tensor(name).shape().stream().filter(length -> length != 1).toList();
        int at = axis < 0 ? lengths.size() + axis : axis;
        if (at < 0 || at >= lengths.size() || lengths.get(at) < 1 || lengths.get(at) > LARGEST) {
            throw new MalformedFileException(file.path() + ": " + tensor(name)
                    + ": cannot be what its name says; expected at least " + (axis < 0 ? -axis : axis + 1)
                    + " axes of sensible length");
        }
        return Math.toIntExact(lengths.get(at));
    }

    /** Number of elements. */
    int elements(String name) throws MalformedFileException {
        long elements = tensor(name).elements();
        if (elements < 1 || elements > LARGEST) {
            throw new MalformedFileException(
                    file.path() + ": " + tensor(name) + ": cannot be what its name says; it has "
                            + elements + " elements");
        }
        return Math.toIntExact(elements);
    }

    /** Heads of this width whose rows a matrix holds. */
    int heads(String name, int headWidth) throws MalformedFileException {
        int rows = length(name, 0);
        if (rows % headWidth != 0) {
            throw new MalformedFileException(file.path() + ": \"" + name + "\" has " + rows
                    + " rows, which are no heads of " + headWidth + " as another tensor of its layer tells");
        }
        return rows / headWidth;
    }

    /**
     * Width of the heads whose rows a matrix holds, where only the configuration tells how many there are.
     *
     * @throws MalformedFileException if it does not tell, or they do not divide the rows
     */
    int headWidth(HuggingFaceConfig told, String matrix) throws MalformedFileException {
        int rows = length(matrix, 0);
        int heads = (int) told.whole("num_attention_heads", 0);
        if (heads < 1 || rows % heads != 0) {
            throw new MalformedFileException(file.path() + ": " + heads
                    + " heads (num_attention_heads of config.json, which must lie beside the tensors) do not divide the "
                    + rows + " rows of \"" + matrix + "\"");
        }
        return rows / heads;
    }

    /** A number that only the configuration tells, from 1 to the rows of a matrix. */
    int atMost(HuggingFaceConfig told, String key, String matrix) throws MalformedFileException {
        long number = told.whole(key, 0);
        if (number < 1 || number > length(matrix, 0)) {
            throw new MalformedFileException(file.path() + ": " + key + " of config.json, which must lie beside the"
                    + " tensors, is " + number + ", expected 1 to the " + length(matrix, 0) + " rows of \"" + matrix
                    + "\"");
        }
        return (int) number;
    }

    private StoredTensor tensor(String name) throws MalformedFileException {
        return file.find(name).orElseThrow(() -> new MalformedFileException(
                file.path() + ": tensor \"" + name + "\" is missing, but a file with these names needs it"));
    }

    /** Names with their numbers replaced, each once, in the order of the file. */
    List<String> patterns() {
        Pattern number = Pattern.compile("(?<=\\.)\\d+(?=\\.)");
        return file.tensors().stream().map(tensor -> number.matcher(tensor.name()).replaceAll("{i}")).distinct()
                .toList();
    }
}
