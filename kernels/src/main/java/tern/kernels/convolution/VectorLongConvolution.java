package tern.kernels.convolution;

import static tern.kernels.convolution.Butterflies.LANES;
import static tern.kernels.convolution.Butterflies.POINT;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link LongConvolution} on {@link DType#F32} with channels in the vector lanes: the direct sum where few terms are
 * wanted, the transform of {@link RootTree} where many are, whichever counts fewer nanoseconds. Sums and transforms are in
 * single precision; the error of a transform is about 1e-7·log2(n) of the root of the energy that an output sums over.
 *
 * <p>A block of channels is one task, unless it is very long or there are few: then all threads share the columns and
 * nodes of one block. Either way the arithmetic is the same. Scratch memory is two spectra a task, 128 bytes a position
 * each with vectors of 512 bits; four in the backward pass. Stateless, safe to share.
 */
public final class VectorLongConvolution implements LongConvolution {
    /** Which way to compute. */
    enum Form {
        DIRECT, TRANSFORM, FASTEST
    }

    private final Form form;
    private final boolean alone;

    /** A body that chooses the fastest form. */
    public VectorLongConvolution() {
        this(Form.FASTEST);
    }

    VectorLongConvolution(Form form) {
        this(form, false);
    }

    private VectorLongConvolution(Form form, boolean alone) {
        this.form = form;
        this.alone = alone;
    }

    /**
     * A body whose forward pass gives a position with a history the bits that it has as the only one: inputs of its own block are
     * summed for it alone, those of earlier blocks of the sequence alone when a block is full.
     */
    public static VectorLongConvolution positionByPosition() {
        return new VectorLongConvolution(Form.FASTEST, true);
    }

    @Override
    public boolean positionsAlone() {
        return alone;
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages,
            Tensor pending,
            Tensor y) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        boolean kept = history.dim(1) > 0;
        int block = kept ? pending.dim(1) : 0;
        long oldest = 0;
        for (int b = 0; b < batch; b++) {
            assert kept ? ages[b] + time <= history.dim(1) : ages[b] == 0 : "longConvolution: history too short";
            oldest = Math.max(oldest, ages[b]);
        }
        if (kept) {
            for (int b = 0; b < batch; b++) {
                MemorySegment.copy(x.data(), 4L * b * time * channels, history.data(),
                        4L * (b * (long) history.dim(1) + ages[b]) * channels, 4L * time * channels);
            }
        }
        if (alone && block > 0) {
            for (int b = 0; b < batch; b++) {
                forwardByBlocks(team, x.slice(b, b + 1), taps, skip, history.slice(b, b + 1), new long[] {ages[b]},
                        pending.slice(b, b + 1), y.slice(b, b + 1));
            }
            return;
        }
        Tensor inputs = kept ? history : x;
        int useful = (int) Math.min(taps.dim(0), oldest + time);
        int before = (int) Math.max(0, Math.min(useful - 1, oldest));
        double transform = Transforms.cost((time + useful) / 2, 2.0 * batch + 1);
        if (block > 0 && form != Form.TRANSFORM && (form == Form.DIRECT || (double) batch * time * block < transform)) {
            forwardByBlocks(team, x, taps, skip, history, ages, pending, y);
            return;
        }
        if (useful == 0 || form == Form.DIRECT
                || form == Form.FASTEST && (double) batch * time * (before + (time + 1) / 2) < transform) {
            int rows = inputs.dim(1);
            DirectSums.run(team, batch, channels, (double) batch * time * (before + time), (b, from, to) -> {
                long first = (long) b * rows;
                DirectSums.sum(taps, inputs, first, 0, ages[b] + time, y, (long) b * time, ages[b], time, from, to);
                DirectSums.addSkip(skip, x, y, (long) b * time, time, from, to);
            });
        } else {
            RootTree tree = RootTree.of(RootTree.sizeFor((time + useful) / 2));
            eachBlock(team, tree, channels,
                    (channel, lanes) -> convolveBlock(team, tree, channel, lanes, taps, useful, Optional.of(skip),
                            b -> window(x, history, ages, before, b, channel, lanes), batch,
                            b -> new Rows.Written(window(y, history, ages, before, b, channel, lanes), 1f / tree.size,
                                    false),
                            before + time));
        }
        if (block > 0) {
            bringUp(team, taps, history, ages, time, pending);
        }
    }

    /** Few positions: what inputs of earlier blocks make is pending already. */
    private void forwardByBlocks(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages,
            Tensor pending,
            Tensor y) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        int block = pending.dim(1);
        int longest = 0;
        for (int b = 0; b < batch; b++) {
            longest = (int) Math.max(longest, Math.min(block, ages[b] % block + time));
        }
        for (int done = 0; done < time;) {
            // Up to the next block boundary of any sequence, where its pending rows must be made anew.
            int steps = time - done;
            long[] now = new long[batch];
            for (int b = 0; b < batch; b++) {
                now[b] = ages[b] + done;
                steps = (int) Math.min(steps, block - now[b] % block);
            }
            int from = done;
            int count = steps;
            DirectSums.run(team, batch, channels, (double) batch * steps * longest, (b, low, high) -> {
                long row = (long) b * time + from;
                long first = (long) b * history.dim(1);
                int inside = (int) (now[b] % block);
                int each = alone ? 1 : count;
                for (int t = 0; t < count; t += each) {
                    DirectSums.sum(taps, history, first, now[b] - inside, now[b] + count, y, row + t, now[b] + t, each,
                            low, high);
                }
                DirectSums.addRows(pending, (long) b * block + inside, y, row, count, low, high);
                DirectSums.addSkip(skip, x, y, row, count, low, high);
            });
            bringUp(team, taps, history, now, steps, pending);
            done += steps;
        }
    }

    /** Makes the pending rows of the sequences that have come into another block. */
    private void bringUp(ThreadTeam team, Tensor taps, Tensor history, long[] ages, int time, Tensor pending) {
        int block = pending.dim(1);
        int channels = taps.dim(1);
        int count = 0;
        long latest = 0;
        int[] moved = new int[ages.length];
        long[] starts = new long[ages.length];
        for (int b = 0; b < ages.length; b++) {
            long now = ages[b] + time;
            if (now / block != ages[b] / block) {
                starts[b] = now - now % block;
                latest = Math.max(latest, starts[b]);
                moved[count++] = b;
            }
        }
        if (count == 0) {
            return;
        }
        int useful = (int) Math.min(taps.dim(0), latest + block);
        int before = (int) Math.max(0, Math.min(useful - 1, latest));
        double direct = (double) count * block * before;
        if (form == Form.DIRECT || before == 0
                || form == Form.FASTEST && direct < Transforms.cost((block + useful) / 2, 2.0 * count + 1)) {
            DirectSums.run(team, count, channels, direct, (k, from, to) -> {
                int b = moved[k];
                DirectSums.sum(taps, history, (long) b * history.dim(1), 0, starts[b], pending, (long) b * block,
                        starts[b], block,
                        from, to);
            });
            return;
        }
        RootTree tree = RootTree.of(RootTree.sizeFor((block + useful) / 2));
        int sequences = count;
        eachBlock(team, tree, channels,
                (channel, lanes) -> convolveBlock(team, tree, channel, lanes, taps, useful, Optional.empty(),
                        k -> window(pending, history, starts, before, moved[k], channel, lanes).withoutNow(), sequences,
                        k -> new Rows.Written(window(pending, history, starts, before, moved[k], channel, lanes),
                                1f / tree.size,
                                false),
                        before + block));
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor dy,
            Tensor dx,
            Tensor dTaps, Tensor dSkip, Tensor dHistory) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        long oldest = 0;
        for (int b = 0; b < batch; b++) {
            oldest = Math.max(oldest, ages[b]);
        }
        if (batch == 0 || time == 0 || channels == 0) {
            return;
        }
        // Without any tap one tap of zero stands in, so that skip has its gradient all the same.
        int useful = (int) Math.min(taps.dim(0), oldest + time);
        int before = (int) Math.max(0, Math.min(useful - 1, oldest));
        RootTree tree = RootTree.of(RootTree.sizeFor((time + Math.max(1, useful)) / 2));
        float scale = 1f / tree.size;
        long stride = 4L * channels;
        eachBlock(team, tree, channels, (channel, lanes) -> {
            Workspace scratch = team.scratch();
            Workspace.Mark mark = scratch.mark();
            MemorySegment h = Transforms.spectrum(scratch, tree);
            MemorySegment s = Transforms.spectrum(scratch, tree);
            MemorySegment g = Transforms.spectrum(scratch, tree);
            MemorySegment sum = batch > 1 ? Transforms.spectrum(scratch, tree) : s;
            Rows filter = filter(taps, useful, channel, lanes);
            // Tasks are made once for all sequences; each finds here which one it works on.
            Sequence now = new Sequence(filter, filter);
            ThreadTeam.Task analyse = Transforms.task(tree, (tile, from, to) -> {
                if (now.first) {
                    Transforms.analyse(tree, filter, useful, tile, h, from, to);
                    if (from == 0) {
                        addToFirstTap(tree, h, skip, channel, lanes);
                    }
                }
                Transforms.analyse(tree, now.in, before + time, tile, s, from, to);
                Transforms.analyse(tree, now.gradient, before + time, tile, g, from, to);
            });
            ThreadTeam.Task correlate = (node, ignored) -> {
                long at = node * tree.pitch;
                if (now.first) {
                    Butterflies.forwardNode(tree, h, at, node);
                }
                Butterflies.forwardNode(tree, s, at, node);
                Butterflies.forwardNode(tree, g, at, node);
                Butterflies.correlate(g, s, h, at, tree.sub);
                Butterflies.inverseNode(tree, g, at, node);
                if (batch > 1 && now.first) {
                    MemorySegment.copy(s, at, sum, at, tree.sub * POINT);
                } else if (batch > 1) {
                    Butterflies.add(sum, s, at, tree.sub);
                }
                if (now.last) {
                    Butterflies.inverseNode(tree, sum, at, node);
                }
            };
            ThreadTeam.Task synthesise = Transforms.task(tree,
                    (tile, from, to) -> Transforms.synthesise(tree, g, tile, now.out, before + time, from, to));
            for (int b = 0; b < batch; b++) {
                now.first = b == 0;
                now.last = b == batch - 1;
                now.in = window(x, history, ages, before, b, channel, lanes);
                now.gradient = window(dy, history, ages, before, b, channel, lanes).withoutPast();
                now.out = new Rows.Written(window(dx, dHistory, ages, before, b, channel, lanes), scale, true);
                Transforms.eachColumns(team, tree, analyse);
                team.run(tree.top, correlate);
                Transforms.eachColumns(team, tree, synthesise);
            }
            Transforms.Sink slopes = new Rows.Slopes(filter(dTaps, useful, channel, lanes),
                    new Rows(0, dSkip.data(), 4L * channel, 1, dSkip.data(), 0, 0, stride, lanes), scale);
            Transforms.eachColumns(team, tree, (tile, from, to) -> Transforms.synthesise(tree, sum, tile, slopes,
                    Math.max(1, useful), from, to));
            scratch.release(mark);
        });
    }

    // ── one block of channels ───────────────────────────────────────────────────────────────────────────────────────

    /** Some of the channels of all tensors. */
    @FunctionalInterface
    private interface BlockWork {
        void run(int channel, int lanes);
    }

    /** The sequence that the tasks of a block of channels work on; written between regions only. */
    private static final class Sequence {
        private boolean first = true;
        private boolean last;
        private Rows in;
        private Rows gradient;
        private Transforms.Sink out = (row, count, tile, at) -> {
        };

        private Sequence(Rows in, Rows gradient) {
            this.in = in;
            this.gradient = gradient;
        }
    }

    /** The window of each sequence. */
    @FunctionalInterface
    private interface Windows {
        Rows of(int b);
    }

    /** Where the window of each sequence goes. */
    @FunctionalInterface
    private interface Sinks {
        Transforms.Sink of(int b);
    }

    private static void eachBlock(ThreadTeam team, RootTree tree, int channels, BlockWork work) {
        int width = LANES.length();
        Transforms.eachBlock(team, tree, (channels + width - 1) / width, block -> work.run(block * width,
                Math.min(width, channels - block * width)));
    }

    private static void convolveBlock(ThreadTeam team, RootTree tree, int channel, int lanes, Tensor taps, int useful,
            Optional<Tensor> skip, Windows windows, int batch, Sinks sinks, int window) {
        Workspace scratch = team.scratch();
        Workspace.Mark mark = scratch.mark();
        MemorySegment h = Transforms.spectrum(scratch, tree);
        MemorySegment s = Transforms.spectrum(scratch, tree);
        Rows filter = filter(taps, useful, channel, lanes);
        // Tasks are made once for all sequences; each finds here which one it works on.
        Sequence now = new Sequence(filter, filter);
        ThreadTeam.Task analyse = Transforms.task(tree, (tile, from, to) -> {
            if (now.first) {
                Transforms.analyse(tree, filter, useful, tile, h, from, to);
                if (from == 0 && skip.isPresent()) {
                    addToFirstTap(tree, h, skip.get(), channel, lanes);
                }
            }
            Transforms.analyse(tree, now.in, window, tile, s, from, to);
        });
        ThreadTeam.Task convolve = (node, ignored) -> {
            long at = node * tree.pitch;
            if (now.first) {
                Butterflies.forwardNodeToLeaves(tree, h, at, node);
            }
            Butterflies.forwardNodeToLeaves(tree, s, at, node);
            Butterflies.convolveNode(tree, s, h, at, node);
        };
        ThreadTeam.Task synthesise = Transforms.task(tree,
                (tile, from, to) -> Transforms.synthesise(tree, s, tile, now.out, window, from, to));
        for (int b = 0; b < batch; b++) {
            now.first = b == 0;
            now.in = windows.of(b);
            now.out = sinks.of(b);
            Transforms.eachColumns(team, tree, analyse);
            team.run(tree.top, convolve);
            Transforms.eachColumns(team, tree, synthesise);
        }
        scratch.release(mark);
    }

    /** Skip is one more tap of lag 0, which after the upper levels stands at the beginning of every node. */
    private static void addToFirstTap(RootTree tree, MemorySegment h, Tensor skip, int channel, int lanes) {
        for (int node = 0; node < tree.top; node++) {
            for (int lane = 0; lane < lanes; lane++) {
                long at = node * tree.pitch + 4L * lane;
                h.set(Tensor.FLOAT, at, h.get(Tensor.FLOAT, at) + skip.data().get(Tensor.FLOAT, 4L * (channel + lane)));
            }
        }
    }

    private static Rows filter(Tensor taps, int useful, int channel, int lanes) {
        return new Rows(0, taps.data(), 4L * channel, useful, taps.data(), 0, 0, 4L * taps.dim(1), lanes);
    }

    /** The last {@code before} positions of a history, zeros where it is younger, and the rows of this call. */
    private static Rows window(Tensor now, Tensor history, long[] ages, int before, int b, int channel, int lanes) {
        int kept = (int) Math.min(before, ages[b]);
        long stride = 4L * now.dim(2);
        return new Rows(before - kept, history.data(),
                ((long) b * history.dim(1) + ages[b] - kept) * stride + 4L * channel, kept,
                now.data(), (long) b * now.dim(1) * stride + 4L * channel, now.dim(1), stride, lanes);
    }
}
