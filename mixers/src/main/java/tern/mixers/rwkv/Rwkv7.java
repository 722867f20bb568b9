package tern.mixers.rwkv;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import tern.mixers.parts.Projection;
import tern.mixers.rwkv.TokenShift.Mixture;
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
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * RWKV-7's time mixing: S ← diag(e^g)·S − (κ̂ ⊙ a)(κ̂ᵀS) + k vᵀ, y = Sᵀr; heads normalised, plus a bonus of the own position, gated,
 * projected (arXiv 2503.14456, section 4).
 *
 * <p>State: the last input [1,D] and S [H,N,N]. Parameters: {@code mix.receptance}, {@code .decay}, {@code .key}, {@code .value},
 * {@code .rate}, {@code .gate} [D]; {@code receptance.weight}, {@code key.weight}, {@code value.weight}, {@code output.weight} [D,D]; for
 * each of decay, rate, value residual (not in the first layer) and gate a low-rank pair {@code NAMEDown.weight} [R,D],
 * {@code NAMEUp.weight} [D,R] with {@code NAMEUp.bias} [D] (the gate has none); {@code removalScale}, {@code keyRate} [D], {@code bonus} [H,N],
 * {@code norm.gain}, {@code norm.bias} [D]; in a {@link Rwkv7Variation} those of gate and norm may be missing. Immutable.
 */
public final class Rwkv7 implements SequenceMixer {
    /** The wire on which the first layer's values travel, [B,T,D]. */
    public static final String FIRST_VALUE = "rwkv7.firstValue";
    /** The slowest log-decay is 0, the fastest −e^(−1/2). */
    private static final double FASTEST = -Math.exp(-0.5);
    private static final double SMALLEST_NORM = 1e-12;

    private final TokenShift shift;
    private final Projection output;
    private final Optional<LowRank> residual;
    private final boolean gated;
    /** Receptance, key, value, and the lower halves of decay, rate, value residual (not in the first layer) and gate. */
    private final List<Projection> intoMaps;
    /** The upper halves of decay, rate, value residual and gate. */
    private final List<Projection> upMaps;
    private final Tensor removalScale;
    private final Tensor keyRate;
    private final Tensor bonus;
    private final RwkvHeads heads;
    private final StateLayout layout;

    private record LowRank(Projection down, Projection up) {
        static LowRank of(ParameterScope scope, String name, int width, int rank, Optional<Initialiser> bias) {
            Projection down = Projection.lowRank(scope.child(name + "Down"), width, rank, Initialiser.constant(0));
            Initialiser start = Initialiser.orthogonal(0.1);
            ParameterScope up = scope.child(name + "Up");
            return new LowRank(down, bias.isPresent() ? Projection.lowRank(up, rank, width, start, bias.get())
                    : Projection.lowRank(up, rank, width, start));
        }
    }

    Rwkv7(Rwkv7Config config, int headCount, BranchContext at, ParameterScope scope) {
        int width = at.width();
        int headWidth = config.headWidth();
        RwkvStart start = RwkvStart.of(at);
        double above = start.above();
        Rwkv7Variation variation = config.variation().orElse(Rwkv7Variation.NONE);
        this.gated = variation.gated();
        List<Mixture> mixtures = List.of(new Mixture("receptance", start.share(0.2 * above)),
                new Mixture("decay", start.share(0.9 * above)), new Mixture("key", start.share(0.7 * above)),
                new Mixture("value", start.share(0.7 * above)), new Mixture("rate", start.share(0.9 * above)),
                new Mixture("gate", start.share(0.2 * above)));
        this.shift = TokenShift.constant(scope, width, mixtures.subList(0, gated ? 6 : 5));
        Projection receptance = Projection.matrix(scope.child("receptance"), width, width, Initialiser.orthogonal(1));
        Projection key = Projection.matrix(scope.child("key"), width, width, Initialiser.orthogonal(0.1));
        Projection value = Projection.matrix(scope.child("value"), width, width, Initialiser.orthogonal(1));
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        double last = Math.max(1, width - 1);
        LowRank decay = LowRank.of(scope, "decay", width, config.decayRank(), Optional.of(Initialiser.of(
                n -> -6 + 6 * Math.pow(n / last, 1 + Math.pow(start.depth(), 0.3)) + 0.5
                        + 2.5 * zigzag(n, headWidth))));
        LowRank rate = LowRank.of(scope, "rate", width, config.rateRank(),
                Optional.of(Initialiser.of(n -> -0.19 + 0.3 * zigzag(n, headWidth) + 0.4 * (n / last - 0.5))));
        this.residual = config.first() ? Optional.empty()
                : Optional.of(LowRank.of(scope, "residual", width, config.valueRank(),
                        Optional.of(Initialiser.of(n -> 0.73 - 0.4 * (n / last - 0.5)))));
        List<LowRank> pairs = new ArrayList<>(List.of(decay, rate));
        residual.ifPresent(pairs::add);
        if (gated) {
            pairs.add(LowRank.of(scope, "gate", width, config.gateRank(), Optional.empty()));
        }
        this.intoMaps = Stream.concat(Stream.of(receptance, key, value), pairs.stream().map(LowRank::down)).toList();
        this.upMaps = pairs.stream().map(LowRank::up).toList();
        Shape channels = Shape.of(width);
        this.removalScale = scope.parameter("removalScale", channels, Role.VECTOR,
                Initialiser.of(n -> 0.71 - 0.1 * (n / last - 0.5)));
        this.keyRate = scope.parameter("keyRate", channels, Role.VECTOR, Initialiser.constant(1.02));
        this.bonus = scope.parameter("bonus", Shape.of(headCount, headWidth), Role.FILTER,
                Initialiser.constant(-0.04));
        this.heads = variation.normalised()
                ? new RwkvHeads(scope.child("norm"), headCount, headWidth, config.groupEpsilon(), start)
                : RwkvHeads.notNormalised(headCount, headWidth);
        this.layout = StateLayout.of(shift.slot(), heads.slot());
    }

