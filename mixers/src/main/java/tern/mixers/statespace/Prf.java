package tern.mixers.statespace;

import java.util.List;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * u ← e^(Δ(−1/τ + iθ)) u + Δ x, s = spike(Re u − V), y = W_o spike(W s + b − V): a membrane that resonates and fires without being
 * reset, so that positions do not wait for each other, and neurons without memory (arXiv 2410.03530, sections 3 and 4). A spike's
 * gradient is that of {@link Activation#SPIKE}.
 *
 * <p>State: one complex potential a channel, [1,2D]. Parameters: {@code step} ln Δ and {@code phase} ln θ [D];
 * {@code mix.weight} [inner,D], {@code mix.bias}; {@code output.weight} [D,inner]. Immutable.
 */
public final class Prf implements SequenceMixer {
    private final PrfConfig config;
    private final int width;
    private final Tensor step;
    private final Tensor phase;
    private final Projection mix;
    private final Projection output;
    private final StateLayout layout;

    Prf(PrfConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        this.step = scope.parameter("step", Shape.of(width), Role.FILTER, StepRange.of(config.steps()).start());
        this.phase = scope.parameter("phase", Shape.of(width), Role.FILTER, (parameter, random) -> {
            for (long i = 0; i < parameter.elements(); i++) {
                parameter.set(i, Math.log(2 * Math.PI * Math.max(1e-3, random.nextDouble())));
            }
        });
        this.mix = Projection.biased(scope.child("mix"), width, config.inner(), Initialiser.fanIn(width),
                Initialiser.constant(config.threshold()));
        this.output = Projection.outOf(scope.child("output"), config.inner(), false, at);
        this.layout = StateLayout.of(new Slot.Fixed("potential", Shape.of(1, 2 * width)));
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Tensor current = ops.multiply(in.x(), ops.derived(this, "delta", () -> ops.activate(step, Activation.EXP)));
        Tensor both = ops.concat(List.of(current, ops.zeros(current.dtype(), current.shape())), -1);
        Scanned scanned = ops.affineScan(ops.derived(this, "decay", () -> turned(ops, Math.PI / 2)),
                ops.derived(this, "turn", () -> turned(ops, 0)), both, state.slot("potential"));
        Tensor fired = spikes(ops, ops.slice(scanned.y(), -1, 0, width));
        return new Mixed(output.apply(ops, spikes(ops, mix.apply(ops, fired))), state.next(scanned.state()));
    }

    private Tensor spikes(Ops ops, Tensor potential) {
        return ops.activate(ops.add(potential, Heads.constant(ops, this, potential.dtype(),
                Shape.of(potential.shape().last()), -config.threshold())), Activation.SPIKE);
    }

    /** e^(−Δ/τ) times the sine of Δθ + {@code shift}, [1,1,D]. */
    private Tensor turned(Ops ops, double shift) {
        Tensor delta = ops.activate(step, Activation.EXP);
        Tensor angle = ops.multiply(delta, ops.activate(phase, Activation.EXP));
        Tensor ones = ops.zeros(step.dtype(), Shape.of(width)).fill(1);
        Tensor sine = ops.sine(ops.add(angle, ops.zeros(step.dtype(), Shape.of(width)).fill(shift)), ones);
        Tensor size = ops.activate(ops.scale(delta, -1 / config.timeConstant()), Activation.EXP);
        return ops.reshape(ops.multiply(size, sine), Shape.of(1, 1, width));
    }
}
