package tern.kernels.recurrence;

import java.util.ArrayList;
import java.util.List;

import tern.kernels.KernelLaw;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Draws what recurrences over matrices read. */
final class ScanLaw {
    /** The three recurrences. */
    enum Rule {
        GATED, BONUS, RANK_ONE
    }

    /** How fast states decay: ln(−g) is normal with this mean and deviation, after goldfinch.md, section 3.3. */
    enum Decay {
        MILD(-4, 1), TYPICAL(-1, 1.5), STRONG(1, 1.5), EXTREME(3, 3);

        private final double mean;
        private final double deviation;

        Decay(double mean, double deviation) {
            this.mean = mean;
            this.deviation = deviation;
        }
    }

    private ScanLaw() {
    }

    static ScanInputs draw(KernelLaw law, Rule rule, Decay decay, DType dtype, int batch, int time, int heads, int keys,
            int values, int... decayShape) {
        Tensor query = law.gaussian(dtype, batch, time, heads, keys);
        Tensor key = law.gaussian(dtype, batch, time, heads, keys);
        Tensor value = law.gaussian(dtype, batch, time, heads, values);
        Tensor logDecay = law.gaussian(dtype, decayShape);
        for (long i = 0; i < logDecay.elements(); i++) {
            logDecay.set(i, -Math.exp(decay.mean + decay.deviation * logDecay.get(i)));
        }
        return switch (rule) {
            case GATED -> ScanInputs.gated(query, key, value, logDecay);
            case BONUS -> ScanInputs.bonus(query, key, value, logDecay, law.gaussian(dtype, heads, keys));
            case RANK_ONE -> {
                Tensor probe = law.gaussian(dtype, batch, time, heads, keys);
                Tensor rewrite = law.gaussian(dtype, batch, time, heads, keys);
                normalise(probe, rewrite, keys);
                yield ScanInputs.rankOne(query, key, value, logDecay, probe, rewrite);
            }
        };
    }

    // a = −κ̂, b = κ̂ ⊙ rate with rates in (0,1), as in RWKV-7.
    private static void normalise(Tensor probe, Tensor rewrite, int keys) {
        for (long row = 0; row < probe.elements() / keys; row++) {
            double squares = 0;
            for (int i = 0; i < keys; i++) {
                squares += Math.pow(probe.get(row * keys + i), 2);
            }
            for (int i = 0; i < keys; i++) {
                long at = row * keys + i;
                double direction = probe.get(at) / Math.max(Math.sqrt(squares), 1e-12);
                probe.set(at, -direction);
                rewrite.set(at, direction / (1 + Math.exp(-rewrite.get(at))));
            }
        }
    }

    /** With rewrites that are the keys, as in delta rules: k = b = −κ̂, a = κ̂ ⊙ rate. */
    static ScanInputs tied(ScanInputs in) {
        return new ScanInputs(in.query(), in.probe(), in.value(), in.logDecay(), in.bonus(), in.rewrite(), in.probe());
    }

    /** Rows [B,T,G,K] as [B,T,H,K]: head h has those of h·G/H. */
    static Tensor repeated(KernelLaw law, Tensor x, int heads) {
        Tensor all = law.blank(x.dtype(), x.shape().with(2, heads).toArray());
        int width = x.dim(3);
        for (long row = 0; row < all.elements() / width; row++) {
            long from = row / heads * x.dim(2) + row % heads * x.dim(2) / heads;
            for (int i = 0; i < width; i++) {
                all.set(row * width + i, x.get(from * width + i));
            }
        }
        return all;
    }

    /** Positions {@code from} to {@code to} of the only sequence. */
    static ScanInputs slice(ScanInputs in, int from, int to) {
        return new ScanInputs(slice(in.query(), from, to), slice(in.key(), from, to), slice(in.value(), from, to),
                in.logDecay().dim(1) == 1 ? in.logDecay() : slice(in.logDecay(), from, to), in.bonus(),
                in.hasRankOne() ? slice(in.probe(), from, to) : in.probe(),
                in.hasRankOne() ? slice(in.rewrite(), from, to) : in.rewrite());
    }

    static Tensor slice(Tensor x, int from, int to) {
        return x.reshape(x.shape().with(0, x.dim(1)).with(1, 1)).slice(from, to)
                .reshape(x.shape().with(0, 1).with(1, to - from));
    }

    /** Blank tensors for the gradients of inputs; the bonus's begins with a value that is not 0. */
    static ScanInputs gradients(KernelLaw law, ScanInputs in) {
        ScanInputs blank = in.blank((dtype, shape) -> blank(law, dtype, shape));
        blank.bonus().fill(0.5);
        return blank;
    }

    /** Gradients of keys ← those of keys and rewrites; of rewrites ← 0. */
    static void addRewrites(ScanInputs d) {
        for (long i = 0; i < d.key().elements(); i++) {
            d.key().set(i, d.key().get(i) + d.rewrite().get(i));
        }
        d.rewrite().fill(0);
    }

    private static Tensor blank(KernelLaw law, DType dtype, Shape shape) {
        return law.blank(dtype, shape.toArray());
    }

    /** Names and gradients, in one order. */
    static List<Named> list(ScanInputs d) {
        List<Named> all = new ArrayList<>(List.of(new Named("dQuery", d.query()), new Named("dKey", d.key()),
                new Named("dValue", d.value()), new Named("dLogDecay", d.logDecay())));
        if (d.readsBefore()) {
            all.add(new Named("dBonus", d.bonus()));
        }
        if (d.hasRankOne()) {
            all.add(new Named("dProbe", d.probe()));
            all.add(new Named("dRewrite", d.rewrite()));
        }
        return all;
    }

    record Named(String name, Tensor tensor) {
    }
}
