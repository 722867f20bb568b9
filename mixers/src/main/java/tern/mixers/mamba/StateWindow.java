package tern.mixers.mamba;

import java.util.List;

import tern.mixers.parts.Heads;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Slot;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * What heads read of the last r positions alone: Sᵀq − e^G S'ᵀq, where S' is the state r positions ago and G the sum of the
 * log-decays since (arXiv 2410.07145, section 5, "sliding window by state difference"). State: S' like the heads' own, the inputs
 * of the last r positions, and G. Immutable.
 *
 * @param window r
 */
record StateWindow(int window, int heads, int groups, int keys, int values) {
    private int row() {
        return groups * keys + heads * values + heads;
    }

    List<Slot> slots() {
        return List.of(new Slot.Fixed("earlier", Shape.of(heads, keys, values)),
                new Slot.Fixed("inputs", Shape.of(window, row())), new Slot.Fixed("lost", Shape.of(1, heads)));
    }

    /** What was read, and the next contents of {@link #slots}. */
    record Read(Tensor y, Tensor earlier, Tensor inputs, Tensor lost) {
    }

    /**
     * Takes away what came before the window.
     *
     * @param y what the whole state gave [B,T,H,P]
     * @param c queries of groups [B,T,G,N]
     * @param b keys of groups [B,T,G·N]
     * @param x values [B,T,H,P]
     * @param g log-decays [B,T,H]
     */
    Read apply(Ops ops, Tensor y, Tensor c, Tensor b, Tensor x, Tensor g, Tensor earlier, Tensor inputs, Tensor lost) {
        int time = g.dim(1);
        Tensor all = ops.concat(List.of(inputs, ops.concat(List.of(b, Heads.merge(ops, x), g), -1)), 1);
        List<Tensor> delayed = Heads.cut(ops, ops.slice(all, 1, 0, time), groups * keys, heads * values, heads);
        Scanned scanned = ops.gatedScan(c, Heads.split(ops, delayed.get(0), groups),
                Heads.split(ops, delayed.get(1), heads), Heads.split(ops, delayed.get(2), heads), earlier);
        Tensor ones = Heads.constant(ops, this, g.dtype(), Shape.of(1, 1, heads), 1);
        Scanned sum = ops.affineScan(ones, ops.add(g, ops.scale(delayed.get(2), -1)), lost);
        Tensor decayed = ops.scaleRows(scanned.y(),
                Heads.split(ops, ops.activate(Heads.notAboveZero(ops, sum.y()), Activation.EXP), heads));
        return new Read(ops.add(y, ops.scale(decayed, -1)), scanned.state(), ops.slice(all, 1, time, time + window),
                sum.state());
    }
}
