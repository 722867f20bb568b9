package tern.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

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
import tern.sequence.Shared;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.sequence.Wires;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A model that is a list of residual branches: x ← x + mixer(norm(x)) for each, then a norm and the head. One loop and no
 * special cases.
 */
public final class Stack implements SequenceModel {
    private final StackConfig config;
    private final Parameters parameters;
    private final Entrance entrance;
    private final Optional<StackNorm> embeddingNorm;
    private final List<Branch> branches = new ArrayList<>();
    private final StackNorm norm;
    private final Tensor head;
    private final Optional<Readout> readout;
    private final boolean recalls;

    /** Names in a fixed order, put together once because every step asks for them. */
    private record Branch(Optional<StackNorm> norm, SequenceMixer mixer, List<String> reads, List<String> recalls,
            List<String> publishes) {
        Branch(Optional<StackNorm> norm, SequenceMixer mixer) {
            this(norm, mixer, sorted(mixer.reads()), sorted(mixer.recalls()), sorted(mixer.publishes()));
        }

        private static List<String> sorted(Set<String> names) {
            return names.stream().sorted().toList();
        }
    }

    /**
     * Builds the model that a config describes.
     *
     * @throws IllegalArgumentException if a branch does not fit, or reads a wire that no earlier branch publishes; the
     *             message names the branch
     */
    public Stack(StackConfig config, Parameters.Source source) {
        this.config = config;
        this.parameters = new Parameters(source);
        ParameterScope scope = parameters.scope();
        entrance = Entrance.declare(config, scope.child("embedding"), embeddingStart(config));
        embeddingNorm = config.embeddingNorm()
                .map(kind -> StackNorm.declare(config, kind, config.epsilon(), scope.child("embeddingNorm")));
        ParameterScope all = scope.child("branches");
        Set<String> published = new HashSet<>(Wires.OF_STACK);
        if (config.features().isPresent()) {
            published.remove(Wires.IDS);
        }
        Set<String> shared = new HashSet<>();
        for (int i = 0; i < config.branches().size(); i++) {
            ParameterScope own = all.child(Integer.toString(i));
            MixerConfig branch = config.branches().get(i);
            Optional<StackNorm> branchNorm = branch.readsNormalised()
                    ? Optional.of(StackNorm.declare(config, config.norm(), config.epsilonOf(i), own.child("norm")))
                    : Optional.empty();
            BranchContext at = at(config, i);
            SequenceMixer mixer = branch.build(at, own.child("mixer"));
            if (config.features().isPresent() && mixer.reads().contains(Wires.IDS)) {
                throw new IllegalArgumentException("branch " + i + " (" + branch
                        + ") looks tokens up, but this stack reads"
                        + " real values, which are not numbered; choose an architecture that does not, or a task of tokens");
            }
            require(i, branch, "reads wires", mixer.reads(), "publishes", published);
            require(i, branch, "recalls", mixer.recalls(), "shares", shared);
            published.addAll(mixer.publishes());
            shared.addAll(mixer.shares());
            branches.add(new Branch(branchNorm, mixer));
        }
        recalls = branches.stream().anyMatch(branch -> !branch.mixer.recalls().isEmpty());
        norm = StackNorm.declare(config, config.norm(), config.epsilonOf(branches.size()), scope.child("norm"));
        readout = config.readout().map(kind -> Readout.declare(kind, config.width(), scope.child("head")));
        head = readout.isPresent() ? readout.get().weight()
                : config.tiedHead() ? entrance.weight()
                : scope.child("head").parameter("weight", Shape.of(config.vocabulary(), config.width()),
                        Role.MATRIX, headStart(config));
    }

    /**
     * An embedding that is normalised starts tiny, so that its rows soon turn where they are wanted (RWKV's init). Others start
     * with rows of length 1: with the deviation of 0.02 that is published for a width of 768, narrow stacks would hear the first
     * branches louder than the tokens, and take many hundreds of updates to find out what stood where.
     */
    private static Initialiser embeddingStart(StackConfig config) {
        return config.embeddingNorm().isPresent() ? Initialiser.uniform(-1e-4, 1e-4)
                : Initialiser.normal(1 / Math.sqrt(config.width()));
    }