    /** From −1 to 1 across a head, flat in the middle. */
    private static double zigzag(long channel, int headWidth) {
        double z = headWidth == 1 ? 0 : (channel % headWidth - (headWidth - 1) / 2.0) / ((headWidth - 1) / 2.0);
        return z * Math.abs(z);
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Set<String> reads() {
        return residual.isPresent() ? Set.of(FIRST_VALUE) : Set.of();
    }

    @Override
    public Set<String> publishes() {
        return residual.isPresent() ? Set.of() : Set.of(FIRST_VALUE);
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        TokenShift.Shifted shifted = shift.apply(ops, in.x(), state.slot("shift"));
        List<Tensor> x = shifted.inputs();
        List<Tensor> inputs = new ArrayList<>(List.of(x.get(0), x.get(2), x.get(3), x.get(1), x.get(4)));
        residual.ifPresent(ignored -> inputs.add(x.get(3)));
        inputs.addAll(x.subList(5, x.size()));
        List<Tensor> into = Projection.applyAll(ops, intoMaps, inputs);
        Tensor r = heads.split(ops, into.get(0));
        Tensor plainKey = into.get(1);
        Tensor ownValue = into.get(2);
        List<Tensor> inner = new ArrayList<>(List.of(ops.activate(into.get(3), Activation.TANH), into.get(4)));
        residual.ifPresent(ignored -> inner.add(into.get(5)));
        if (gated) {
            inner.add(ops.activate(into.getLast(), Activation.SIGMOID));
        }
        List<Tensor> made = Projection.applyAll(ops, upMaps, inner);
        Tensor logDecay = ops.scale(ops.activate(made.get(0), Activation.SIGMOID), FASTEST);
        Tensor a = ops.activate(made.get(1), Activation.SIGMOID);
        Tensor mixedValue = residual.isPresent()
                ? ops.interpolate(ownValue, in.wire(FIRST_VALUE), ops.activate(made.get(2), Activation.SIGMOID))
                : ownValue;
        Tensor v = heads.split(ops, mixedValue);
        Tensor removal = ops.unit(heads.split(ops, ops.multiply(plainKey, removalScale)), SMALLEST_NORM);
        // k ⊙ (1 + (a − 1) ⊙ keyRate)
        Tensor k = heads.split(ops, ops.interpolate(plainKey, ops.multiply(plainKey, a), keyRate));
        Scanned scanned = ops.rankOneScan(r, k, v, heads.split(ops, logDecay), ops.scale(removal, -1),
                ops.multiply(removal, heads.split(ops, a)), state.slot("heads"));
        Tensor own = ops.reshape(ops.bonus(r, k, bonus, v), in.x().shape());
        Tensor read = ops.add(heads.normalised(ops, scanned.y()), own);
        Tensor y = gated ? ops.multiply(read, made.getLast()) : read;
        State next = state.next(shifted.before(), scanned.state());
        return new Mixed(output.apply(ops, y), next,
                residual.isPresent() ? Map.of() : Map.of(FIRST_VALUE, ownValue));
    }
}
