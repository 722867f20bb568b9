package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32. The forward pass steps from position to position at the speed of the state's memory, or goes in
 * chunks of matrix products, whichever is faster for the shape. Measured on one core with 512-bit vectors, 512 positions:
 * chunks take 1.02, 0.86, 0.86 and 0.64 of the time of steps at heads of 16, 32, 64 and 128 (0.76 at 64 with one decay a head,
 * 0.36 to 0.40 on four cores), with a rank-one term 1.37, 0.99, 1.06 and 0.76 (1.09 at 64 on four cores and 4,096 positions of
 * 12 heads), or 0.74 at 64 where rewrites are the keys: a row of S that passes through the registers once does five operations
 * an entry (seven), chunks four (eight, or six) and the pairs besides, but as products of matrices. The backward pass always
 * goes in chunks: it would need twice their operations in steps. A task is a head of a sequence, or some heads that lie side by
 * side.
 */
public final class VectorStateScan implements StateScan {
    /** Positions in a chunk. */
    public static final int CHUNK = ChunkParts.CHUNK;
    // Entries of a state, and positions, from which on chunks are the faster form.
    private static final int WIDE = 32 * 32;
    private static final int WIDE_RANK_ONE = 64 * 128;
    private static final int LONG = 2 * CHUNK;
    // Multiply–adds below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 15;
    // Floats of the states of a task's heads: more would leave no room in the second-level cache for what they read.
    private static final int MOST_STATES = 1 << 16;
    private static final int BY_SHAPE = -1;
    private final int fewest;

    /** A body without state. */
    public VectorStateScan() {
        this(BY_SHAPE);
    }

    /**
     * A body that is told when to go in chunks, for measurements.
     *
     * @param fewest positions from which on the forward pass goes in chunks
     */
    public VectorStateScan(int fewest) {
        this.fewest = fewest;
    }

    /**
     * Whether the forward pass goes in chunks if nobody says otherwise.
     *
     * @param rankOne whether there is a rank-one term with rewrites of its own
     */
    public static boolean goesInChunks(int time, int keyWidth, int valueWidth, boolean rankOne) {
        return time >= LONG && keyWidth * valueWidth >= (rankOne ? WIDE_RANK_ONE : WIDE);
    }

    @Override
    public void forward(ThreadTeam team, ScanInputs in, Tensor state, Tensor y, Tensor nextState) {
        boolean chunks = fewest == BY_SHAPE
                ? goesInChunks(in.time(), in.keyWidth(), in.valueWidth(), in.hasRankOne() && !in.rewritesKeys())
                : in.time() >= fewest;
        int most = MOST_STATES / (in.keyWidth() * in.valueWidth());
        if (chunks) {
            heads(team, in, most, (b, first, count, scratch) -> new ChunkScan(in, first, count, scratch).run(state, y,
                    nextState, b));
        } else if (in.time() < LONG || RowsAhead.near(in, y)) {
            run(team, in, in.batch() * in.heads(), (index, scratch) -> StepScan.forward(in, state, y, nextState,
                    index / in.heads(), index % in.heads(), 1, scratch));
        } else {
            heads(team, in, most, (b, first, count, scratch) -> StepScan.forward(in, state, y, nextState, b, first,
                    count, scratch));
        }
    }

