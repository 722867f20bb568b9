package tern.mixers.mega;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalBank;
import tern.mixers.modal.ModalBanks;
import tern.mixers.parts.Expect;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Chunks;
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
 * Mega's gated attention unit (arXiv 2209.10655, section 3.2), as the package says. It reads the residual stream x itself and
 * gives back u ⊙ (ĥ − x), so that the stack's sum is the published x + u ⊙ (ĥ − x).
 *
 * <p>State: that of the mover, under {@code move.}; keys and values of the current chunk, at most C·(z + h) floats; none in both
 * directions. Parameters: {@code norm.…}; {@code move.…}; {@code value.weight} [h,D]; {@code base.weight} [D+z+h+D,D], rows of
 * u, ζ, r, c; {@code output.weight} [D,h]; their biases; {@code gamma}, {@code beta} [2,z], the query's before the key's;
 * those of {@link PositionBias} under {@code position.}. Immutable.
 */
public final class GatedAttention implements LongConvolutionMixer, ModalBanks {
    private static final double DEVIATION = 0.02;
    private static final String MOVE = "move.";

    private final GatedAttentionConfig config;
    private final int width;
    private final Chunks chunks;
    private final Norm norm;
    private final SequenceMixer mover;
    private final Projection value;
    private final Projection base;
    private final Projection output;
    private final Tensor gamma;
    private final Tensor beta;
    private final PositionBias bias;
    private final StateLayout layout;

    GatedAttention(GatedAttentionConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        this.chunks = config.chunks();
        int z = config.keyWidth();
        int h = config.valueWidth();
        Initialiser start = Initialiser.normal(DEVIATION);
        Initialiser zero = Initialiser.constant(0);
        this.norm = new Norm(config.norm(), width, scope.child("norm"));
        this.mover = config.mover().build(at, scope.child("move"));
        Expect.that(mover.reads().isEmpty() && mover.recalls().isEmpty() && mover.publishes().isEmpty()
                && mover.shares().isEmpty(),
                "mega: the mover " + config.mover()
                        + " speaks to other branches; expected one that reads its input alone");
        Expect.that(mover.causal() == config.causal(), "mega: causal is " + config.causal() + " but the mover "
                + config.mover() + (mover.causal() ? " looks back only" : " reads in both directions")
                + "; set both alike");
        this.value = Projection.biased(scope.child("value"), width, h, start, zero);
        this.base = Projection.biased(scope.child("base"), width, 2 * width + z + h, start, zero);
        this.output = Projection.biased(scope.child("output"), h, width, start, zero);
        this.gamma = scope.parameter("gamma", Shape.of(2, z), Role.VECTOR, start);
        this.beta = scope.parameter("beta", Shape.of(2, z), Role.VECTOR, zero);
        int positions = config.chunk() == 0 ? at.context() : config.chunk();
        this.bias = new PositionBias(config.bias(), z, positions, scope.child("position"));
        this.layout = config.causal() ? layout(mover, z, h, config.chunk()) : StateLayout.STATELESS;
    }

    private static StateLayout layout(SequenceMixer mover, int z, int h, int chunk) {
        List<Slot> slots = new ArrayList<>();
        for (Slot slot : mover.stateLayout().slots()) {
            slots.add(slot.named(MOVE + slot.name()));
        }
        slots.add(cache("keys", z, chunk));
        slots.add(cache("values", h, chunk));
        return new StateLayout(slots);
    }

    private static Slot cache(String name, int width, int chunk) {
        Shape row = Shape.of(1, width);
        return chunk == 0 ? new Slot.Growing(name, row) : new Slot.Chunk(name, row, chunk);
    }

    /** What stands in front of the attention. */
    public SequenceMixer mover() {
        return mover;
    }

    /** Those of the mover, if it has any. The chunk's keys and values stay what they are. */
    @Override
    public int banks() {
        return mover instanceof LongConvolutionMixer linear ? linear.banks() : 0;
    }

    private LongConvolutionMixer convolution() {
        return (LongConvolutionMixer) mover;
    }

    @Override
    public int filters() {
        return convolution().filters();
    }

    @Override
    public int headWidth() {
        return convolution().headWidth();
    }

