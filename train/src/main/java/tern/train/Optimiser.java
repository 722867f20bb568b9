package tern.train;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.autograd.Gradients;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.optimise.AdamWStep;
import tern.model.Parameters.Parameter;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

/**
 * AdamW with decoupled decay (Loshchilov and Hutter 2017, arXiv 1711.05101) over a model's trained parameters. Only
 * {@link Role#MATRIX} decays; gains, biases and filter parameters do not. Owns the moments; updates parameters in place.
 * Confined to one thread.
 */
public final class Optimiser implements AutoCloseable {
    private final Settings settings;
    private final KernelSet kernels;
    private final ThreadTeam team;
    private final Memory memory = new Memory();
    private final List<Slot> slots = new ArrayList<>();
    private long steps;

    /**
     * The numbers of AdamW that do not change during a run.
     *
     * @param beta1 decay of the first moment, within [0, 1)
     * @param beta2 decay of the second moment, within [0, 1)
     * @param epsilon added to the root of the second moment, above 0
     * @param decay weight decay of matrices, multiplied by the rate; 0 or more
     * @param filterRate the rate of {@link Role#FILTER} as a multiple of that of everything else; above 0
     */
    public record Settings(double beta1, double beta2, double epsilon, double decay, double filterRate) {
        /** What small models train well with. */
        public static final Settings USUAL = new Settings(0.9, 0.98, 1e-8, 0.1, 1);

        /** Checks ranges. */
        public Settings {
            require("beta1", beta1, beta1 >= 0 && beta1 < 1, "a number in [0, 1)");
            require("beta2", beta2, beta2 >= 0 && beta2 < 1, "a number in [0, 1)");
            require("epsilon", epsilon, epsilon > 0 && epsilon < 1, "a small number above 0, such as 1e-8");
            require("weight decay", decay, decay >= 0 && decay <= 10, "a number in [0, 10]");
            require("filterRate", filterRate, filterRate > 0 && filterRate <= 100, "a number in (0, 100], such as 0.1");
        }

        private static void require(String name, double value, boolean fits, String expected) {
            if (!fits) {
                throw new IllegalArgumentException("adamW: " + name + " is " + value + ", expected " + expected);
            }
        }
    }

    private record Slot(Parameter parameter, Tensor first, Tensor second) {
    }

    /**
     * Moments of zero for these parameters.
     *
     * @param kernels bodies for F32; F64 goes to the reference bodies
     * @param team threads to use; not closed by this object
     */
    public Optimiser(Collection<Parameter> trained, Settings settings, KernelSet kernels, ThreadTeam team) {
        this.settings = settings;
        this.kernels = kernels;
        this.team = team;
        for (Parameter parameter : trained) {
            Tensor value = parameter.tensor();
            slots.add(new Slot(parameter, memory.zeros(value.dtype(), value.shape()),
                    memory.zeros(value.dtype(), value.shape())));
        }
    }

    /** The parameters, in order. */
    public List<Parameter> parameters() {
        return slots.stream().map(Slot::parameter).toList();
    }

    /** Updates made so far. */
    public long steps() {
        return steps;
    }

    /** The Euclidean norm of all gradients together, summed in double in an order fixed by the shapes. */
    public double norm(Gradients gradients) {
        double sum = 0;
        for (Slot slot : slots) {
            sum += sumOfSquares(of(gradients, slot.parameter));
        }
        return Math.sqrt(sum);
    }

    /** The first parameter whose own values, or else whose gradient, hold NaN or infinity. */
    public Optional<Parameter> firstNotFinite(Gradients gradients) {
        Optional<Parameter> value = slots.stream().map(Slot::parameter)
                .filter(parameter -> !isFinite(parameter.tensor())).findFirst();
        return value.isPresent() ? value
                : slots.stream().map(Slot::parameter).filter(parameter -> !isFinite(of(gradients, parameter)))
                        .findFirst();
    }

    private static boolean isFinite(Tensor tensor) {
        for (long i = 0; i < tensor.elements(); i++) {
            if (!Double.isFinite(tensor.get(i))) {
                return false;
            }
        }
        return true;
    }

    private double sumOfSquares(Tensor tensor) {
        return bodies(tensor).elementwise().sumOfSquares(team, tensor);
    }

    /**
     * One update of every parameter.
     *
     * @param rate learning rate now, of everything but filters
     * @param gradientScale every gradient is multiplied by this first
     */
    public void update(Gradients gradients, double rate, double gradientScale) {
        steps++;
        for (Slot slot : slots) {
            Role role = slot.parameter.role();
            double decay = role == Role.MATRIX ? settings.decay : 0;
            double own = role == Role.FILTER ? rate * settings.filterRate : rate;
            AdamWStep.Settings now = new AdamWStep.Settings(own, settings.beta1, settings.beta2, settings.epsilon,
                    decay, steps, gradientScale);
            Tensor value = slot.parameter.tensor();
            bodies(value).adamW().update(team, value, of(gradients, slot.parameter), slot.first, slot.second, now);
        }
    }

    private KernelSet bodies(Tensor tensor) {
        return tensor.dtype() == DType.F64 ? KernelSet.reference() : kernels;
    }

    private static Tensor of(Gradients gradients, Parameter parameter) {
        return gradients.of(parameter.tensor()).orElseThrow(() -> new IllegalArgumentException(
                "parameter " + parameter.name() + " is to be updated but has no gradient; give Gradients its tensor"));
    }

    /** Both moments of every parameter, named {@code first.NAME} and {@code second.NAME}; the very tensors in use. */
    public Map<String, Tensor> moments() {
        Map<String, Tensor> moments = new LinkedHashMap<>();
        for (Slot slot : slots) {
            moments.put("first." + slot.parameter.name(), slot.first);
            moments.put("second." + slot.parameter.name(), slot.second);
        }
        return Collections.unmodifiableMap(moments);
    }

    /** Continues after {@code done} updates, with moments that were copied into {@link #moments} before. */
    public void resumeAfter(long done) {
        steps = done;
    }

    /** Bytes of moments. */
    public long bytes() {
        return memory.bytes();
    }

    @Override
    public void close() {
        memory.close();
    }
}