    @Override
    public void backward(ThreadTeam team, ScanInputs in, Tensor state, Tensor dy, Tensor dNextState, ScanInputs dIn,
            Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        int batch = in.batch();
        int heads = in.heads();
        int width = in.decayWidth();
        int keys = in.keyWidth();
        boolean sharedByTime = in.logDecay().dim(1) == 1;
        boolean sharedByBatch = in.logDecay().dim(0) == 1 && batch > 1;
        Tensor dDecays = team.scratch().zeros(DType.F64, Shape.of(batch, heads, width));
        Tensor dBonuses = team.scratch().zeros(DType.F64, Shape.of(batch, heads, keys));
        Tensor dLogDecay = sharedByBatch && !sharedByTime
                ? team.scratch().allocate(DType.F32, Shape.of(batch, in.time(), heads, width)) : dIn.logDecay();
        run(team, in, batch * heads,
                (index, scratch) -> new ChunkBackward(in, index % heads, team.threads() == 1, dIn, dLogDecay,
                        dDecays.data().asSlice(8L * index * width, 8L * width),
                        dBonuses.data().asSlice(8L * index * keys, 8L * keys), scratch).run(state, dy, dNextState,
                                dState,
                                index / heads));
        if (sharedByTime || sharedByBatch) {
            sum(sharedByTime ? dDecays : dLogDecay, dIn.logDecay());
        }
        if (in.readsBefore()) {
            for (long i = 0; i < (long) heads * keys; i++) {
                double sum = dIn.bonus().get(i);
                for (int b = 0; b < batch; b++) {
                    sum += dBonuses.get((long) b * heads * keys + i);
                }
                dIn.bonus().set(i, sum);
            }
        }
        team.scratch().release(mark);
    }

    // Parts in double or single precision, added up over the batch if it shares a sum, in its order.
    private static void sum(Tensor parts, Tensor sums) {
        long count = parts.elements() / parts.dim(0);
        int together = sums.dim(0) == 1 ? parts.dim(0) : 1;
        for (long i = 0; i < sums.elements(); i++) {
            double sum = 0;
            for (int b = 0; b < together; b++) {
                sum += parts.get(b * count + i);
            }
            sums.set(i, sum);
        }
    }

    /** Some heads of a sequence. */
    private interface Heads {
        void run(int b, int first, int count, Workspace scratch);
    }

    // Heads that lie side by side go through the chunks together, because a whole row of heads comes from memory sooner than
    // the same in pieces: measured on one core, 12 heads of 64 by 4,096 positions, 0.78 of the time together and 0.89 by threes;
    // in steps with a rank-one term 0.77 and 0.91. Backward it gains nothing (0.97 to 1.04): states take the room in the cache.
    // Nor do two sweeps in place of kept states, one with the state for queries and one with its gradient for keys and values: heads
    // together on one core 0.82 (one decay a head) and 0.87, but on two 0.98 and on four 0.96 to 1.10, presumably because the second
    // sweep reads again from memory what otherwise is still in the third-level cache.
    // Heads know nothing of each other, so results do not depend on it.
    private static void heads(ThreadTeam team, ScanInputs in, int most, Heads task) {
        int together = together(team.threads(), in.batch(), in.heads(), most);
        int groups = (in.heads() + together - 1) / together;
        run(team, in, in.batch() * groups, (index, scratch) -> {
            int first = index % groups * together;
            task.run(index / groups, first, Math.min(together, in.heads() - first), scratch);
        });
    }

    /** The most heads a task with which all threads are done hardly later than if each head were a task. */
    static int together(int threads, int batch, int heads, int most) {
        int together = Math.max(1, Math.min(most, heads));
        while (together > 1 && 8 * rounds(threads, batch, heads, together) > 9 * rounds(threads, batch, heads, 1)) {
            together--;
        }
        return together;
    }

    // Heads that the thread with most to do goes through.
    private static long rounds(int threads, int batch, int heads, int together) {
        int groups = (heads + together - 1) / together;
        return ((long) batch * groups + threads - 1) / threads * together;
    }

    private static void run(ThreadTeam team, ScanInputs in, int tasks, ThreadTeam.Task task) {
        long work = (long) in.batch() * in.heads() * in.time() * in.keyWidth() * in.valueWidth();
        if (work >= WORTH_A_REGION) {
            team.run(tasks, task);
            return;
        }
        for (int index = 0; index < tasks; index++) {
            Workspace.Mark mark = team.scratch().mark();
            task.run(index, team.scratch());
            team.scratch().release(mark);
        }
    }
}
