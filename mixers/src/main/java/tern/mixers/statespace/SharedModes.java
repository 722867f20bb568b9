package tern.mixers.statespace;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;

import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * P complex modes that all channels share, in discrete time by zero-order hold: h ← Ā ⊙ h + B̄ u (S5). Parameters {@code rate},
 * {@code phase}, {@code step} [P], {@code input.weight} B [2P,in], real parts, then imaginary ones. They start as the normal part of LegS
 * of order 2P/blocks, so many times. Immutable.
 */
final class SharedModes {
    private final int modes;
    private final Optional<Double> rescale;
    private final Tensor rate;
    private final Tensor phase;
    private final Tensor step;
    private final Tensor input;

    /**
     * Declares the parameters.
     *
     * @param in numbers that each mode is written with
     * @param deviation of what they are weighed with at the start, before it is turned into modes
     */
    SharedModes(int modes, int blocks, Optional<StepRange> steps, Optional<Double> rescale, int in, double deviation,
            ParameterScope scope) {
        this.rescale = rescale;
        this.modes = modes;
        int perBlock = modes / blocks;
        // For parameters that start, not for those that come from elsewhere: of a wide block it takes seconds.
        Once<Hippo.Normal> start = new Once<>(() -> Hippo.normal(2 * perBlock));
        Shape all = Shape.of(modes);
        this.rate = scope.parameter("rate", all, Role.FILTER, Initialiser.constant(Math.log(0.5)));
        this.phase = scope.parameter("phase", all, Role.FILTER,
                Initialiser.of(i -> start.get().phases()[(int) (i % perBlock)]));
        this.step = scope.parameter("step", all, Role.FILTER, StepRange.of(steps).start());
        this.input = scope.child("input").parameter("weight", Shape.of(2 * modes, in), Role.FILTER,
                (parameter, random) -> fill(parameter, random, start.get(), deviation));
    }

    /** Real parts of V⁻¹B, then imaginary ones, of normal deviates B [2P,in]. */
    private static void fill(Tensor parameter, RandomGenerator random, Hippo.Normal start, double deviation) {
        int modes = parameter.dim(0) / 2;
        int in = parameter.dim(1);
        int perBlock = start.phases().length;
        for (int block = 0; block < modes / perBlock; block++) {
            for (int i = 0; i < in; i++) {
                double[] column = random.doubles(2L * perBlock).map(ignored -> deviation * random.nextGaussian())
                        .toArray();
                for (int mode = 0; mode < perBlock; mode++) {
                    double real = 0;
                    double imaginary = 0;
                    for (int k = 0; k < column.length; k++) {
                        real += start.real()[mode][k] * column[k];
                        imaginary -= start.imaginary()[mode][k] * column[k];
                    }
                    long row = (long) block * perBlock + mode;
                    parameter.set(row * in + i, real);
                    parameter.set((row + modes) * in + i, imaginary);
                }
            }
        }
    }

    private Held held(Ops ops) {
        return Held.of(ops, this, rate, phase, step, rescale);
    }

    /** B̄ [2P,in]. */
    Tensor input(Ops ops) {
        int in = input.dim(1);
        Shape column = Shape.of(modes, 1);
        Supplier<Tensor> scaled = () -> {
            Tensor gain = ops.reshape(held(ops).gain(), column);
            Tensor turn = ops.reshape(held(ops).gainTurn(), column);
            Tensor real = ops.reshape(ops.slice(input, 0, 0, modes), Shape.of(modes, in));
            Tensor imaginary = ops.reshape(ops.slice(input, 0, modes, 2 * modes), Shape.of(modes, in));
            return ops.concat(List.of(
                    ops.add(ops.scaleRows(real, gain), ops.scale(ops.scaleRows(imaginary, turn), -1)),
                    ops.add(ops.scaleRows(imaginary, gain), ops.scaleRows(real, turn))), 0);
        };
        return ops.derived(this, "input", scaled);
    }

    /** Runs them through b [B,T,2·places·P], real parts first, each place with all modes. */
    Scanned scan(Ops ops, Tensor b, int places, Tensor before) {
        Tensor decay = ops.derived(this, "decay", () -> placed(ops, held(ops).decay(), places));
        Tensor turn = ops.derived(this, "turn", () -> placed(ops, held(ops).turn(), places));
        return ops.affineScan(decay, turn, b, before);
    }

    private Tensor placed(Ops ops, Tensor each, int places) {
        Tensor all = ops.add(ops.zeros(each.dtype(), Shape.of(places, modes)), each);
        return ops.reshape(all, Shape.of(1, 1, places * modes));
    }
}
