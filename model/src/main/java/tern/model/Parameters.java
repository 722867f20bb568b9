package tern.model;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.zip.CRC32C;

import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The parameters of a model in the order in which they were declared. Where their tensors come from (fresh values, a file,
 * nowhere) is the business of a {@link Source}. Not safe for use by several threads while a model is being built; immutable
 * afterwards.
 */
public final class Parameters {
    private final Source source;
    private final Map<String, Parameter> byName = new LinkedHashMap<>();

    /**
     * One parameter.
     *
     * @param name full name, parts joined by dots
     */
    public record Parameter(String name, Tensor tensor, Role role) {
        /** Whether an optimiser updates it. */
        public boolean trained() {
            return role != Role.BUFFER;
        }
    }

    /** Where the tensors of declared parameters come from. */
    @FunctionalInterface
    public interface Source {
        /** The tensor for one parameter; of exactly this shape. */
        Tensor provide(String name, Shape shape, Role role, Initialiser initialiser);

        /**
         * Fresh values. Every parameter draws from a generator of its own, seeded by the seed and its name, so that adding
         * one parameter does not change the others.
         */
        static Source initialised(long seed, DType dtype, Allocator memory) {
            return (name, shape, role, initialiser) -> {
                Tensor tensor = memory.zeros(dtype, shape);
                CRC32C hash = new CRC32C();
                hash.update(name.getBytes(StandardCharsets.UTF_8));
                initialiser.fill(tensor, new SplittableRandom(seed * 0x9E3779B97F4A7C15L + hash.getValue()));
                return tensor;
            };
        }

        /** Shapes without memory, for counting; computing with such a parameter throws {@link IllegalStateException}. */
        static Source shapesOnly() {
            return (name, shape, role, initialiser) -> Tensor.withoutMemory(DType.F32, shape);
        }
    }

    /** No parameters yet; they come from this source as they are declared. */
    public Parameters(Source source) {
        this.source = source;
    }

    /** The scope for names without a prefix. */
    public ParameterScope scope() {
        return new Scope("");
    }

    /** All parameters in the order of declaration. */
    public List<Parameter> all() {
        return List.copyOf(byName.values());
    }

    /** The parameters that an optimiser updates. */
    public List<Parameter> trained() {
        return byName.values().stream().filter(Parameter::trained).toList();
    }

    /** One parameter by its full name. */
    public Optional<Parameter> find(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    /** Names and tensors, in order. */
    public Map<String, Tensor> tensors() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        byName.forEach((name, parameter) -> tensors.put(name, parameter.tensor()));
        return Collections.unmodifiableMap(tensors);
    }

    /** Number of trained values. */
    public long count() {
        return count(Parameter::trained);
    }

    /** Number of values in the parameters that fit. */
    public long count(Predicate<Parameter> which) {
        return byName.values().stream().filter(which).mapToLong(parameter -> parameter.tensor().elements()).sum();
    }

    private final class Scope implements ParameterScope {
        private final String prefix;
        private final List<String> taken = new ArrayList<>();

        private Scope(String prefix) {
            this.prefix = prefix;
        }

        @Override
        public Tensor parameter(String name, Shape shape, Role role, Initialiser initialiser) {
            claim(name);
            String full = prefix + name;
            Tensor tensor = source.provide(full, shape, role, initialiser);
            if (!tensor.shape().equals(shape)) {
                throw new IllegalArgumentException(
                        "parameter " + full + ": expected shape " + shape + ", found " + tensor.shape());
            }
            byName.put(full, new Parameter(full, tensor, role));
            return tensor;
        }

        @Override
        public ParameterScope child(String name) {
            claim(name);
            return new Scope(prefix + name + ".");
        }

        private void claim(String name) {
            if (name.isEmpty() || name.contains(".")) {
                throw new IllegalArgumentException("parameter name \"" + name + "\" in \"" + prefix
                        + "\" must not be empty or contain dots; use child() for a prefix");
            }
            if (taken.contains(name)) {
                throw new IllegalArgumentException("parameter " + prefix + name + " is declared twice");
            }
            taken.add(name);
        }
    }
}
