package tern.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.sequence.Wires;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A model that is a list of residual branches: x ← x + mixer(norm(x)) for each, then a norm and the head. One loop and no
 * special cases.
 */
public final class Stack implements SequenceModel {
    private final StackConfig config;
    private final Parameters parameters;
    private final Tensor embedding;
    private final Optional<StackNorm> embeddingNorm;
    private final List<Branch> branches = new ArrayList<>();
    private final StackNorm norm;
    private final Tensor head;

    private record Branch(StackNorm norm, SequenceMixer mixer) {
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
        embedding = scope.child("embedding").parameter("table", Shape.of(config.vocabulary(), config.width()),
                Role.MATRIX,
                Initialiser.normal(0.02));
        embeddingNorm = config.embeddingNorm()
                .map(kind -> StackNorm.declare(config, kind, config.epsilon(), scope.child("embeddingNorm")));
        ParameterScope all = scope.child("branches");
        Set<String> published = new HashSet<>(Wires.OF_STACK);
        for (int i = 0; i < config.branches().size(); i++) {
            ParameterScope own = all.child(Integer.toString(i));
            StackNorm branchNorm = StackNorm.declare(config, config.norm(), config.epsilonOf(i), own.child("norm"));
            BranchContext at = new BranchContext(config.width(), config.context(), i, config.branches().size());
            SequenceMixer mixer = config.branches().get(i).build(at, own.child("mixer"));
            Set<String> missing = new TreeSet<>(mixer.reads());
            missing.removeAll(published);
            if (!missing.isEmpty()) {
                throw new IllegalArgumentException("branch " + i + " (" + config.branches().get(i) + ") reads wires "
                        + missing
                        + " that no earlier branch publishes; published below it are " + new TreeSet<>(published));
            }
            published.addAll(mixer.publishes());
            branches.add(new Branch(branchNorm, mixer));
        }
        norm = StackNorm.declare(config, config.norm(), config.epsilonOf(branches.size()), scope.child("norm"));
        head = config.tiedHead() ? embedding
                : scope.child("head").parameter("weight", embedding.shape(), Role.MATRIX, Initialiser.normal(0.02));
    }

    @Override
    public StackConfig config() {
        return config;
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Tensor head() {
        return head;
    }

    /** The mixers, from the bottom. */
    public List<SequenceMixer> mixers() {
        return branches.stream().map(Branch::mixer).toList();
    }

    @Override
    public List<StateLayout> stateLayouts() {
        return branches.stream().map(branch -> branch.mixer.stateLayout()).toList();
    }

    @Override
    public Passed forward(Form form, Ops ops, Tensor ids, ModelState state, int... resets) {
        Tensor embedded = ops.embed(embedding, ids);
        Tensor x = embeddingNorm.isPresent() ? embeddingNorm.get().apply(ops, embedded) : embedded;
        Map<String, Tensor> wires = new HashMap<>();
        wires.put(Wires.IDS, ids);
        wires.put(Wires.EMBEDDING, x);
        List<State> later = new ArrayList<>();
        for (int i = 0; i < branches.size(); i++) {
            Branch branch = branches.get(i);
            List<String> reads = branch.mixer.reads().stream().sorted().toList();
            List<String> publishes = branch.mixer.publishes().stream().sorted().toList();
            State before = state.states().get(i);
            wires.put(Wires.RESIDUAL, x);
            List<Tensor> inputs = new ArrayList<>();
            inputs.add(x);
            reads.forEach(name -> inputs.add(wires.get(name)));
            inputs.addAll(before.slots());
            List<Tensor> outputs = ops.segment(inputs, in -> {
                Map<String, Tensor> read = new HashMap<>();
                for (int w = 0; w < reads.size(); w++) {
                    read.put(reads.get(w), in.get(1 + w));
                }
                State own = State.of(before.layout(), in.subList(1 + reads.size(), in.size()));
                Tensor normed = branch.norm.apply(ops, in.getFirst());
                Mixed mixed = branch.mixer.mix(form, ops, new MixerInput(normed, state.ages(), read, resets), own);
                List<Tensor> out = new ArrayList<>();
                out.add(ops.add(in.getFirst(), mixed.y()));
                publishes.forEach(name -> out.add(mixed.wires().get(name)));
                out.addAll(mixed.state().slots());
                return out;
            });
            x = outputs.getFirst();
            for (int w = 0; w < publishes.size(); w++) {
                wires.put(publishes.get(w), outputs.get(1 + w));
            }
            later.add(before.next(outputs.subList(1 + publishes.size(), outputs.size()).toArray(Tensor[]::new)));
        }
        int time = ids.dim(1);
        ModelState next = resets.length == 0 ? state.next(later, time)
                : new ModelState(later, ages(state.batch(), time - resets[resets.length - 1]));
        return new Passed(norm.apply(ops, x), next);
    }

    private static long[] ages(int batch, long age) {
        long[] ages = new long[batch];
        Arrays.fill(ages, age);
        return ages;
    }
}
