package tern.mixers.universal;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.parts.Expect;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
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
 * T times s ← s + a(norm(s + e_τ)), s ← s + f(norm(s)); y = Σ ω_τ s^τ − x with weights by halting (arXiv 1807.03819, section 2.2).
 *
 * <p>State: that of attention and transition at each step, slots named {@code 0.attention.…}, {@code 0.transition.…}, {@code 1.…}. Parameters:
 * {@code attention.…}, {@code transition.…}, of all steps; {@code attentionNorm}, {@code transitionNorm} [D]; {@code steps} [T,D], what tells
 * steps apart; {@code halting.weight} [1,D], {@code halting.bias} [1], which starts at 1. Immutable.
 */
public final class Universal implements SequenceMixer {
    private static final double EPSILON = 1e-6;
    private static final double STEP_DEVIATION = 0.02;

    private final UniversalConfig config;
    private final SequenceMixer attention;
    private final SequenceMixer transition;
    private final Tensor attentionNorm;
    private final Tensor transitionNorm;
    private final Tensor steps;
    private final Projection halting;
    private final StateLayout layout;

    Universal(UniversalConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        int width = at.width();
        this.attention = part(config.attention().build(at, scope.child("attention")), "attention");
        this.transition = part(config.transition().build(at, scope.child("transition")), "transition");
        this.attentionNorm = scope.parameter("attentionNorm", Shape.of(width), Role.VECTOR, Initialiser.constant(1));
        this.transitionNorm = scope.parameter("transitionNorm", Shape.of(width), Role.VECTOR,
                Initialiser.constant(1));
        this.steps = scope.parameter("steps", Shape.of(config.steps(), width), Role.VECTOR,
                Initialiser.normal(STEP_DEVIATION));
        this.halting = Projection.biased(scope.child("halting"), width, 1, Initialiser.fanIn(width),
                Initialiser.constant(1));
        List<Slot> slots = new ArrayList<>();
        for (int step = 0; step < config.steps(); step++) {
            String name = step + ".";
            attention.stateLayout().slots().forEach(s -> slots.add(s.named(name + "attention." + s.name())));
            transition.stateLayout().slots().forEach(s -> slots.add(s.named(name + "transition." + s.name())));
        }
        this.layout = new StateLayout(slots);
    }

    private static SequenceMixer part(SequenceMixer mixer, String name) {
        Expect.that(mixer.causal() && mixer.reads().isEmpty() && mixer.recalls().isEmpty()
                && mixer.publishes().isEmpty() && mixer.shares().isEmpty(),
                "universal: the " + name
                        + " speaks to other branches, or reads in both directions; expected a mixer that reads its own"
                        + " past alone");
        return mixer;
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return all(Form.STEP, ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        return all(Form.CHUNK, ops, in, state);
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        return all(Form.PARALLEL, ops, in, state);
    }

    private Mixed all(Form form, Ops ops, MixerInput in, State state) {
        List<Tensor> next = new ArrayList<>();
        Tensor s = in.x();
        Tensor y = ops.scale(s, -1);
        Tensor spent = ops.zeros(s.dtype(), s.shape().withLast(1));
        Tensor running = ops.zeros(s.dtype(), s.shape().withLast(1)).fill(1);
        for (int step = 0; step < config.steps(); step++) {
            Tensor own = ops.reshape(ops.slice(steps, 0, step, step + 1), Shape.of(steps.dim(1)));
            Tensor read = run(form, ops, in, attention, ops.add(s, own), attentionNorm, state, next);
            Tensor after = ops.add(s, read);
            Tensor moved = ops.add(read, run(form, ops, in, transition, after, transitionNorm, state, next));
            s = ops.add(s, ops.scaleRows(moved, running));
            Tensor p = ops.activate(halting.apply(ops, s), Activation.SIGMOID);
            boolean last = step == config.steps() - 1;
            Tensor goes = goesOn(ops, running, spent, p, last);
            Tensor halts = ops.add(running, ops.scale(goes, -1));
            Tensor rest = ops.add(ops.zeros(s.dtype(), spent.shape()).fill(1), ops.scale(spent, -1));
            Tensor weight = ops.add(ops.multiply(p, goes), ops.multiply(rest, halts));
            y = ops.add(y, ops.scaleRows(s, weight));
            spent = ops.add(spent, weight);
            running = goes;
        }
        return new Mixed(y, state.next(next.toArray(Tensor[]::new)));
    }

    private Tensor run(Form form, Ops ops, MixerInput in, SequenceMixer part, Tensor x, Tensor gain, State state,
            List<Tensor> next) {
        StateLayout own = part.stateLayout();
        State before = State.of(own, state.slots().subList(next.size(), next.size() + own.slots().size()));
        Mixed mixed = part.mix(form, ops, in.with(ops.rmsNorm(x, gain, EPSILON)), before);
        next.addAll(mixed.state().slots());
        return mixed.y();
    }

    /** 1 for positions that take another step, a constant: which do is not a matter of slopes. */
    private Tensor goesOn(Ops ops, Tensor running, Tensor spent, Tensor p, boolean last) {
        Tensor goes = ops.zeros(p.dtype(), p.shape());
        for (long i = 0; !last && i < goes.elements(); i++) {
            boolean on = running.get(i) > 0 && spent.get(i) + p.get(i) <= 1 - config.epsilon();
            goes.set(i, on ? 1 : 0);
        }
        return goes;
    }
}
