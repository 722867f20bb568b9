package tern.mixers.goldfinch;

import java.util.List;

import tern.mixers.parts.Projection;
import tern.mixers.rwkv.RwkvStart;
import tern.mixers.rwkv.TokenShift;
import tern.mixers.rwkv.TokenShift.Mixture;
import tern.ops.Attended;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * GPTAlpha's time mixing: softmax attention whose query, key and value are projected from mixtures with the position before and
 * normalised over the whole width (arXiv 2407.12077, section 4).
 *
 * <p>State: the last input [1,D] and all past keys and values. Parameters: those of {@link TokenShift} for receptance, key and
 * value; {@code query.weight}, {@code key.weight}, {@code value.weight}, {@code output.weight} [D,D]; {@code NAMENorm.gain},
 * {@code NAMENorm.bias} [D] of query, key and value; {@code norm.gain}, {@code norm.bias} [D]. Immutable.
 */
public final class GptAlpha implements SequenceMixer {
    private final Shape headShape;
    private final double[] speeds;
    private final TokenShift shift;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final LayerNorm queryNorm;
    private final LayerNorm keyNorm;
    private final LayerNorm valueNorm;
    private final LayerNorm norm;
    private final StateLayout layout;

    GptAlpha(GptAlphaConfig config, int heads, BranchContext at, ParameterScope scope) {
        this.headShape = Shape.of(heads, config.headWidth());
        this.speeds = config.positions().speeds(config.headWidth(), at.context());
        int width = at.width();
        RwkvStart start = RwkvStart.of(at);
        Initialiser share = start.share(start.above());
        this.shift = TokenShift.dependent(scope, width, config.mixRank(), share,
                List.of(new Mixture("receptance", start.share(start.above() / 2)), new Mixture("key", share),
                        new Mixture("value", start.valueShare())));
        this.query = Projection.matrix(scope.child("query"), width, width, Initialiser.orthogonal(1));
        this.key = Projection.matrix(scope.child("key"), width, width, Initialiser.orthogonal(0.1));
        this.value = Projection.matrix(scope.child("value"), width, width, Initialiser.orthogonal(1));
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        this.queryNorm = new LayerNorm(scope.child("queryNorm"), width);
        this.keyNorm = new LayerNorm(scope.child("keyNorm"), width);
        this.valueNorm = new LayerNorm(scope.child("valueNorm"), width);
        this.norm = new LayerNorm(scope.child("norm"), width, start.headGain());
        this.layout = StateLayout.of(shift.slot(), new Slot.Growing("keys", headShape),
                new Slot.Growing("values", headShape));
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
        TokenShift.Shifted shifted = shift.apply(ops, in.x(), state.slot("shift"));
        List<Tensor> inputs = shifted.inputs();
        Tensor q = split(ops, queryNorm.apply(ops, query.apply(ops, inputs.get(0))));
        Tensor k = split(ops, keyNorm.apply(ops, key.apply(ops, inputs.get(1))));
        Tensor v = split(ops, valueNorm.apply(ops, value.apply(ops, inputs.get(2))));
        Attended attended = ops.causalAttention(turned(ops, in, q), turned(ops, in, k), v, state.slot("keys"),
                state.slot("values"), in.ages());
        Tensor y = norm.apply(ops, ops.reshape(attended.y(), in.x().shape()));
        return new Mixed(output.apply(ops, y), state.next(shifted.before(), attended.keys(), attended.values()));
    }

    private Tensor split(Ops ops, Tensor x) {
        return ops.reshape(x, headShape.prepend(x.dim(1)).prepend(x.dim(0)));
    }

    private Tensor turned(Ops ops, MixerInput in, Tensor x) {
        return speeds.length == 0 ? x : ops.turn(x, in.ages(), speeds);
    }
}
