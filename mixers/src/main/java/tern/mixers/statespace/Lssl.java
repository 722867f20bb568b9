package tern.mixers.statespace;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.parts.Heads;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * h ← Ā h + B̄ x for every channel by itself, s = C h + skip ⊙ x, y = W gelu(s) + b, where Ā and B̄ are LegS by the bilinear rule
 * (arXiv 2110.13985, section 3). A sequence from its first position on is a convolution with the taps C Ā^τ B̄ by FFT; one that goes
 * on takes 64 positions at a time, whose free response comes by powers of Ā.
 *
 * <p>State: N numbers a channel, [D,N]. Parameters, S scales: {@code transition} [S·N,N], {@code input} [S,N], constants unless
 * learned; {@code weight} C [D,N]; {@code skip} [D]; {@code output.weight} [D,D], {@code output.bias}. C starts with deviation
 * 1/√N, not 1 as published, so that outputs start as loud with a wide state as with a narrow one. Immutable.
 */
public final class Lssl implements LongConvolutionMixer {
    private final int order;
    private final int channels;
    private final int context;
    private final List<DenseSystem> systems = new ArrayList<>();
    private final Tensor weight;
    private final Tensor skip;
    private final GeluOutput output;
    private final StateLayout layout;

    Lssl(LsslConfig config, BranchContext at, ParameterScope scope) {
        this.order = config.stateWidth();
        this.channels = at.width() / config.scales();
        this.context = at.context();
        Role role = config.learned() ? Role.FILTER : Role.BUFFER;
        for (int i = 0; i < config.scales(); i++) {
            double step = StepRange.of(config.steps()).spaced(config.scales() - 1 - i, config.scales());
            systems.add(DenseSystem.declare(scope.child("scale" + i), order, role,
                    () -> DenseSystem.bilinear(Hippo.legs(order), Hippo.input(order), step)));
        }
        this.weight = scope.parameter("weight", Shape.of(at.width(), order), Role.FILTER,
                Initialiser.normal(1 / Math.sqrt(order)));
        this.skip = scope.parameter("skip", Shape.of(at.width()), Role.FILTER, Initialiser.normal(1));
        this.output = GeluOutput.declare(at, scope, false);
        this.layout = StateLayout.of(new Slot.Fixed("states", Shape.of(at.width(), order)));
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
        Tensor before = state.slot("states");
        boolean fresh = Arrays.stream(in.ages()).allMatch(age -> age == 0);
        List<Tensor> read = new ArrayList<>();
        List<Tensor> after = new ArrayList<>();
        for (int i = 0; i < systems.size(); i++) {
            int from = i * channels;
            Tensor x = ops.slice(in.x(), -1, from, from + channels);
            Tensor h = ops.slice(before, 1, from, from + channels);
            Tensor own = ops.slice(weight, 0, from, from + channels);
            List<Tensor> pieces = new ArrayList<>();
            int length = fresh ? Math.max(1, in.time()) : DenseSystem.BLOCK;
            for (int t = 0; t < in.time(); t += length) {
                Tensor piece = ops.slice(x, 1, t, Math.min(in.time(), t + length));
                pieces.add(fresh ? forced(ops, systems.get(i), own, piece)
                        : ops.add(forced(ops, systems.get(i), own, piece), free(ops, systems.get(i), own, h, piece)));
                h = next(ops, systems.get(i), h, piece, fresh);
            }
            read.add(pieces.isEmpty() ? x : ops.concat(pieces, 1));
            after.add(h);
        }
        Tensor sum = ops.add(ops.concat(read, -1), ops.multiply(in.x(), skip));
        return new Mixed(output.apply(ops, sum), state.next(ops.concat(after, 1)));
    }

    @Override
    public int banks() {
        return 1;
    }

    @Override
    public int filters() {
        return systems.size() * channels;
    }

    @Override
    public int headWidth() {
        return 1;
    }

    /** As many taps as the stack's context; the recurrence itself does not end there. */
    @Override
    public Tensor taps(Ops ops, int bank) {
        List<Tensor> each = new ArrayList<>();
        for (int i = 0; i < systems.size(); i++) {
            each.add(ops.linear(systems.get(i).impulse(ops, context),
                    ops.slice(weight, 0, i * channels, (i + 1) * channels)));
        }
        return ops.concat(each, -1);
    }

    @Override
    public Tensor skip(int bank) {
        return skip;
    }

    @Override
    public MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return new StateSpaceModalConfig(pairs, reals, false);
    }

    /** What the inputs of a piece give: a convolution with C Ā^τ B̄. */
    private Tensor forced(Ops ops, DenseSystem system, Tensor own, Tensor x) {
        int time = x.dim(1);
        Tensor taps = ops.linear(system.impulse(ops, time), own);
        Tensor none = ops.zeros(x.dtype(), x.shape().with(1, 0));
        Tensor nothing = Heads.constant(ops, this, x.dtype(), Shape.of(channels), 0);
        return ops.longConvolution(x, taps, nothing, none, new long[x.dim(0)], none).y();
    }

    /** What the state before gives: Σ_n C_n (Ā^(t+1) h)_n. */
    private Tensor free(Ops ops, DenseSystem system, Tensor own, Tensor h, Tensor x) {
        Tensor states = ops.multiply(system.free(ops, h, x.dim(1)), own);
        Tensor ones = Heads.constant(ops, this, x.dtype(), Shape.of(1, order), 1);
        return ops.reshape(ops.linear(states, ones), x.shape());
    }

    /** Ā^T h + Σ_t Ā^(T−1−t) B̄ x_t, the sum as keys x_t with values Ā^(T−1−t) B̄. */
    private Tensor next(Ops ops, DenseSystem system, Tensor h, Tensor x, boolean fresh) {
        int batch = x.dim(0);
        int time = x.dim(1);
        Tensor reversed = ops.reversed(ops.reshape(system.impulse(ops, time), Shape.of(1, time, order)), new int[0]);
        Tensor value = ops.reshape(ops.add(ops.zeros(x.dtype(), Shape.of(batch, time, order)),
                ops.reshape(reversed, Shape.of(time, order))), Shape.of(batch, time, 1, order));
        Tensor key = ops.reshape(x, Shape.of(batch, time, 1, channels));
        Tensor kept = ops.zeros(x.dtype(), Shape.of(1, 1, 1, 1));
        Tensor sum = ops.reshape(ops.gatedScan(ops.zeros(x.dtype(), key.shape()), key, value, kept,
                ops.zeros(x.dtype(), Shape.of(batch, 1, channels, order))).state(), Shape.of(batch, channels, order));
        if (fresh) {
            return sum;
        }
        Tensor moved = system.free(ops, h, time);
        return ops.add(sum, ops.reshape(ops.slice(moved, 1, time - 1, time), sum.shape()));
    }
}
