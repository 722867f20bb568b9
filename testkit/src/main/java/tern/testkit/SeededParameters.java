package tern.testkit;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.random.RandomGenerator;

import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A scope that initialises every parameter from a seed. The same seed gives the same numbers in {@code F32} and
 * {@code F64}: values are rounded to {@code F32} in both. Confined to one thread.
 */
public final class SeededParameters implements ParameterScope {
    /**
     * A declared parameter.
     *
     * @param tensor its values
     * @param role what it is for
     */
    public record Declared(Tensor tensor, Role role) {
    }

    private final DType dtype;
    private final Allocator memory;
    private final RandomGenerator random;
    private final double noise;
    private final String prefix;
    private final Map<String, Declared> declared;

    /**
     * A scope that initialises as the mixer asks and then adds noise, so that no gain is exactly 1 and no bias exactly 0.
     *
     * @param noise deviation of what is added to everything but buffers; 0 for none
     */
    public SeededParameters(DType dtype, long seed, double noise, Allocator memory) {
        this(dtype, memory, Seeds.random(seed), noise, "", new LinkedHashMap<>());
    }

    private SeededParameters(DType dtype, Allocator memory, RandomGenerator random, double noise, String prefix,
            Map<String, Declared> declared) {
        this.dtype = dtype;
        this.memory = memory;
        this.random = random;
        this.noise = noise;
        this.prefix = prefix;
        this.declared = declared;
    }

    @Override
    public Tensor parameter(String name, Shape shape, Role role, Initialiser initialiser) {
        if (name.indexOf('.') >= 0) {
            throw new IllegalArgumentException("parameter \"" + name + "\": names have no dots; use child()");
        }
        Tensor tensor = memory.zeros(dtype, shape);
        initialiser.fill(tensor, random);
        for (long i = 0; i < tensor.elements(); i++) {
            double shake = role == Role.BUFFER ? 0 : noise * random.nextGaussian();
            tensor.set(i, (float) ((float) tensor.get(i) + shake));
        }
        if (declared.putIfAbsent(prefix + name, new Declared(tensor, role)) != null) {
            throw new IllegalArgumentException("parameter \"" + prefix + name + "\" is declared twice");
        }
        return tensor;
    }

    @Override
    public ParameterScope child(String name) {
        return new SeededParameters(dtype, memory, random, noise, prefix + name + ".", declared);
    }

    /** Everything declared so far, by full name, in order. */
    public Map<String, Declared> declared() {
        return declared;
    }

    /** One parameter by its full name. */
    public Tensor get(String name) {
        Declared found = declared.get(name);
        if (found == null) {
            throw new IllegalArgumentException(
                    "no parameter \"" + name + "\" was declared; there are " + declared.keySet());
        }
        return found.tensor();
    }

    /** Copies the values of every parameter that both scopes have under the same name and shape; gives their number. */
    public int copyFrom(SeededParameters other) {
        int copied = 0;
        for (Map.Entry<String, Declared> entry : declared.entrySet()) {
            Declared source = other.declared.get(entry.getKey());
            if (source != null && source.tensor().shape().equals(entry.getValue().tensor().shape())) {
                entry.getValue().tensor().copyFrom(source.tensor());
                copied++;
            }
        }
        return copied;
    }
}
