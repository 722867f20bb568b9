package tern.mixers.parts;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Rows as heads, and the few sums over gates that several recurrences share. Stateless. */
public final class Heads {
    private Heads() {
    }

    /** [B,T,H·K] as [B,T,H,K]. */
    public static Tensor split(Ops ops, Tensor x, int heads) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), heads, x.dim(2) / heads));
    }

    /** [B,T,H,K] as [B,T,H·K]. */
    public static Tensor merge(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), x.dim(2) * x.dim(3)));
    }

    /** The last axis in pieces of these widths, from its beginning. */
    public static List<Tensor> cut(Ops ops, Tensor x, int... widths) {
        List<Tensor> parts = new ArrayList<>(widths.length);
        int from = 0;
        for (int width : widths) {
            parts.add(ops.slice(x, -1, from, from + width));
            from += width;
        }
        return parts;
    }

    /** Each of G heads so often that there are H: head h repeats head h·G/H. */
    public static Tensor repeat(Ops ops, Tensor x, int heads) {
        int groups = x.dim(2);
        if (groups == heads) {
            return x;
        }
        List<Tensor> all = new ArrayList<>(heads);
        for (int g = 0; g < groups; g++) {
            all.addAll(Collections.nCopies(heads / groups, ops.slice(x, 2, g, g + 1)));
        }
        return ops.concat(all, 2);
    }

    /** A constant, one tensor for as long as the owner's derived tensors live. */
    public static Tensor constant(Ops ops, Object owner, DType type, Shape shape, double value) {
        return ops.derived(owner, "constant " + value + " " + shape, () -> ops.zeros(type, shape).fill(value));
    }

    /** Values with a column of ones, whose sum is the normaliser: [B,T,H,V+1]. */
    public static Tensor withOnes(Ops ops, Tensor value) {
        return ops.concat(List.of(value, ops.zeros(value.dtype(), value.shape().withLast(1)).fill(1)), -1);
    }

    /** ln σ(x) = −softplus(−x), never above 0. */
    public static Tensor logSigmoid(Ops ops, Tensor x) {
        return ops.scale(ops.activate(ops.scale(x, -1), Activation.SOFTPLUS), -1);
    }

    /** min(x, 0), for log-decays that rounding has lifted above. */
    public static Tensor notAboveZero(Ops ops, Tensor x) {
        return ops.scale(ops.activate(ops.scale(x, -1), Activation.RELU), -1);
    }

    /** min(x, most) with most [C], without rounding what lies below. */
    public static Tensor notAbove(Ops ops, Tensor x, Tensor most) {
        return ops.add(x, ops.scale(ops.activate(ops.add(x, ops.scale(most, -1)), Activation.RELU), -1));
    }

    /** x/√(Σx² + 1e-6) over the last axis, as delta rules normalise queries and keys. */
    public static Tensor unit(Ops ops, Object owner, Tensor x) {
        int width = x.shape().last();
        return ops.rmsNorm(x, constant(ops, owner, x.dtype(), Shape.of(width), 1 / Math.sqrt(width)), 1e-6 / width);
    }
}
