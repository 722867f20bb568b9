package tern.mixers.tcn;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalMoverConfig;
import tern.ops.Activation;
import tern.ops.Dilated;
import tern.ops.Dilations;
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
 * The operator of TCNCA in the place of Mega's moving average: g⁰ = x, g^(l+1) = conv_l(g^l) or g^l + SiLU(conv_l(g^l)), y_t =
 * SiLU(g^n_t + ω ⊙ x_t) (arXiv 2312.05605; what it leaves open as the package says). In both directions g^n is the sum of one
 * stack that reads from the beginning and one that reads from the end.
 *
 * <p>State: of each layer the last (K−1)·f^l inputs, (RF − 1)·D floats together; none in both directions. Parameters: those of
 * filters {@code layer0.weight} [K,D] …, {@code layer0.bias} [D] …; the same under {@code later.} for the stack from the end;
 * {@code omega} [D] unless it is bare. Immutable.
 */
public final class DilatedStack implements LongConvolutionMixer {
    private static final double RESIDUAL_DEVIATION = 0.02;

    private final DilatedStackConfig config;
    private final int width;
    private final int context;
    private final List<Filters> past;
    private final Optional<List<Filters>> future;
    /** Made once, where it is the same for every call: a position alone would feel it. */
    private final Optional<Dilations> pastLayers;
    private final Optional<Tensor> omega;
    private final StateLayout layout;

    DilatedStack(DilatedStackConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        this.context = at.context();
        this.past = filters(scope);
        this.future = config.bidirectional() ? Optional.of(filters(scope.child("later"))) : Optional.empty();
        this.pastLayers = fixed(past);
        this.omega = config.bare().orElse(false) ? Optional.empty()
                : Optional.of(scope.parameter("omega", Shape.of(width), Role.FILTER, Initialiser.normal(1)));
        this.layout = config.bidirectional() ? StateLayout.STATELESS : rings();
    }

    private List<Filters> filters(ParameterScope scope) {
        double inputs = (double) config.taps() * (config.groups() == 0 ? 1 : width / config.groups());
        double deviation = config.deviation().orElse(
                config.variant() == DilatedVariant.LINEAR ? 1 / Math.sqrt(inputs) : RESIDUAL_DEVIATION);
        List<Filters> filters = new ArrayList<>();
        for (int l = 0; l < config.layers(); l++) {
            filters.add(new Filters(config.taps(), width, config.groups(), config.dilation(l), config.weightNorm(),
                    deviation, scope.child("layer" + l)));
        }
        return filters;
    }

    private StateLayout rings() {
        List<Slot> slots = new ArrayList<>();
        for (int l = 0; l < config.layers(); l++) {
            slots.add(new Slot.Ring("ring" + l, Shape.of(width), (config.taps() - 1) * config.dilation(l)));
        }
        return new StateLayout(slots);
    }

    @Override
    public boolean causal() {
        return !config.bidirectional();
    }

    @Override
    public int reach() {
        return config.bidirectional() ? UNBOUNDED : config.receptiveField() - 1;
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
        if (config.bidirectional()) {
            SequenceMixer.requireWhole(Form.CHUNK, in.ages());
        }
        Dilated dilated = dilated(ops, past, in.x(), state.slots(), in.ages());
        return new Mixed(read(ops, dilated.y(), in.x()), state.next(dilated.rings().toArray(Tensor[]::new)));
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        if (future.isEmpty()) {
            return chunk(ops, in, state);
        }
        Tensor x = ops.masked(in.x(), in.lengths());
        Tensor later = ops.reversed(whole(ops, future.get(), ops.reversed(x, in.lengths())), in.lengths());
        return new Mixed(read(ops, ops.add(whole(ops, past, x), later), in.x()), state.next());
    }

    private Tensor whole(Ops ops, List<Filters> filters, Tensor x) {
        Tensor none = ops.zeros(x.dtype(), x.shape().with(1, 0));
        return dilated(ops, filters, x, filters.stream().map(filter -> none).toList(), new long[x.dim(0)]).y();
    }

    private Dilated dilated(Ops ops, List<Filters> filters, Tensor x, List<Tensor> rings, long[] ages) {
        double rate = config.dropout().orElse(0.0);
        if (rate == 0) {
            Dilations layers = filters == past && pastLayers.isPresent() ? pastLayers.get() : layers(ops, filters);
            return ops.dilatedConvolution(x, layers, rings, ages);
        }
        // Layer by layer, so that something can be left out between them.
        Tensor g = x;
        List<Tensor> next = new ArrayList<>();
        for (int l = 0; l < filters.size(); l++) {
            Dilated layer = ops.dilatedConvolution(g,
                    new Dilations(List.of(filters.get(l).layer(ops)), Activation.SILU, false), List.of(rings.get(l)),
                    ages);
            g = ops.add(g, ops.dropout(layer.y(), rate, config.featureDropout().orElse(false)));
            next.addAll(layer.rings());
        }
        return new Dilated(g, next);
    }

