package tern.mixers.statespace;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.parts.Expect;
import tern.mixers.parts.Projection;
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
 * h ← e^(Δ A) ⊙ h + B̄ * x, s = Re(C * h) + skip ⊙ x, y = g ⊙ σ(W g), g = gelu(s), over sequences of images: * is a convolution over
 * places with zeros around the image, A is diagonal and the same at every place, so that one affine scan carries all of them
 * (arXiv 2310.19694, section 3).
 *
 * <p>State: P complex modes of each place, [1,2·places·P]. Parameters, U channels: {@code rate}, {@code phase}, {@code step} [P];
 * {@code input.weight} [2P,k·k·U], {@code read.weight} [U,k·k·2P]; {@code skip} [U]; {@code gate.weight} [U,U]. Immutable.
 */
public final class ConvS5 implements SequenceMixer {
    private final ConvS5Config config;
    private final int places;
    private final int channels;
    private final SharedModes modes;
    private final Projection read;
    private final Tensor skip;
    private final Projection gate;
    private final StateLayout layout;

    ConvS5(ConvS5Config config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.places = config.rows() * config.columns();
        this.channels = Expect.divides("conv-s5", "rows·columns", places, "width", at.width());
        int patch = config.kernel() * config.kernel();
        int order = 2 * config.modes();
        this.modes = new SharedModes(config.modes(), config.blocks(), config.steps(), config.rescale(),
                patch * channels,
                Math.sqrt(2.0 / (patch * channels)), scope);
        this.read = Projection.lowRank(scope.child("read"), patch * order, channels,
                Initialiser.normal(Math.sqrt(2.0 / (patch * config.modes()))));
        this.skip = scope.parameter("skip", Shape.of(channels), Role.FILTER, Initialiser.normal(1));
        this.gate = Projection.into(scope.child("gate"), channels, channels, false);
        this.layout = StateLayout.of(new Slot.Fixed("modes", Shape.of(1, places * order)));
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
        int batch = in.batch();
        int time = in.time();
        int all = places * config.modes();
        Tensor images = images(ops, in.x(), channels);
        Tensor written = ops.linear(patches(ops, images), modes.input(ops));
        Shape plane = Shape.of(batch, time, all);
        Tensor b = ops.concat(List.of(ops.reshape(ops.slice(written, -1, 0, config.modes()), plane),
                ops.reshape(ops.slice(written, -1, config.modes(), 2 * config.modes()), plane)), -1);
        Scanned scanned = modes.scan(ops, b, places, state.slot("modes"));
        Tensor held = ops.concat(List.of(images(ops, ops.slice(scanned.y(), -1, 0, all), config.modes()),
                images(ops, ops.slice(scanned.y(), -1, all, 2 * all), config.modes())), -1);
        Tensor g = ops.activate(ops.add(read.apply(ops, patches(ops, held)), ops.multiply(images, skip)),
                Activation.GELU);
        Tensor y = ops.gate(gate.apply(ops, g), g, Activation.SIGMOID);
        return new Mixed(ops.reshape(y, in.x().shape()), state.next(scanned.state()));
    }

    private Tensor images(Ops ops, Tensor x, int depth) {
        return ops.reshape(x, Shape.of(x.dim(0) * x.dim(1), config.rows(), config.columns(), depth));
    }

    /** Each place with those around it: [B·T,rows,columns,k·k·channels], zeros beyond the edges. */
    private Tensor patches(Ops ops, Tensor images) {
        int reach = config.kernel() / 2;
        if (reach == 0) {
            return images;
        }
        Tensor wide = padded(ops, padded(ops, images, 1, reach), 2, reach);
        List<Tensor> shifted = new ArrayList<>();
        for (int row = 0; row < config.kernel(); row++) {
            Tensor rows = ops.slice(wide, 1, row, row + config.rows());
            for (int column = 0; column < config.kernel(); column++) {
                shifted.add(ops.slice(rows, 2, column, column + config.columns()));
            }
        }
        return ops.concat(shifted, -1);
    }

    private static Tensor padded(Ops ops, Tensor images, int axis, int reach) {
        Tensor edge = ops.zeros(images.dtype(), images.shape().with(axis, reach));
        return ops.concat(List.of(edge, images, edge), axis);
    }
}
