package tern.mixers.universal;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

import tern.mixers.attention.Attention;
import tern.mixers.modal.MixerOfParts;
import tern.mixers.parts.Expect;
import tern.mixers.parts.Projection;
import tern.mixers.parts.Rows;
import tern.mixers.universal.UniversalConfig.Blend;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
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
 * T times s ← s + a(norm(s + e_τ)), s ← s + f(norm(s)); y = Σ ω_τ s^τ − x with weights by halting (arXiv 1807.03819, section 2.2), or
 * another {@link Blend}.
 *
 * <p>State: that of attention and transition at each step, slots named {@code 0.attention.…}, {@code 0.transition.…}, {@code 1.…}. Parameters:
 * {@code attention.…}, {@code transition.…}, of all steps; {@code attentionNorm}, {@code transitionNorm} [D]; {@code steps} [T,D], what tells
 * steps apart; {@code halting.weight} [1,D], {@code halting.bias} [1], which starts at 1. Immutable.
 *
 * <p>Over {@link Attention} and a transition without memory nothing is computed of a position that has halted.
 */
public final class Universal implements MixerOfParts {
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
    /** Whether positions that have halted need not be computed. */
    private final boolean packs;

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
        this.packs = attention instanceof Attention && transition.stateLayout().slots().isEmpty()
                && transition.reach() == 0;
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
    public List<SequenceMixer> parts() {
        return List.of(attention, transition);
    }

    @Override
    public MixerConfig with(List<Optional<MixerConfig>> others) {
        return new UniversalConfig(others.get(0).orElse(config.attention()), others.get(1).orElse(config.transition()),
                config.steps(), config.epsilon(), config.ponder(), config.blend());
    }

    @Override
    public int uses() {
        return config.steps();
    }

    /** What a call has come to: the positions that take another step, by their numbers b·T + t, and what is known of each. */
    private record Running(int[] rows, Tensor s, Tensor y, Tensor spent) {
        /** Some of them, by their places among the rows. */
        Running some(Ops ops, int[] places) {
            int[] own = Arrays.stream(places).map(place -> rows[place]).toArray();
            return new Running(own, Rows.pick(ops, s, places), Rows.pick(ops, y, places),
                    Rows.pick(ops, spent, places));
        }
    }

    @Override
    public Mixed all(Form form, Ops ops, MixerInput in, State state) {
        int count = in.batch() * in.time();
        Tensor flat = ops.reshape(in.x(), Shape.of(count, in.x().dim(2)));
        boolean recursive = config.blend().equals(Optional.of(Blend.RECURSIVE));
        Tensor begun = recursive ? ops.zeros(flat.dtype(), flat.shape()) : ops.scale(flat, -1);
        Running running = new Running(IntStream.range(0, count).toArray(), flat, begun,
                ops.zeros(flat.dtype(), Shape.of(count, 1)));
        Block block = packs ? new Packed(ops, in, state) : new Whole(form, ops, in, state, flat);
        List<Tensor> done = new ArrayList<>();
        List<Tensor> rests = new ArrayList<>();
        int[] place = new int[count];
        int halted = 0;
        double taken = 0;
        for (int step = 0; step < config.steps(); step++) {
            Tensor s = block.step(step, running);
            if (running.rows.length == 0) {
                continue;
            }
            Tensor p = ops.activate(halting.apply(ops, s), Activation.SIGMOID);
            boolean[] goes = goesOn(in, running, p, step);
            Tensor rest = ops.add(ones(ops, p), ops.scale(running.spent, -1));
            Tensor weight = ops.add(ops.multiply(p, chosen(ops, goes, true, p)),
                    ops.multiply(rest, chosen(ops, goes, false, p)));
            Tensor kept = recursive
                    ? ops.scaleRows(running.y, ops.add(ones(ops, weight), ops.scale(weight, -1)))
                    : running.y;
            Running next = new Running(running.rows, s, ops.add(kept, ops.scaleRows(s, weight)),
                    ops.add(running.spent, weight));
            int[] halting = places(goes, false);
            if (halting.length > 0) {
                Running stopped = next.some(ops, halting);
                done.add(stopped.y);
                rests.add(ops.multiply(Rows.pick(ops, rest, halting), valid(ops, in, stopped.rows, p)));
                for (int row : stopped.rows) {
                    place[row] = halted++;
                    taken += isValid(in, row) ? step + 1 : 0;
                }
            }
            running = next.some(ops, places(goes, true));
        }
        Tensor ended = Rows.pick(ops, ops.concat(done, 0), place);
        Tensor y = ops.reshape(recursive ? ops.add(ended, ops.scale(flat, -1)) : ended, in.x().shape());
        ops.note(this, "steps a position took", taken, valid(in));
        return new Mixed(pondered(ops, in, y, rests, taken), state.next(block.slots().toArray(Tensor[]::new)));
    }

    /** y, which training pays for by the steps taken: λ times the mean of n + R over positions. */
    private Tensor pondered(Ops ops, MixerInput in, Tensor y, List<Tensor> rests, double taken) {
        double factor = config.ponder().orElse(0.0);
        if (factor == 0) {
            return y;
        }
        double valid = valid(in);
        return ops.penalised(y, () -> ops.add(ops.scale(ops.mean(ops.concat(rests, 0), valid), factor),
                ops.zeros(y.dtype(), Shape.of(1)).fill(factor * taken / valid)));
    }

    private static double valid(MixerInput in) {
        return in.lengths().length == 0 ? (double) in.batch() * in.time() : Arrays.stream(in.lengths()).sum();
    }

