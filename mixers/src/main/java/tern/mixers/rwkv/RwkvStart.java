package tern.mixers.rwkv;

import java.util.function.DoubleUnaryOperator;

import tern.sequence.BranchContext;
import tern.sequence.Initialiser;

/**
 * How RWKV's parameters start, as functions of the layer's depth and of the channel (the released training code, versions 4 to
 * 7). A layer is a pair of branches, time mixing and channel mixing.
 *
 * @param width D
 * @param depth p0: 0 in the first layer, 1 in the last
 * @param above p1: 1 in the first layer, 1/L in the last
 * @param layerShare (1 + l)/L in layer l
 */
public record RwkvStart(int width, double depth, double above, double layerShare) {
    /** Of a branch that stands here. */
    public static RwkvStart of(BranchContext at) {
        int layer = at.branch() / 2;
        int layers = (at.branches() + 1) / 2;
        return new RwkvStart(at.width(), layers > 1 ? (double) layer / (layers - 1) : 0, 1 - (double) layer / layers,
                (1.0 + layer) / layers);
    }

    /** Element i is a function of i/D. */
    public Initialiser ofChannel(DoubleUnaryOperator value) {
        return Initialiser.of(i -> value.applyAsDouble((double) i / width));
    }

    /** Element n is a function of n/(D − 1), which runs from 0 to 1. */
    public Initialiser ofPlace(DoubleUnaryOperator value) {
        return Initialiser.of(n -> value.applyAsDouble((double) n / Math.max(1, width - 1)));
    }

    /** The share of the position before: 1 − (i/D)^power. */
    public Initialiser share(double power) {
        return ofChannel(x -> 1 - Math.pow(x, power));
    }

    /** The share of the position before for values: 1 − (i/D)^p1 − 0.3 p0. */
    public Initialiser valueShare() {
        return ofChannel(x -> 1 - Math.pow(x, above) - 0.3 * depth);
    }

    /** ln(−ln w) of RWKV-5 and 6: from −6 (slow) to −1 (fast). */
    public Initialiser decay() {
        return ofPlace(x -> -6 + 5 * Math.pow(x, 0.7 + 1.3 * depth));
    }

    /** Bonus of RWKV-5 and 6. */
    public Initialiser bonus() {
        return Initialiser.of(n -> depth * (1 - (double) n / Math.max(1, width - 1)) + 0.1 * ((n + 1) % 3 - 1));
    }

    /** Gain of the normalised heads: smaller in the first layers. */
    public Initialiser headGain() {
        return Initialiser.constant(Math.pow(layerShare, 0.7));
    }
}
