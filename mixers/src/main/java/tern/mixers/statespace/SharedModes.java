package tern.mixers.statespace;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * P complex modes that all channels share, in discrete time by zero-order hold: h ← Ā ⊙ h + B̄ u (S5). Parameters {@code rate},
 * {@code phase}, {@code step} [P]. They start as the normal part of LegS of order 2P/blocks, so many times. Immutable.
 */
final class SharedModes {
    private final int modes;
    private final int perBlock;
    private final Optional<Double> rescale;
    private final Tensor rate;
    private final Tensor phase;
    private final Tensor step;

    SharedModes(int modes, int blocks, Optional<StepRange> steps, Optional<Double> rescale,
            ParameterScope scope) {
        this.rescale = rescale;
        this.modes = modes;
        this.perBlock = modes / blocks;
        Shape all = Shape.of(modes);
        this.rate = scope.parameter("rate", all, Role.FILTER, Initialiser.constant(Math.log(0.5)));
        this.phase = scope.parameter("phase", all, Role.FILTER,
                (parameter, random) -> {
                    double[] phases = start().phases();
                    Initialiser.of(i -> phases[(int) (i % perBlock)]).fill(parameter, random);
                });
        this.step = scope.parameter("step", all, Role.FILTER, StepRange.of(steps).start());
    }

    /** Found only where parameters start, not where they come from elsewhere: of a wide block that takes seconds. */
    private Hippo.Normal start() {
        return Hippo.normal(2 * perBlock);
    }

    /** Real parts of V⁻¹B, then imaginary ones, of normal deviates B [2P,in]: rows of a matrix [2P,in]. */
    Initialiser inputs(int in, double deviation) {
        return (parameter, random) -> {
            Hippo.Normal start = start();
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
        };
    }

    private Held held(Ops ops) {
        return Held.of(ops, this, rate, phase, step, rescale);
    }

    /** B̄ [2P,in] of B. */
    Tensor held(Ops ops, Tensor input) {
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