    private static boolean isValid(MixerInput in, int row) {
        return in.lengths().length == 0 || row % in.time() < in.lengths()[row / in.time()];
    }

    private static Tensor valid(Ops ops, MixerInput in, int[] rows, Tensor like) {
        Tensor valid = ops.zeros(like.dtype(), Shape.of(rows.length, 1));
        for (int i = 0; i < rows.length; i++) {
            valid.set(i, isValid(in, rows[i]) ? 1 : 0);
        }
        return valid;
    }

    private static Tensor ones(Ops ops, Tensor like) {
        return ops.zeros(like.dtype(), like.shape()).fill(1);
    }

    /** 1 for positions that do as asked, a constant: which do is not a matter of slopes. */
    private static Tensor chosen(Ops ops, boolean[] goes, boolean asked, Tensor like) {
        Tensor chosen = ops.zeros(like.dtype(), like.shape());
        for (int i = 0; i < goes.length; i++) {
            chosen.set(i, goes[i] == asked ? 1 : 0);
        }
        return chosen;
    }

    private static int[] places(boolean[] goes, boolean asked) {
        return IntStream.range(0, goes.length).filter(i -> goes[i] == asked).toArray();
    }

    /** Which positions take another step; padding takes one. */
    private boolean[] goesOn(MixerInput in, Running running, Tensor p, int step) {
        boolean[] goes = new boolean[running.rows.length];
        for (int i = 0; i < goes.length; i++) {
            goes[i] = step < config.steps() - 1 && isValid(in, running.rows[i])
                    && running.spent.get(i) + p.get(i) <= 1 - config.epsilon();
        }
        return goes;
    }

    private Tensor told(Ops ops, Tensor s, int step) {
        return ops.add(s, ops.reshape(ops.slice(steps, 0, step, step + 1), Shape.of(steps.dim(1))));
    }

    /** What a step does; keeps the next slots. Confined to a call. */
    private interface Block {
        /** s of the running positions [N,D] after a step. */
        Tensor step(int step, Running running);

        List<Tensor> slots();
    }

    private static State stateOf(SequenceMixer part, State state, int from) {
        return State.of(part.stateLayout(), state.slots().subList(from, from + part.stateLayout().slots().size()));
    }

    /** Attention and a transition of single positions, over those that run; others are read by the keys they ended with. */
    private final class Packed implements Block {
        private final Ops ops;
        private final MixerInput in;
        private final State state;
        private final List<Tensor> next = new ArrayList<>();
        private Optional<Attention.Given> before = Optional.empty();

        Packed(Ops ops, MixerInput in, State state) {
            this.ops = ops;
            this.in = in;
            this.state = state;
        }

        @Override
        public Tensor step(int step, Running running) {
            Attention reader = (Attention) attention;
            State own = stateOf(attention, state, next.size());
            Tensor s = running.s;
            Tensor told = running.rows.length == 0 ? s
                    : ops.rmsNorm(told(ops, s, step), attentionNorm, EPSILON);
            // All at once is the faster form; a steady engine takes it in the first step alone, which all take.
            boolean whole = before.isEmpty()
                    || running.rows.length == in.batch() * in.time() && !ops.steady();
            Attention.Given given = whole
                    ? reader.all(ops, in.with(ops.reshape(told, in.x().shape())), own)
                    : reader.some(ops, told, running.rows, before.orElseThrow(), in.ages(), own);
            before = Optional.of(given);
            next.addAll(given.state().slots());
            if (running.rows.length == 0) {
                return s;
            }
            Tensor after = ops.add(s, ops.reshape(given.y(), s.shape()));
            Tensor packed = ops.reshape(ops.rmsNorm(after, transitionNorm, EPSILON), after.shape().prepend(1));
            Tensor moved = transition.chunk(ops, MixerInput.fresh(packed), State.of(StateLayout.STATELESS, List.of()))
                    .y();
            return ops.add(after, ops.reshape(moved, after.shape()));
        }

        @Override
        public List<Tensor> slots() {
            return next;
        }
    }

    /** Parts that remember, or read in another way: every position goes through every step, what has halted stays what it is. */
    private final class Whole implements Block {
        private final Form form;
        private final Ops ops;
        private final MixerInput in;
        private final State state;
        private final List<Tensor> next = new ArrayList<>();
        private Tensor s;

        Whole(Form form, Ops ops, MixerInput in, State state, Tensor s) {
            this.form = form;
            this.ops = ops;
            this.in = in;
            this.state = state;
            this.s = s;
        }

        @Override
        public Tensor step(int step, Running running) {
            Tensor after = ops.add(s, run(attention, told(ops, s, step), attentionNorm));
            Tensor moved = ops.add(after, run(transition, after, transitionNorm));
            Tensor own = Rows.pick(ops, moved, running.rows);
            int[] from = IntStream.range(running.rows.length, running.rows.length + s.dim(0)).toArray();
            for (int i = 0; i < running.rows.length; i++) {
                from[running.rows[i]] = i;
            }
            s = running.rows.length == 0 ? s : Rows.pick(ops, ops.concat(List.of(own, s), 0), from);
            return own;
        }

        private Tensor run(SequenceMixer part, Tensor x, Tensor gain) {
            Tensor normed = ops.reshape(ops.rmsNorm(x, gain, EPSILON), in.x().shape());
            Mixed mixed = part.mix(form, ops, in.with(normed), stateOf(part, state, next.size()));
            next.addAll(mixed.state().slots());
            return ops.reshape(mixed.y(), x.shape());
        }

        @Override
        public List<Tensor> slots() {
            return next;
        }
    }
}
