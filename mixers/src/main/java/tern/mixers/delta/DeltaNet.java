package tern.mixers.delta;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

import tern.mixers.parts.DecayStart;
import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ReadOut;
import tern.mixers.parts.ShortFilter;
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
 * S ← e^g S, S ← S + β k (v − Sᵀk)ᵀ, y = W_o(norm_h(Sᵀq/√K) ⊙ silu(W_g x)): DeltaNet (arXiv 2406.06484, section 3; no g, no gate),
 * Gated DeltaNet (arXiv 2412.06464, section 3) and its form with a decay for each key; whether the output is gated may also be told.
 * Queries, keys and values pass a short filter and SiLU; queries and keys are then of length 1. g = −e^speed softplus(W_a x + step).
 * With n products a position decays once and writes to n keys in turn before it reads (arXiv 2502.10297, section 4).
 *
 * <p>State: the last inputs of the short filter and S [H,K,V]. Parameters: {@code projection.weight} [(1+n)·G·K + n·H·V,D], rows of q, k, v,
 * write by write, G = H unless value heads share keys; {@code short.weight} of as many rows and taps; {@code rate.weight} [n·H,D]; with a decay {@code speed} [H], {@code step} [H] or [H·K], and
 * {@code decay.weight} [H,D] or {@code decayDown.weight} [V,D] and {@code decayUp.weight} [H·K,V]; if gated {@code gate.weight} [H·V,D];
 * {@code norm.gain} [V], {@code output.weight} [D,H·V]. Immutable.
 */
public final class DeltaNet implements SequenceMixer {
    private static final double EPSILON = 1e-5;
    private static final double FASTEST = 16;

    private final DeltaNetConfig config;
    private final int heads;
    private final int keyHeads;
    private final int keys;
    private final int values;
    private final int products;
    private final Projection projection;
    private final ShortFilter filter;
    private final Projection rate;
    private final List<Projection> decay;
    private final Optional<Tensor> speed;
    private final Optional<Tensor> step;
    private final ReadOut readOut;
    private final StateLayout layout;

    DeltaNet(DeltaNetConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.heads = config.heads();
        this.keyHeads = config.shared().map(SharedKeys::heads).orElse(heads);
        this.keys = keyHeads * config.keyWidth();
        this.values = heads * config.valueWidth();
        this.products = config.products().orElse(1);
        int width = at.width();
        int streams = keys + products * (keys + values);
        this.projection = Projection.into(scope.child("projection"), width, streams, false);
        this.filter = new ShortFilter(scope.child("short"), streams, config.shortFilter(), false);
        this.rate = Projection.into(scope.child("rate"), width, products * heads, false);
        this.decay = decay(config, width, scope);
        boolean decays = config.decay() != DeltaNetConfig.Decay.NONE;
        int steps = config.decay() == DeltaNetConfig.Decay.KEY ? heads * config.keyWidth() : heads;
        this.speed = decays ? Optional.of(
                scope.parameter("speed", Shape.of(heads), Role.FILTER, DecayStart.speeds(0, FASTEST)))
                : Optional.empty();
        this.step = decays ? Optional.of(scope.parameter("step", Shape.of(steps), Role.FILTER, DecayStart.steps()))
                : Optional.empty();
        ReadNorm norm = new ReadNorm(ReadNorm.Kind.HEAD, scope.child("norm"), heads, config.valueWidth(),
                config.epsilon().orElse(EPSILON));
        Projection output = Projection.outOf(scope.child("output"), values, false, at);
        this.readOut = config.isGated()
                ? ReadOut.gated(norm, Projection.gate(scope.child("gate"), width, values), Activation.SILU,
                        output)
                : ReadOut.plain(norm, output);
        this.layout = StateLayout.of(filter.slot(),
                new Slot.Fixed("heads", Shape.of(heads, config.keyWidth(), config.valueWidth())));
    }

