package tern.mixers.experts;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.Rows;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * y = scale Σ_(e chosen) w_e f_e(x) + g f_shared(x), weights w from the router's scores (arXiv 1701.06538). Experts that no position of a
 * call chose are not read. Equal scores go to the expert of the lower number.
 *
 * <p>No state. Parameters: {@code router.weight} [E,D]; {@code correction} [E] if corrected; for every expert {@code experts.0.value.weight}
 * [inner,D], {@code .gate.weight} if gated, {@code .output.weight} [D,inner] …; for the shared one {@code shared.…} likewise and
 * {@code sharedGate.weight} [1,D] if it is gated. Gradients reach the router through the weights of the chosen,
 * and where training pays for uneven use, through all scores. Immutable.
 */
public final class Experts implements SequenceMixer {
    private final ExpertsConfig config;
    private final Projection router;
    private final Optional<Tensor> correction;
    private final List<Expert> experts = new ArrayList<>();
    private final Optional<SequenceMixer> shared;
    private final Optional<Projection> sharedGate;

    private record Expert(Projection value, Optional<Projection> gate, Projection output) {
    }

    Experts(ExpertsConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.router = Projection.into(scope.child("router"), at.width(), config.experts(), false);
        this.correction = config.corrected()
                ? Optional.of(scope.parameter("correction", Shape.of(config.experts()), Role.BUFFER,
                        Initialiser.constant(0)))
                : Optional.empty();
        ParameterScope all = scope.child("experts");
        for (int e = 0; e < config.experts(); e++) {
            ParameterScope own = all.child(Integer.toString(e));
            Projection value = Projection.into(own.child("value"), at.width(), config.inner(), false);
            Optional<Projection> gate = config.gated()
                    ? Optional.of(Projection.into(own.child("gate"), at.width(), config.inner(), false))
                    : Optional.empty();
            experts.add(new Expert(value, gate, Projection.outOf(own.child("output"), config.inner(), false, at)));
        }
        this.shared = config.shared().map(one -> new GatedMlpConfig(one.inner(), config.activation(), config.gated(),
                false).build(at, scope.child("shared")));
        this.sharedGate = config.shared().filter(SharedExpert::gated)
                .map(one -> Projection.into(scope.child("sharedGate"), at.width(), 1, false));
    }

    @Override
    public StateLayout stateLayout() {
        return StateLayout.STATELESS;
    }

    @Override
    public int reach() {
        return 0;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Tensor x = in.x();
        int rows = x.dim(0) * x.dim(1);
        Tensor flat = ops.reshape(x, Shape.of(rows, x.dim(2)));
        Tensor logits = router.apply(ops, flat);
        Tensor scores = config.scoring() == ExpertsConfig.Scoring.SOFTMAX ? ops.softmax(logits)
                : ops.activate(logits, Activation.SIGMOID);
        int[][] chosen = chosen(scores.toDoubles(), rows);
        Tensor each = read(ops, flat, chosen);
        Tensor weighed = ops.scaleRows(each, ops.reshape(weights(ops, scores, chosen),
                Shape.of(rows, config.chosen(), 1)));
        Tensor sum = ops.slice(weighed, 1, 0, 1);
        for (int rank = 1; rank < config.chosen(); rank++) {
            sum = ops.add(sum, ops.slice(weighed, 1, rank, rank + 1));
        }
        Tensor y = ops.reshape(sum, x.shape());
        if (config.balance().isPresent()) {
            double factor = config.balance().get();
            y = ops.penalised(y, () -> ops.scale(unevenness(ops, scores, chosen), factor));
        }
        if (shared.isPresent()) {
            y = ops.add(y, shared(ops, in, shared.get()));
        }
        return new Mixed(y, state.next());
    }

    /** E Σ_e f_e P_e as [1], with the shares f of choices as constants. */
    private Tensor unevenness(Ops ops, Tensor scores, int[][] chosen) {
        int experts = config.experts();
        Tensor choices = ops.zeros(scores.dtype(), Shape.of(1, experts));
        for (int[] row : chosen) {
            for (int e : row) {
                choices.set(e, choices.get(e) + (double) experts / (chosen.length * config.chosen()));
            }
        }
        Tensor shares = config.scoring() == ExpertsConfig.Scoring.SOFTMAX ? scores
                : ops.divideRows(scores, ops.linear(scores,
                        Heads.constant(ops, this, scores.dtype(), Shape.of(1, experts), 1)));
        return ops.mean(ops.linear(shares, choices), chosen.length);
    }