    /** The head of such a stack starts orthogonal: logits then deviate by about 1/2 whatever the sizes. */
    private static Initialiser headStart(StackConfig config) {
        double gain = 0.5 * Math.sqrt(Math.max(1, (double) config.vocabulary() / config.width()));
        return config.embeddingNorm().isPresent() ? Initialiser.orthogonal(gain) : Initialiser.normal(0.02);
    }

    /** A branch that only looks at the residual stream does not count: what lies above stands as deep as without it. */
    private static BranchContext at(StackConfig config, int branch) {
        int below = (int) config.branches().subList(0, branch).stream().filter(MixerConfig::readsNormalised).count();
        int all = (int) config.branches().stream().filter(MixerConfig::readsNormalised).count();
        return new BranchContext(config.width(), config.context(), below, Math.max(all, below + 1),
                config.vocabulary());
    }

    private static void require(int branch, MixerConfig config, String wants, Set<String> wanted, String offers,
            Set<String> offered) {
        Set<String> missing = new TreeSet<>(wanted);
        missing.removeAll(offered);
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException("branch " + branch + " (" + config + ") " + wants + " " + missing
                    + " that no earlier branch " + offers + "; there are below it " + new TreeSet<>(offered));
        }
    }

    @Override
    public StackConfig config() {
        return config;
    }

    /**
     * A stack over the same parameters that differs in what they do not depend on, such as how GOLD layers remember.
     *
     * @throws IllegalArgumentException if the other configuration asks for a parameter that this stack does not have, or has
     *             in another shape
     */
    public Stack with(StackConfig other) {
        return new Stack(other, (name, shape, role, initialiser) -> {
            Tensor tensor = parameters.find(name)
                    .orElseThrow(() -> new IllegalArgumentException("this stack has no parameter " + name
                            + "; only what parameters do not depend on may change"))
                    .tensor();
            if (!tensor.shape().equals(shape)) {
                throw new IllegalArgumentException("this stack's parameter " + name + " is " + tensor.shape() + ", not "
                        + shape + "; only what parameters do not depend on may change");
            }
            return tensor;
        });
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Tensor head() {
        return head;
    }

    @Override
    public Tensor read(Ops ops, Tensor hidden, int... lengths) {
        return readout.isPresent() ? readout.get().rows(ops, hidden, lengths)
                : ops.reshape(hidden, Shape.of(hidden.shape().rows(), hidden.shape().last()));
    }

    @Override
    public Tensor outputs(Ops ops, Tensor rows) {
        if (readout.isPresent()) {
            return readout.get().outputs(ops, rows);
        }
        Tensor logits = ops.linear(rows, head);
        if (config.logitCap().isEmpty()) {
            return logits;
        }
        double cap = config.logitCap().get();
        return ops.scale(ops.activate(ops.scale(logits, 1 / cap), Activation.TANH), cap);
    }

    /** The mixers, from the bottom. */
    public List<SequenceMixer> mixers() {
        return branches.stream().map(Branch::mixer).toList();
    }

    @Override
    public boolean causal() {
        return branches.stream().allMatch(branch -> branch.mixer.causal());
    }

    @Override
    public int limit() {
        return branches.stream().mapToInt(branch -> branch.mixer.limit()).min().orElseThrow();
    }

    @Override
    public List<StateLayout> stateLayouts() {
        return branches.stream().map(branch -> branch.mixer.stateLayout()).toList();
    }

    @Override
    public int tail() {
        int tail = 1;
        for (int i = branches.size() - 1; i >= 0; i--) {
            int reach = branches.get(i).mixer.reach();
            if (reach == SequenceMixer.UNBOUNDED) {
                break;
            }
            tail = Math.addExact(tail, reach);
        }
        return tail;
    }

    @Override
    public Passed forward(Form form, Ops ops, ModelInput in, ModelState state) {
        Tensor ids = in.ids();
        int[] resets = in.resets();
        Outputs outputs = in.outputs();
        if (!causal()) {
            SequenceMixer.requireWhole(form, state.ages());
        }
        if (resets.length > 0 && recalls && state.capacity() > 0) {
            return forwardInPieces(form, ops, ids, state, outputs, resets);
        }
        int time = ids.dim(1);
        int[] rows = rows(time, resets.length > 0 ? Outputs.ALL : outputs);
        Pass pass = new Pass(form, ops, state.ages(), in);
        Tensor found = embedded(ops, ids);
        if (config.features().isEmpty()) {
            pass.wires.put(Wires.IDS, ids);
        }
        pass.wires.put(Wires.EMBEDDING, found);
        Tensor x = dropped(ops, found);
        List<State> later = new ArrayList<>();
        for (int i = 0; i < branches.size(); i++) {
            State before = state.states().get(i);
            x = tail(ops, x, rows[i]);
            if (rows[i] < time) {
                before = pass.skip(branches.get(i), before, time - rows[i]);
            }
            if (rows[i] > 0) {
                Step step = pass.run(branches.get(i), x, before);
                x = step.x;
                before = step.state;
            }
            for (String name : branches.get(i).mixer.shares()) {
                pass.owners.put(name, new Owner(branches.get(i).mixer, before));
            }
            later.add(before);
        }
        x = tail(ops, x, resets.length > 0 ? wanted(time, outputs) : rows[branches.size()]);
        ModelState next = resets.length == 0 ? state.next(later, time)
                : new ModelState(later, ages(state.batch(), time - resets[resets.length - 1]));
        return new Passed(x.dim(1) == 0 ? x : dropped(ops, norm.apply(ops, x)), next);
    }

    /** Sequence by sequence: a shared history is overwritten by the next sequence as soon as its branch has run. */
    private Passed forwardInPieces(Form form, Ops ops, Tensor ids, ModelState state, Outputs outputs, int[] resets) {
        List<Tensor> hidden = new ArrayList<>();
        ModelState current = state;
        int from = 0;
        for (int i = 0; i <= resets.length; i++) {
            int to = i < resets.length ? resets[i] : ids.dim(1);
            if (to > from) {
                Passed piece = forward(form, ops, ops.slice(ids, 1, from, to), current, Outputs.ALL);
                hidden.add(piece.hidden());
                current = piece.state();
            }
            if (i < resets.length) {
                current = new ModelState(current.states().stream().map(one -> one.restarted(ops)).toList(),
                        new long[state.batch()]);
            }
            from = to;
        }
        return new Passed(tail(ops, ops.concat(hidden, 1), wanted(ids.dim(1), outputs)), current);
    }

    private static int wanted(int time, Outputs outputs) {
        return switch (outputs) {
            case ALL -> time;
            case LAST -> Math.min(1, time);
            case NONE, UNFINISHED -> 0;
        };
    }

    /**
     * On how many last positions each branch runs, and, at the end, how many outputs are wanted. A branch of reach r turns
     * n + r positions into n right outputs and leaves the right state, whatever its state was before.
     */
    private int[] rows(int time, Outputs outputs) {
        int[] rows = new int[branches.size() + 1];
        rows[branches.size()] = wanted(time, outputs);
        boolean bounded = true;
        for (int i = branches.size() - 1; i >= 0; i--) {
            int reach = branches.get(i).mixer.reach();
            bounded &= reach != SequenceMixer.UNBOUNDED;
            rows[i] = !bounded ? time
                    : outputs == Outputs.UNFINISHED ? 0 : (int) Math.min(time, (long) rows[i + 1] + reach);
        }
        return rows;
    }

    private Tensor embedded(Ops ops, Tensor ids) {
        Tensor found = entrance.rows(ops, ids);
        Tensor rows = config.embeddingScale().isPresent() ? ops.scale(found, config.embeddingScale().get()) : found;
        return embeddingNorm.isPresent() ? embeddingNorm.get().apply(ops, rows) : rows;
    }

    /** Where a model is trained, without a share of its numbers. */
    private Tensor dropped(Ops ops, Tensor x) {
        return ops.dropout(x, config.dropout().orElse(0.0), false);
    }

    /** {@link #embedded}, with zeros for the position before the first. */
    private Tensor embeddedOrZero(Ops ops, Tensor ids) {
        Tensor known = ops.zeros(DType.I32, ids.shape());
        int before = 0;
        for (long i = 0; i < ids.elements(); i++) {
            known.set(i, Math.max(0, ids.getInt(i)));
            before += ids.getInt(i) < 0 ? 1 : 0;
        }
        Tensor rows = embedded(ops, known);
        if (before == 0) {
            return rows;
        }
        Tensor mask = ops.zeros(rows.dtype(), rows.shape());
        for (long i = 0; i < ids.elements(); i++) {
            double factor = ids.getInt(i) < 0 ? 0 : 1;
            for (int d = 0; d < rows.shape().last(); d++) {
                mask.set(i * rows.shape().last() + d, factor);
            }
        }
        return ops.multiply(rows, mask);
    }

    private static Tensor tail(Ops ops, Tensor x, int rows) {
        return ops.slice(x, 1, x.dim(1) - rows, x.dim(1));
    }

    private record Step(Tensor x, State state) {
    }

    /** Who remembers something for later branches. */
    private record Owner(SequenceMixer mixer, State state) {
    }

    /** What one run over the branches knows; confined to it. */
    private final class Pass {
        private final Form form;
        private final Ops ops;
        private final long[] ages;
        private final int time;
        private final int[] resets;
        private final int[] lengths;
        private final Map<String, Tensor> wires = new HashMap<>();
        private final Map<String, Owner> owners = new HashMap<>();

        private Pass(Form form, Ops ops, long[] ages, ModelInput in) {
            this.form = form;
            this.ops = ops;
            this.ages = ages;
            this.time = in.time();
            this.resets = in.resets();
            this.lengths = in.lengths();
        }

        private Owner owner(String name) {
            return Objects.requireNonNull(owners.get(name), name);
        }

        private Shared.History history(String name, Owner owner, List<Tensor> slots) {
            Map<String, Tensor> byName = new HashMap<>();
            for (int i = 0; i < slots.size(); i++) {
                byName.put(owner.state.layout().slots().get(i).name(), slots.get(i));
            }
            return (by, from, to) -> owner.mixer.remembered(by, name, byName, Stack.this::embeddedOrZero, from, to);
        }

        private Tensor wire(String name) {
            return Objects.requireNonNull(wires.get(name), name);
        }

        private State skip(Branch branch, State before, int count) {
            Map<String, Tensor> skipped = new HashMap<>();
            for (String name : branch.mixer.reads()) {
                if (!name.equals(Wires.RESIDUAL)) {
                    skipped.put(name, ops.slice(wire(name), 1, 0, count));
                }
            }
            return branch.mixer.skip(ops, skipped, ages, before);
        }

        private Step run(Branch branch, Tensor x, State before) {
            List<String> reads = branch.reads, recalls = branch.recalls, publishes = branch.publishes;
            wires.put(Wires.RESIDUAL, x);
            int rows = x.dim(1);
            long[] moved = Arrays.stream(ages).map(age -> age + time - rows).toArray();
            List<Tensor> inputs = new ArrayList<>();
            inputs.add(x);
            reads.forEach(name -> inputs.add(tail(ops, wire(name), rows)));
            List<Owner> remembering = recalls.stream().map(this::owner).toList();
            remembering.forEach(owner -> inputs.addAll(owner.state.slots()));
            inputs.addAll(before.slots());
            List<Tensor> outputs = ops.segment(inputs, in -> {
                Map<String, Tensor> read = new HashMap<>();
                for (int w = 0; w < reads.size(); w++) {
                    read.put(reads.get(w), in.get(1 + w));
                }
                int next = 1 + reads.size();
                Map<String, Shared.History> histories = new HashMap<>();
                for (int h = 0; h < recalls.size(); h++) {
                    int slots = remembering.get(h).state.layout().slots().size();
                    histories.put(recalls.get(h),
                            history(recalls.get(h), remembering.get(h), in.subList(next, next + slots)));
                    next += slots;
                }
                State own = State.of(before.layout(), in.subList(next, in.size()));
                Tensor normed = branch.norm.isPresent() ? branch.norm.get().apply(ops, in.getFirst())
                        : in.getFirst();
                Shared shared = new Shared(histories, Stack.this::embeddedOrZero);
                Mixed mixed = branch.mixer.mix(form, ops,
                        new MixerInput(normed, moved, read, resets, shared, lengths), own);
                List<Tensor> out = new ArrayList<>();
                out.add(ops.add(in.getFirst(), dropped(ops, mixed.y())));
                publishes.forEach(name -> out.add(mixed.wires().get(name)));
                out.addAll(mixed.state().slots());
                return out;
            });
            for (int w = 0; w < publishes.size(); w++) {
                wires.put(publishes.get(w), outputs.get(1 + w));
            }
            return new Step(outputs.getFirst(),
                    before.next(outputs.subList(1 + publishes.size(), outputs.size()).toArray(Tensor[]::new)));
        }
    }

    private static long[] ages(int batch, long age) {
        long[] ages = new long[batch];
        Arrays.fill(ages, age);
        return ages;
    }
}