    private Dilations layers(Ops ops, List<Filters> filters) {
        return stacked(filters.stream().map(filter -> filter.layer(ops)).toList());
    }

    private Optional<Dilations> fixed(List<Filters> filters) {
        List<Dilations.Layer> layers = filters.stream().flatMap(filter -> filter.fixed().stream()).toList();
        return layers.size() < filters.size() ? Optional.empty() : Optional.of(stacked(layers));
    }

    private Dilations stacked(List<Dilations.Layer> layers) {
        boolean residual = config.variant() == DilatedVariant.RESIDUAL_SILU;
        return new Dilations(layers, residual ? Activation.SILU : Activation.IDENTITY, residual);
    }

    private Tensor read(Ops ops, Tensor sum, Tensor x) {
        return omega.isEmpty() ? sum
                : ops.activate(ops.add(sum, ops.multiply(x, omega.get())), Activation.SILU);
    }

    /** The layers together, if they are {@link #linear}; else none. */
    @Override
    public int banks() {
        return linear() ? 1 : 0;
    }

    @Override
    public int filters() {
        return width;
    }

    @Override
    public int headWidth() {
        return 1;
    }

    /**
     * The layers' response and zeros behind it: as many rows as the stack's context, and at least twice the reach, so that what
     * is fitted to them ends where the layers end.
     */
    @Override
    public Tensor taps(Ops ops, int bank) {
        Tensor response = impulseResponse(ops);
        int zeros = Math.max(context, 2 * config.receptiveField()) - config.receptiveField();
        return ops.concat(List.of(response, ops.zeros(response.dtype(), Shape.of(zeros, width))), 0);
    }

    @Override
    public Tensor skip(int bank) {
        return omega();
    }

    /** What the biases come to where every layer reads them everywhere: b_l times the sums of the taps of all later layers. */
    @Override
    public Optional<Tensor> offset(Ops ops, int bank) {
        Tensor sum = ops.zeros(omega().dtype(), Shape.of(width));
        for (Filters filter : past) {
            Tensor weight = filter.weight(ops);
            for (int d = 0; d < width; d++) {
                double gain = 0;
                for (int k = 0; k < config.taps(); k++) {
                    gain += weight.get((long) k * width + d);
                }
                sum.set(d, gain * sum.get(d) + filter.bias().get(d));
            }
        }
        return Optional.of(sum);
    }

    @Override
    public MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return new ModalMoverConfig(pairs, reals, Activation.SILU);
    }

    /** Whether all layers together are one linear filter for each channel. */
    public boolean linear() {
        return config.variant() == DilatedVariant.LINEAR && config.groups() == 0 && !config.bidirectional()
                && omega.isPresent();
    }

    /**
     * What a linear stack's layers do to an impulse, without biases: [RF,D], lag outermost; the convolution of the taps of all
     * layers, each spread to its dilation.
     *
     * @throws IllegalStateException if the stack is not {@link #linear}
     */
    public Tensor impulseResponse(Ops ops) {
        if (!linear()) {
            throw new IllegalStateException(
                    "dilated-stack: only linear layers that read forwards, each channel by itself,"
                            + " are one filter; this stack is " + config);
        }
        Tensor response = ops.zeros(omega().dtype(), Shape.of(config.receptiveField(), width));
        response.slice(0, 1).fill(1);
        for (Filters filter : past) {
            Tensor weight = filter.weight(ops);
            Tensor next = ops.zeros(omega().dtype(), response.shape());
            for (int k = 0; k < config.taps(); k++) {
                for (int lag = 0; lag + k * filter.dilation() < response.dim(0); lag++) {
                    for (int d = 0; d < width; d++) {
                        long to = (lag + (long) k * filter.dilation()) * width + d;
                        next.set(to, next.get(to)
                                + weight.get((long) k * width + d) * response.get((long) lag * width + d));
                    }
                }
            }
            response = next;
        }
        return response;
    }

    /** b of each layer [D], from the first. */
    public List<Tensor> biases() {
        return past.stream().map(Filters::bias).toList();
    }

    /** ω [D]. */
    public Tensor omega() {
        return omega.orElseThrow(() -> new IllegalStateException("dilated-stack: this one is bare, without ω"));
    }

    /** What was configured. */
    public DilatedStackConfig config() {
        return config;
    }
}