    private static List<Projection> decay(DeltaNetConfig config, int width, ParameterScope scope) {
        return switch (config.decay()) {
            case NONE -> List.of();
            case HEAD -> List.of(Projection.into(scope.child("decay"), width, config.heads(), false));
            case KEY -> List.of(
                    Projection.lowRank(scope.child("decayDown"), width, config.valueWidth(), Initialiser.fanIn(width)),
                    Projection.lowRank(scope.child("decayUp"), config.valueWidth(), config.heads() * config.keyWidth(),
                            Initialiser.fanIn(config.valueWidth())));
        };
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
        Scanned filtered = filter.apply(ops, projection.apply(ops, in.x()), state.slot("short"));
        List<Tensor> parts = Heads.cut(ops, filtered.y(), keys, products * keys, products * values);
        Tensor q = spread(ops, Heads.unit(ops, this, Heads.split(ops, parts.get(0), keyHeads)));
        Tensor k = spread(ops, Heads.unit(ops, this, Heads.split(ops, inTurn(ops, parts.get(1)), keyHeads)));
        Tensor v = Heads.split(ops, inTurn(ops, parts.get(2)), heads);
        Tensor open = ops.activate(rate.apply(ops, in.x()), Activation.SIGMOID);
        Tensor beta = Heads.split(ops, inTurn(ops, config.reflecting() ? ops.scale(open, 2) : open), heads);
        Tensor g = speed.isEmpty() ? logDecay(ops, in.x()) : amongZeros(ops, logDecay(ops, in.x()), 0);
        Tensor probe = switch (config.decay()) {
            case NONE -> k;
            // The probe meets the state before its decay.
            case HEAD -> ops.scaleRows(k, ops.activate(g, Activation.EXP));
            case KEY -> ops.multiply(k, ops.activate(g, Activation.EXP));
        };
        // β weighs what is read instead of what is rewritten, so that keys and rewrites are one tensor: half of the products.
        Tensor asked = amongZeros(ops, ops.scale(q, 1 / Math.sqrt(config.keyWidth())), products - 1);
        Scanned scanned = ops.rankOneScan(asked, k, ops.scaleRows(v, beta), g,
                ops.scaleRows(probe, ops.scale(beta, -1)), k, state.slot("heads"));
        return new Mixed(readOut.apply(ops, in.x(), afterTheLast(ops, scanned.y())),
                state.next(filtered.state(), scanned.state()));
    }

    /** What a position writes, write by write [B,T,n·C], as positions of their own [B,T·n,C]. */
    private Tensor inTurn(Ops ops, Tensor x) {
        return products == 1 ? x
                : ops.reshape(x, Shape.of(x.dim(0), x.dim(1) * products, x.dim(2) / products));
    }

    /** [B,T,H,C] as [B,T·n,H,C]: at one of each position's writes, and zeros at the others. */
    private Tensor amongZeros(Ops ops, Tensor x, int at) {
        if (products == 1) {
            return x;
        }
        Tensor zeros = ops.zeros(x.dtype(), x.shape());
        List<Tensor> all = new ArrayList<>(Collections.nCopies(products, zeros));
        all.set(at, x);
        return ops.reshape(ops.concat(all, 2), Shape.of(x.dim(0), x.dim(1) * products, heads, x.dim(3)));
    }

    /** What was read after each position's last write. */
    private Tensor afterTheLast(Ops ops, Tensor y) {
        if (products == 1) {
            return y;
        }
        Tensor all = ops.reshape(y, Shape.of(y.dim(0), y.dim(1) / products, products * heads, y.dim(3)));
        return ops.slice(all, 2, (products - 1) * heads, products * heads);
    }

    /** A key head for each value head. */
    private Tensor spread(Ops ops, Tensor x) {
        boolean byTurns = keyHeads < heads && config.shared().map(SharedKeys::byTurns).orElse(false);
        return byTurns ? ops.concat(Collections.nCopies(heads / keyHeads, x), 2) : Heads.repeat(ops, x, heads);
    }

    /** [B,T,H,1], [B,T,H,K], or zeros [1,1,H,1]. */
    private Tensor logDecay(Ops ops, Tensor x) {
        if (speed.isEmpty()) {
            return Heads.constant(ops, this, x.dtype(), Shape.of(1, 1, heads, 1), 0);
        }
        Tensor raw = x;
        for (Projection part : decay) {
            raw = part.apply(ops, raw);
        }
        Tensor steps = Heads.split(ops, DecayStart.step(ops, raw, step.orElseThrow()), heads);
        Tensor speeds = ops.derived(this, "speeds", () -> ops.scale(ops.activate(speed.get(), Activation.EXP), -1));
        Tensor negative = ops.reshape(speeds, Shape.of(heads, 1));
        Tensor wide = config.decay() == DeltaNetConfig.Decay.KEY
                ? ops.concat(Collections.nCopies(config.keyWidth(), negative), 1)
                : negative;
        return ops.multiply(steps, wide);
    }
}
