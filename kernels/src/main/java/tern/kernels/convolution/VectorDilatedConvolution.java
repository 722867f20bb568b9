package tern.kernels.convolution;

import java.util.ArrayList;
import java.util.List;

import tern.kernels.ThreadTeam;
import tern.kernels.elementwise.Elementwise;
import tern.kernels.matmul.Matmul;
import tern.ops.Activation;
import tern.ops.Dilations;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link DilatedConvolution} on {@link DType#F32}. Depthwise layers go all at once, a vector of channels a task, a block of time
 * after another ({@link DilatedPlan}); few positions with a long past row by row ({@link DilatedSteps}); layers with groups as
 * products of matrices. Sums over positions run in single precision over at most 2048 rows and in double precision over these
 * sums; those of groups as matrix products are summed. Stateless, safe to share.
 */
public final class VectorDilatedConvolution implements DilatedConvolution {
    /** Products below which one task does all. */
    private static final long SMALL = 1 << 15;
    /** Channels of a task of {@link DilatedSteps}. */
    private static final int STEP_CHANNELS = 128;

    private final Matmul matmul;
    private final Elementwise elementwise;
    private final boolean alone;

    /** A body without state that multiplies matrices and applies functions with these. */
    public VectorDilatedConvolution(Matmul matmul, Elementwise elementwise) {
        this(matmul, elementwise, false);
    }

    private VectorDilatedConvolution(Matmul matmul, Elementwise elementwise, boolean alone) {
        this.matmul = matmul;
        this.elementwise = elementwise;
        this.alone = alone;
    }

    /**
     * A body whose forward pass over rings gives every position the bits that it has as the only one: depthwise layers meet
     * taps one after another wherever they lie, layers with groups add the products of one tap after another. The linear layers
     * and functions of elements given must have that property themselves.
     */
    public VectorDilatedConvolution positionByPosition() {
        return new VectorDilatedConvolution(matmul, elementwise, true);
    }

    @Override
    public boolean positionsAlone() {
        return alone;
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor y) {
        Workspace.Mark mark = team.scratch().mark();
        if (layers.depthwise()) {
            depthwise(team, x, layers, inner, rings, ages, y);
        } else {
            Tensor g = x;
            for (int l = 0; l < rings.size(); l++) {
                Dilations.Layer layer = layers.layers().get(l);
                Tensor next = l == rings.size() - 1 ? y : made(team, x, layer, inner, l);
                if (layer.depthwise()) {
                    depthwise(team, g, alone(layers, l), List.of(), rings.subList(l, l + 1), ages, next);
                } else if (alone && inner.isEmpty() && rings.stream().anyMatch(ring -> ring.dim(1) > 0)) {
                    groupedAlone(team, layers, layer, g, rings.get(l), ages, next);
                } else {
                    grouped(team, layers, layer, g, rings.get(l), ages, next);
                }
                g = next;
            }
        }
        team.scratch().release(mark);
    }

    private static Dilations alone(Dilations layers, int l) {
        return new Dilations(layers.layers().subList(l, l + 1), layers.activation(), layers.residual());
    }

    private static Tensor made(ThreadTeam team, Tensor x, Dilations.Layer layer, List<Tensor> inner, int l) {
        return inner.isEmpty() ? team.scratch().allocate(DType.F32, Shape.of(x.dim(0), x.dim(1), layer.outputs()))
                : inner.get(l);
    }

    private void grouped(ThreadTeam team, Dilations layers, Dilations.Layer layer, Tensor g, Tensor ring, long[] ages,
            Tensor next) {
        new GroupedDilation(matmul, team, layer, g, ring, ages).forward(next);
        finish(team, layers, g, ring, ages, next);
    }

    private void finish(ThreadTeam team, Dilations layers, Tensor g, Tensor ring, long[] ages, Tensor next) {
        if (layers.activation() != Activation.IDENTITY) {
            elementwise.activate(team, next, layers.activation(), next);
        }
        if (layers.residual()) {
            elementwise.add(team, next, g, next);
        }
        keep(ring, g, ages);
    }

    private void groupedAlone(ThreadTeam team, Dilations layers, Dilations.Layer layer, Tensor g, Tensor ring,
            long[] ages, Tensor next) {
        new GroupedDilation(matmul, team, layer, g, ring, ages).forwardAlone(next, elementwise);
        finish(team, layers, g, ring, ages, next);
    }

    private static void keep(Tensor ring, Tensor g, long[] ages) {
        int size = ring.dim(1);
        for (int b = 0; size > 0 && b < g.dim(0); b++) {
            for (int t = Math.max(0, g.dim(1) - size); t < g.dim(1); t++) {
                int to = b * size + Math.floorMod(ages[b] + t, size);
                int from = b * g.dim(1) + t;
                rows(ring).slice(to, to + 1).copyFrom(rows(g).slice(from, from + 1));
            }
        }
    }

    private static Tensor rows(Tensor x) {
        return x.reshape(x.dim(0) * x.dim(1), x.dim(2));
    }

    private void depthwise(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor y) {
        DilatedPlan plan = DilatedPlan.of(x, layers, rings);
        long products = 0;
        int widest = 1;
        for (int l = 0; l < plan.depth(); l++) {
            products += (long) plan.taps()[l] * x.elements();
            widest = Math.max(widest, plan.layer(l).dilation());
        }
        if (plan.ringed() && (x.dim(1) < widest || alone && inner.isEmpty())) {
            steps(team, plan, x, inner, rings, ages, y, products);
            return;
        }
        DilatedForward forward = new DilatedForward(plan, x, inner, rings, ages, y);
        each(team, plan.batch() * plan.columns(), products, forward::run);
    }

    private static void each(ThreadTeam team, int tasks, long products, ThreadTeam.Task work) {
        if (products >= SMALL) {
            team.run(tasks, work);
            return;
        }
        for (int task = 0; task < tasks; task++) {
            Workspace.Mark mark = team.scratch().mark();
            work.run(task, team.scratch());
            team.scratch().release(mark);
        }
    }

    private static void steps(ThreadTeam team, DilatedPlan plan, Tensor x, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor y, long products) {
        List<Tensor> made = new ArrayList<>();
        for (int l = 0; l < plan.depth() - 1; l++) {
            made.add(made(team, x, plan.layer(l), inner, l));
        }
        made.add(y);
        DilatedSteps steps = new DilatedSteps(plan, x, made, rings, ages);
        boolean small = products < 4 * SMALL;
        int each = small ? plan.channels() : STEP_CHANNELS;
        int parts = (plan.channels() + each - 1) / Math.max(1, each);
        each(team, plan.batch() * parts, small ? 0 : products, (task, scratch) -> {
            int first = task % parts * each;
            steps.run(task / parts, first, Math.min(plan.channels(), first + each), scratch);
        });
    }

    @Override
    public boolean readsInner(Tensor x, Dilations layers, List<Tensor> rings) {
        return !layers.depthwise() || !DilatedPlan.of(x, layers, rings).fitsAtOnce();
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor dy, List<Tensor> dNextRings, Slopes slopes) {
        Workspace.Mark mark = team.scratch().mark();
        if (layers.depthwise()) {
            depthwiseBackward(team, x, layers, inner, rings, ages, dy, dNextRings, slopes);
        } else {
            Tensor dOut = dy;
            for (int l = rings.size() - 1; l >= 0; l--) {
                Tensor g = l == 0 ? x : inner.get(l - 1);
                Tensor dg = l == 0 ? slopes.dx() : team.scratch().allocate(DType.F32, g.shape());
                Slopes own = new Slopes(dg, slopes.dWeights().subList(l, l + 1), slopes.dBiases().subList(l, l + 1),
                        slopes.dRings().isEmpty() ? List.of() : slopes.dRings().subList(l, l + 1));
                if (layers.layers().get(l).depthwise()) {
                    depthwiseBackward(team, g, alone(layers, l), List.of(), rings.subList(l, l + 1), ages, dOut,
                            dNextRings.subList(l, l + 1), own);
                } else {
                    groupedBackward(team, alone(layers, l), g, rings.get(l), ages, dOut, dNextRings.get(l), own);
                }
                dOut = dg;
            }
        }
        team.scratch().release(mark);
    }

    private void groupedBackward(ThreadTeam team, Dilations layers, Tensor g, Tensor ring, long[] ages, Tensor dOut,
            Tensor dNextRing, Slopes slopes) {
        Dilations.Layer layer = layers.layers().getFirst();
        GroupedDilation grouped = new GroupedDilation(matmul, team, layer, g, ring, ages);
        Tensor dc = dOut;
        if (layers.activation() != Activation.IDENTITY) {
            Tensor c = team.scratch().allocate(DType.F32, dOut.shape());
            dc = team.scratch().allocate(DType.F32, dOut.shape());
            grouped.forward(c);
            elementwise.activateBackward(team, c, layers.activation(), dOut, dc);
        }
        Tensor dRing = slopes.dRings().isEmpty() ? ring.reshape(ring.shape().with(0, 0).with(1, 0))
                : slopes.dRings().getFirst();
        dRing.fill(0);
        grouped.backward(dc, slopes.dx(), dRing, slopes.dWeights().getFirst(), slopes.dBiases().getFirst());
        if (layers.residual()) {
            elementwise.add(team, slopes.dx(), dOut, slopes.dx());
        }
        kept(g, ages, dNextRing, slopes.dx(), dRing);
    }

    /** Adds the next ring's gradient to that of the rows it holds. */
    private static void kept(Tensor g, long[] ages, Tensor dNextRing, Tensor dg, Tensor dRing) {
        int size = dNextRing.dim(1);
        int channels = g.dim(2);
        for (int b = 0; size > 0 && b < g.dim(0); b++) {
            for (int t = g.dim(1) - size; t < g.dim(1); t++) {
                int row = Math.floorMod(ages[b] + t, size);
                Tensor to = t >= 0 ? dg : dRing;
                if (to.dim(1) == 0) {
                    continue;
                }
                long at = ((long) b * to.dim(1) + (t >= 0 ? t : row)) * channels;
                for (int c = 0; c < channels; c++) {
                    to.set(at + c, to.get(at + c) + dNextRing.get(((long) b * size + row) * channels + c));
                }
            }
        }
    }

    private static void depthwiseBackward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner,
            List<Tensor> rings, long[] ages, Tensor dy, List<Tensor> dNextRings, Slopes slopes) {
        DilatedPlan blocks = DilatedPlan.of(x, layers, rings);
        boolean again = blocks.fitsAtOnce();
        DilatedPlan plan = again ? blocks.atOnce() : blocks;
        int[] place = new int[plan.depth()];
        int rows = 0;
        long products = 0;
        for (int l = 0; l < place.length; l++) {
            place[l] = rows;
            rows += plan.layer(l).taps() + 1;
            products += 3L * plan.taps()[l] * x.elements();
        }
        Tensor sums = team.scratch().allocate(DType.F64, Shape.of(plan.batch(), rows, plan.channels()));
        DilatedBackward backward = new DilatedBackward(plan, again, x, inner, rings, ages, dy, dNextRings, slopes, sums,
                place);
        each(team, plan.batch() * plan.columns(), products, backward::run);
        for (int l = 0; l < place.length; l++) {
            for (int k = 0; k < plan.taps()[l]; k++) {
                collect(sums, place[l] + k, slopes.dWeights().get(l), (long) k * plan.channels());
            }
            collect(sums, place[l] + plan.layer(l).taps(), slopes.dBiases().get(l), 0);
        }
    }

    /** One row of sums, over the sequences in their order. */
    private static void collect(Tensor sums, int row, Tensor into, long at) {
        int channels = sums.dim(2);
        for (int c = 0; c < channels; c++) {
            double total = 0;
            for (int b = 0; b < sums.dim(0); b++) {
                total += sums.data().get(Tensor.DOUBLE, 8 * (((long) b * sums.dim(1) + row) * channels + c));
            }
            into.set(at + c, into.get(at + c) + total);
        }
    }
}