    @Override
    public Tensor taps(Ops ops, int of) {
        return convolution().taps(ops, of);
    }

    @Override
    public Tensor skip(int of) {
        return convolution().skip(of);
    }

    @Override
    public Optional<Tensor> offset(Ops ops, int of) {
        return convolution().offset(ops, of);
    }

    @Override
    public MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return config.with(convolution().modal(pairs, reals));
    }

    @Override
    public ModalBank bank(int index) {
        return ((ModalBanks) mover).bank(index);
    }

    @Override
    public boolean causal() {
        return config.causal();
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return unit(Form.STEP, ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        return unit(Form.CHUNK, ops, in, state);
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        return unit(Form.PARALLEL, ops, in, state);
    }

    private Mixed unit(Form form, Ops ops, MixerInput in, State state) {
        Tensor x = in.x();
        int z = config.keyWidth();
        int h = config.valueWidth();
        List<Tensor> slots = state.slots();
        int own = mover.stateLayout().slots().size();
        Tensor normed = config.prenorm() ? norm.apply(ops, x) : x;
        Tensor v = ops.activate(value.apply(ops, normed), Activation.SILU);
        Mixed moved = mover.mix(form, ops, in.with(normed), State.of(mover.stateLayout(), slots.subList(0, own)));
        Tensor all = base.apply(ops, moved.y());
        Tensor shared = ops.activate(ops.slice(all, -1, width, width + z + h), Activation.SILU);
        Tensor zeta = ops.slice(shared, -1, 0, z);
        Tensor reset = ops.slice(shared, -1, z, z + h);

        Tensor query = heads(ops, affine(ops, zeta, 0), z);
        Tensor key = heads(ops, affine(ops, zeta, 1), z);
        Tensor values = heads(ops, v, h);
        Tensor keyCache = config.causal() ? slots.get(own) : empty(ops, key);
        Tensor valueCache = config.causal() ? slots.get(own + 1) : empty(ops, values);
        Attended attended = ops.chunkedAttention(query, key, values, bias.of(ops, x, positions(in)), chunks, keyCache,
                valueCache, in.ages(), in.lengths());

        Tensor read = ops.multiply(reset, ops.reshape(attended.y(), reset.shape()));
        Tensor candidate = ops.activate(
                ops.add(ops.slice(all, -1, width + z + h, 2 * width + z + h), output.apply(ops, read)),
                Activation.SILU);
        Tensor y = ops.gate(ops.slice(all, -1, 0, width), minus(ops, candidate, x), Activation.SIGMOID);
        if (!config.prenorm()) {
            y = minus(ops, norm.apply(ops, ops.add(x, y)), x);
        }
        List<Tensor> next = new ArrayList<>(moved.state().slots());
        if (config.causal()) {
            next.add(attended.keys());
            next.add(attended.values());
        }
        return new Mixed(y, state.next(next.toArray(Tensor[]::new)));
    }

    /** Positions of the longest chunk that the call reads in. */
    private int positions(MixerInput in) {
        long longest = in.time();
        for (long age : in.ages()) {
            longest = Math.max(longest, age + in.time());
        }
        return Math.toIntExact(config.chunk() == 0 ? longest : Math.min(longest, config.chunk()));
    }

    private Tensor affine(Ops ops, Tensor zeta, int row) {
        Tensor factor = ops.derived(this, "gamma" + row, () -> row(ops, gamma, row));
        Tensor shift = ops.derived(this, "beta" + row, () -> row(ops, beta, row));
        return ops.add(ops.multiply(zeta, factor), shift);
    }

    private static Tensor row(Ops ops, Tensor of, int row) {
        return ops.reshape(ops.slice(of, 0, row, row + 1), Shape.of(of.dim(1)));
    }

    private static Tensor heads(Ops ops, Tensor x, int width) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), 1, width));
    }

    private static Tensor empty(Ops ops, Tensor like) {
        return ops.zeros(like.dtype(), like.shape().with(1, 0));
    }

    private static Tensor minus(Ops ops, Tensor a, Tensor b) {
        return ops.add(a, ops.scale(b, -1));
    }
}
