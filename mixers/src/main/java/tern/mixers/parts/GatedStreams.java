package tern.mixers.parts;

import java.util.ArrayList;
import java.util.List;

import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Where every mixer of the Hyena family begins: one projection to several streams of the stack's width, then one short
 * causal convolution over all of them (Poli et al. 2023, arXiv 2302.10866, section 3.1). Parameters: {@code projection.weight}
 * [S·D,D], {@code projection.bias} [S·D], {@code short.weight} [S·D,K], {@code short.bias} [S·D]. State: the last K−1
 * projected inputs. Immutable.
 */
public final class GatedStreams {
    private static final String SLOT = "short";

    private final int streams;
    private final int width;
    private final int taps;
    private final Projection projection;
    private final Tensor shortWeight;
    private final Tensor shortBias;

    /**
     * Declares the parameters.
     *
     * @param streams S
     * @param width D
     * @param taps K of the short filter
     */
    public GatedStreams(ParameterScope scope, int streams, int width, int taps) {
        this.streams = streams;
        this.width = width;
        this.taps = taps;
        this.projection = Projection.into(scope.child("projection"), width, streams * width, true);
        ParameterScope filter = scope.child(SLOT);
        this.shortWeight = filter.parameter("weight", Shape.of(streams * width, taps), Role.FILTER,
                Initialiser.fanIn(taps));
        this.shortBias = filter.parameter("bias", Shape.of(streams * width), Role.VECTOR, Initialiser.fanIn(taps));
    }

    /**
     * What comes out.
     *
     * @param streams S tensors [B,T,D]
     * @param history the next contents of {@link #slot}
     */
    public record Split(List<Tensor> streams, Tensor history) {
    }

    /** The slot that the short filter needs: [K−1,S·D]. */
    public Slot slot() {
        return new Slot.Fixed(SLOT, Shape.of(taps - 1, streams * width));
    }

    /**
     * Projects, filters and splits.
     *
     * @param x [B,T,D]
     * @param history contents of {@link #slot}; moved
     */
    public Split apply(Ops ops, Tensor x, Tensor history) {
        Scanned filtered = ops.shortConvolution(projection.apply(ops, x), shortWeight, shortBias, history);
        List<Tensor> parts = new ArrayList<>(streams);
        for (int i = 0; i < streams; i++) {
            parts.add(ops.slice(filtered.y(), -1, i * width, (i + 1) * width));
        }
        return new Split(parts, filtered.state());
    }
}
