package tern.mixers.tcn;

import java.util.ArrayList;
import java.util.List;

import tern.ops.Activation;
import tern.ops.Dilated;
import tern.ops.Dilations;
import tern.ops.Ops;
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
 * The classic residual block: ReLU(x + ReLU(conv(ReLU(conv(x))))) (Bai et al. 2018, arXiv 1803.01271, section 3.4). It reads the
 * residual stream x itself and gives back what has to be added to x for that.
 *
 * <p>State: the last (K−1)·d inputs of both convolutions, 2·(K−1)·d·D floats. Parameters: {@code first.weight} [K,D,D],
 * {@code first.bias}, {@code first.gain} [D]; the same of {@code second}. Immutable.
 */
public final class TcnBlock implements SequenceMixer {
    private static final double DEVIATION = 0.01;

    private final List<Filters> filters;
    private final double dropout;
    private final int reach;
    private final StateLayout layout;

    TcnBlock(TcnBlockConfig config, int width, ParameterScope scope) {
        this.filters = List.of(filters(config, width, scope.child("first")),
                filters(config, width, scope.child("second")));
        this.dropout = config.dropout().orElse(0.0);
        int rows = (config.taps() - 1) * config.dilation();
        this.reach = 2 * rows;
        this.layout = StateLayout.of(new Slot.Ring("first", Shape.of(width), rows),
                new Slot.Ring("second", Shape.of(width), rows));
    }

    private static Filters filters(TcnBlockConfig config, int width, ParameterScope scope) {
        return new Filters(config.taps(), width, config.groups(), config.dilation(), config.weightNorm(), DEVIATION,
                scope);
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public int reach() {
        return reach;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Tensor x = in.x();
        Dilated dilated = dilated(ops, x, state.slots(), in.ages());
        Tensor block = ops.activate(ops.add(x, dilated.y()), Activation.RELU);
        return new Mixed(ops.add(block, ops.scale(x, -1)), state.next(dilated.rings().toArray(Tensor[]::new)));
    }

    private Dilated dilated(Ops ops, Tensor x, List<Tensor> rings, long[] ages) {
        List<Dilations.Layer> layers = filters.stream().map(filter -> filter.layer(ops)).toList();
        if (dropout == 0) {
            return ops.dilatedConvolution(x, new Dilations(layers, Activation.RELU, false), rings, ages);
        }
        Tensor g = x;
        List<Tensor> next = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            Dilated one = ops.dilatedConvolution(g, new Dilations(List.of(layers.get(i)), Activation.RELU, false),
                    List.of(rings.get(i)), ages);
            g = ops.dropout(one.y(), dropout, false);
            next.addAll(one.rings());
        }
        return new Dilated(g, next);
    }
}
