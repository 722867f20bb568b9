package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** The parameters of a model, made of the tensors of a published file as a {@link Blueprint} tells. */
public final class NamedParameters {
    private static final int NAMED = 4;

    private final TensorFile file;
    private final Blueprint blueprint;

    /** The parameters in a file that was recognised. */
    public NamedParameters(TensorFile file, Blueprint blueprint) {
        this.file = file;
        this.blueprint = blueprint;
    }

    /**
     * Compares what the model asks for with what the file holds.
     *
     * @param expected shapes by name
     * @throws MalformedFileException naming what is missing, what nobody asked for and what has the wrong size (or the first few
     *             of each)
     */
    public void check(Map<String, Shape> expected) throws MalformedFileException {
        List<String> missing = new ArrayList<>();
        List<String> wrong = new ArrayList<>();
        Set<String> used = new HashSet<>();
        for (Map.Entry<String, Shape> parameter : expected.entrySet()) {
            if (parameter.getValue().elements() == 0) {
                continue;
            }
            Naming naming = naming(parameter.getKey());
            used.add(naming.theirs());
            Optional<StoredTensor> stored = file.find(naming.theirs());
            if (stored.isEmpty()) {
                missing.add(missing(naming.theirs(), parameter));
            } else if (naming.asIs() && !fits(stored.get(), parameter.getValue())) {
                wrong.add(stored.get() + " where " + parameter.getValue() + " is expected");
            }
            for (Step step : naming.steps()) {
                if (step instanceof Step.Below below) {
                    used.addAll(below.others());
                    below.others().stream().filter(other -> file.find(other).isEmpty())
                            .forEach(other -> missing.add(missing(other, parameter)));
                }
            }
        }
        List<String> unexpected = file.tensors().stream().map(StoredTensor::name)
                .filter(Predicate.not(used::contains)).filter(Predicate.not(blueprint.names()::ignores))
                .toList();
        List<String> complaints = new ArrayList<>();
        complain(complaints, "missing", missing);
        complain(complaints, "not known", unexpected);
        complain(complaints, "mis-shaped", wrong);
        if (!complaints.isEmpty()) {
            throw new MalformedFileException(file.path() + ": looks like " + blueprint.family()
                    + ", but its tensors do not make one: " + String.join("; ", complaints));
        }
    }

    private static String missing(String stored, Map.Entry<String, Shape> parameter) {
        return stored + " (for " + parameter.getKey() + " " + parameter.getValue() + ")";
    }

    private static void complain(List<String> complaints, String what, List<String> names) {
        if (!names.isEmpty()) {
            complaints.add(names.size() + " " + what + ": "
                    + String.join(", ", names.subList(0, Math.min(NAMED, names.size())))
                    + (names.size() > NAMED ? ", …" : ""));
        }
    }

    private static boolean fits(StoredTensor stored, Shape expected) {
        return stored.shape().equals(Arrays.stream(expected.toArray()).mapToObj(Long::valueOf).toList());
    }

    private Naming naming(String parameter) throws MalformedFileException {
        return blueprint.names().find(parameter).orElseThrow(() -> new MalformedFileException(file.path()
                + ": the naming table " + blueprint.names().name() + " has no line for parameter " + parameter));
    }

    /**
     * One parameter.
     *
     * @param keep which stored types may be kept, where nothing but the name differs; others become {@code computed}
     * @param computed F32 or F64
     * @param memory for what is not the mapped file itself
     * @throws MalformedFileException if the stored tensor cannot be what the parameter is made of
     */
    public Tensor tensor(String parameter, Shape shape, Predicate<DType> keep, DType computed, Allocator memory)
            throws MalformedFileException {
        if (shape.elements() == 0) {
            return memory.allocate(computed, shape);
        }
        Naming naming = naming(parameter);
        Tensor stored = file.tensor(naming.theirs());
        List<Step> steps = naming.steps();
        while (!steps.isEmpty() && steps.getFirst() instanceof Step.OfRows rows && stored.shape().rank() > 1) {
            stored = rows.moved(stored, memory);
            steps = steps.subList(1, steps.size());
        }
        if (!steps.isEmpty() && steps.getFirst() instanceof Step.Below below) {
            Optional<Tensor> together = together(parameter, naming, stored, below, memory);
            stored = together.orElse(stored);
            steps = together.isPresent() ? steps.subList(1, steps.size()) : steps;
        }
        int halvings = blueprint.rescaleEvery() == 0 ? 0 : naming.layer() / blueprint.rescaleEvery();
        if (steps.equals(List.of(new Step.Rescale())) && (halvings == 0 || keep.test(stored.dtype()))) {
            stored = Step.Rescale.scaled(stored, halvings, memory);
            steps = List.of();
        }
        if (steps.isEmpty()) {
            if (!stored.shape().equals(shape)) {
                throw new MalformedFileException(unlike(parameter, shape, naming, stored, stored.shape().toString()));
            }
            return stored.dtype() == computed || keep.test(stored.dtype()) ? stored
                    : memory.allocate(computed, shape).copyFrom(stored);
        }
        Step.Context context = new Step.Context(shape.toArray(), Math.pow(2, halvings), this::numbers);
        Step.Numbers numbers = numbers(stored);
        try {
            for (Step step : steps) {
                numbers = step.apply(numbers, context);
            }
        } catch (IllegalArgumentException impossible) {
            throw impossible(parameter, naming, impossible);
        }
        if (!Arrays.equals(numbers.shape(), shape.toArray())) {
            throw new MalformedFileException(
                    unlike(parameter, shape, naming, stored, Arrays.toString(numbers.shape())));
        }
        return memory.allocate(computed, shape).setAll(numbers.values());
    }

    private Optional<Tensor> together(String parameter, Naming naming, Tensor stored, Step.Below below,
            Allocator memory) throws MalformedFileException {
        List<Tensor> all = new ArrayList<>(List.of(stored));
        for (String other : below.others()) {
            all.add(file.tensor(other));
        }
        try {
            return below.together(all, memory);
        } catch (IllegalArgumentException unlike) {
            throw impossible(parameter, naming, unlike);
        }
    }

    private MalformedFileException impossible(String parameter, Naming naming, IllegalArgumentException why) {
        return new MalformedFileException(file.path() + ": \"" + naming.theirs() + "\" cannot become " + parameter
                + ": " + why.getMessage(), why);
    }

    private String unlike(String parameter, Shape shape, Naming naming, Tensor stored, String becomes) {
        return file.path() + ": \"" + naming.theirs() + "\" " + stored + " becomes " + becomes + ", but " + parameter
                + " is " + shape + "; other tensors of the file say so";
    }

    private Step.Numbers numbers(String stored) {
        try {
            return numbers(file.tensor(stored));
        } catch (MalformedFileException broken) {
            throw new IllegalArgumentException(broken.getMessage(), broken);
        }
    }

    private static Step.Numbers numbers(Tensor stored) {
        return new Step.Numbers(stored.shape().toArray(), stored.toDoubles());
    }
}
