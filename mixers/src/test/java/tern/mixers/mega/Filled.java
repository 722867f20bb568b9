package tern.mixers.mega;

import java.util.LinkedHashMap;
import java.util.Map;

import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The deterministic numbers of the golden examples: element k of a tensor is {@code offset + 0.5·sin(seed + 0.7k)}. A scope whose
 * parameters are zero until they are filled by name.
 */
final class Filled implements ParameterScope {
    private final Memory memory;
    private final String prefix;
    private final Map<String, Tensor> declared;

    Filled(Memory memory) {
        this(memory, "", new LinkedHashMap<>());
    }

    private Filled(Memory memory, String prefix, Map<String, Tensor> declared) {
        this.memory = memory;
        this.prefix = prefix;
        this.declared = declared;
    }

    static double value(double seed, long k) {
        return 0.5 * Math.sin(seed + 0.7 * k);
    }

    /** The input of every example: sin(1 + 0.7k) [1,T,D]. (The written description says 1 + 0.5·sin; its numbers say this.) */
    static Tensor input(Memory memory, int time, int width) {
        Tensor x = memory.zeros(DType.F64, Shape.of(1, time, width));
        for (long k = 0; k < x.elements(); k++) {
            x.set(k, Math.sin(1.0 + 0.7 * k));
        }
        return x;
    }

    void fill(String name, double offset, double seed) {
        Tensor tensor = tensor(name);
        for (long k = 0; k < tensor.elements(); k++) {
            tensor.set(k, offset + value(seed, k));
        }
    }

    /** A parameter [N,D] from rows [D,N] of a longer one, of which the first {@code skipped} rows are others'. */
    void fillTurned(String name, double seed, int skipped) {
        Tensor tensor = tensor(name);
        int modes = tensor.dim(0);
        int width = tensor.dim(1);
        for (int n = 0; n < modes; n++) {
            for (int d = 0; d < width; d++) {
                tensor.set((long) n * width + d, value(seed, (long) (skipped + d) * modes + n));
            }
        }
    }

    long count() {
        return declared.values().stream().mapToLong(Tensor::elements).sum();
    }

    private Tensor tensor(String name) {
        Tensor tensor = declared.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("no parameter " + name + " among " + declared.keySet());
        }
        return tensor;
    }

    @Override
    public Tensor parameter(String name, Shape shape, Role role, Initialiser initialiser) {
        Tensor tensor = memory.zeros(DType.F64, shape);
        declared.put(prefix + name, tensor);
        return tensor;
    }

    @Override
    public ParameterScope child(String name) {
        return new Filled(memory, prefix + name + ".", declared);
    }
}