    private Tensor shared(Ops ops, MixerInput in, SequenceMixer expert) {
        Tensor y = expert.chunk(ops, in, State.of(StateLayout.STATELESS, List.of())).y();
        return sharedGate.isEmpty() ? y
                : ops.scaleRows(y, ops.activate(sharedGate.get().apply(ops, in.x()), Activation.SIGMOID));
    }

    /** The numbers of the experts with the largest scores, largest first, for each row. */
    private int[][] chosen(double[] scores, int rows) {
        double[] added = correction.map(Tensor::toDoubles).orElseGet(() -> new double[config.experts()]);
        int[][] chosen = new int[rows][config.chosen()];
        for (int row = 0; row < rows; row++) {
            boolean[] taken = new boolean[config.experts()];
            for (int rank = 0; rank < config.chosen(); rank++) {
                int best = -1;
                double largest = Double.NEGATIVE_INFINITY;
                for (int e = 0; e < taken.length; e++) {
                    double score = scores[row * taken.length + e] + added[e];
                    if (!taken[e] && (best < 0 || score > largest)) {
                        best = e;
                        largest = score;
                    }
                }
                taken[best] = true;
                chosen[row][rank] = best;
            }
        }
        return chosen;
    }

    /** [N,k]: the chosen entries of scores [N,E], divided by their sum if the config asks for it. */
    private Tensor weights(Ops ops, Tensor scores, int[][] chosen) {
        int k = config.chosen();
        Tensor places = ops.zeros(DType.I32, Shape.of(chosen.length, k));
        for (int row = 0; row < chosen.length; row++) {
            for (int rank = 0; rank < k; rank++) {
                places.set((long) row * k + rank, row * config.experts() + chosen[row][rank]);
            }
        }
        Tensor column = ops.reshape(scores, Shape.of(Math.multiplyExact(chosen.length, config.experts()), 1));
        Tensor weights = ops.reshape(ops.embed(column, places), Shape.of(chosen.length, k));
        if (config.renormalise().isPresent()) {
            Tensor sum = ops.linear(weights, Heads.constant(ops, this, scores.dtype(), Shape.of(1, k), 1));
            double epsilon = config.renormalise().get();
            weights = ops.divideRows(weights, epsilon == 0 ? sum
                    : ops.add(sum, Heads.constant(ops, this, scores.dtype(), Shape.of(1), epsilon)));
        }
        return config.scale() == 1 ? weights : ops.scale(weights, config.scale());
    }

    /** What the chosen experts give, [N,k,D]: every expert once, over the rows that chose it. */
    private Tensor read(Ops ops, Tensor x, int[][] chosen) {
        int k = config.chosen();
        List<List<Integer>> users = new ArrayList<>();
        for (int e = 0; e < config.experts(); e++) {
            users.add(new ArrayList<>());
        }
        for (int row = 0; row < chosen.length; row++) {
            for (int e : chosen[row]) {
                users.get(e).add(row);
            }
        }
        List<Expert> used = new ArrayList<>();
        List<Tensor> inputs = new ArrayList<>();
        int[] next = new int[config.experts()];
        int before = 0;
        for (int e = 0; e < config.experts(); e++) {
            List<Integer> rows = users.get(e);
            next[e] = before;
            before += rows.size();
            if (!rows.isEmpty()) {
                used.add(experts.get(e));
                inputs.add(Rows.pick(ops, x, rows.stream().mapToInt(Integer::intValue).toArray()));
            }
        }
        Tensor all = ops.concat(apply(ops, used, inputs), 0);
        Tensor places = ops.zeros(DType.I32, Shape.of(chosen.length, k));
        for (int row = 0; row < chosen.length; row++) {
            for (int rank = 0; rank < k; rank++) {
                places.set((long) row * k + rank, next[chosen[row][rank]]++);
            }
        }
        return ops.embed(all, places);
    }

    /** Each expert over its rows; maps that do not wait for each other go together. */
    private List<Tensor> apply(Ops ops, List<Expert> used, List<Tensor> inputs) {
        List<Projection> first = new ArrayList<>(used.stream().map(Expert::value).toList());
        List<Tensor> read = new ArrayList<>(inputs);
        if (config.gated()) {
            first.addAll(used.stream().map(expert -> expert.gate().orElseThrow()).toList());
            read.addAll(inputs);
        }
        List<Tensor> made = Projection.applyAll(ops, first, read);
        List<Tensor> inner = new ArrayList<>();
        for (int i = 0; i < used.size(); i++) {
            inner.add(config.gated() ? ops.gate(made.get(used.size() + i), made.get(i), config.activation())
                    : ops.activate(made.get(i), config.activation()));
        }
        return Projection.applyAll(ops, used.stream().map(Expert::output).toList(),
                Collections.unmodifiableList(inner));
    }
}
