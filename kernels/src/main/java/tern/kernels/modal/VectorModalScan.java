package tern.kernels.modal;

import static tern.kernels.lanes.Lanes.LENGTH;

import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32. One or a few positions are stepped at the speed of the state's memory; many positions of scalar
 * filters are scanned with filters in the lanes, many positions of heads go in chunks of matrix products. Backward keeps the
 * state before each chunk of 64 positions and computes those within a chunk again. Tasks are groups of filters of one
 * sequence; sums over the batch are taken in double precision in its order.
 */
public final class VectorModalScan implements ModalScan {
    /** From this many positions on, laying states and coefficients out anew is worth it. */
    private static final int MANY = 4;
    private static final int MANY_OF_HEADS = 8;
    // Floats of state below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 15;
    private static final int STEP_TASKS = 16;

    private final int many;
    private final int manyOfHeads;

    /** A body that chooses the form by the number of positions. */
    public VectorModalScan() {
        this(MANY, MANY_OF_HEADS);
    }

    private VectorModalScan(int many, int manyOfHeads) {
        this.many = many;
        this.manyOfHeads = manyOfHeads;
    }

    /** A body whose forward pass steps however many positions there are, so that bits do not depend on where time is cut. */
    public static VectorModalScan stepping() {
        return new VectorModalScan(Integer.MAX_VALUE, Integer.MAX_VALUE);
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Modes modes, Tensor poles, Tensor passThrough, Tensor state,
            Tensor y,
            Tensor nextState) {
        int batch = x.dim(0);
        int time = x.dim(1);
        if (time == 0) {
            keep(state, nextState);
        } else if (time < many) {
            int parts = Math.min(STEP_TASKS, modes.filters());
            run(team, batch * parts, (long) batch * time * modes.order(),
                    (index, scratch) -> ModalStep.scalar(x, modes, poles,
                            passThrough, state, y, nextState, index / parts, edge(modes, index % parts, parts),
                            edge(modes, index % parts + 1, parts), scratch));
        } else {
            int groups = (modes.filters() + LENGTH - 1) / LENGTH;
            run(team, batch * groups, (long) batch * time * modes.order(),
                    (index, scratch) -> new ScalarScan(modes, poles, index % groups * LENGTH, scratch).forward(x,
                            passThrough,
                            state, y, nextState, index / groups, scratch));
        }
    }

    @Override
    public void forwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor poles,
            Tensor passThrough, Tensor state, Tensor y, Tensor nextState) {
        int batch = query.dim(0);
        int time = query.dim(1);
        int width = query.dim(3);
        long work = (long) batch * time * modes.order() * width * width;
        if (time == 0) {
            keep(state, nextState);
        } else if (time < manyOfHeads) {
            int parts = Math.min(STEP_TASKS, modes.filters());
            run(team, batch * parts, work,
                    (index, scratch) -> ModalStep.heads(query, key, value, modes, poles, passThrough,
                            state, y, nextState, index / parts, edge(modes, index % parts, parts),
                            edge(modes, index % parts + 1, parts), scratch));
        } else {
            run(team, batch * modes.filters(), work, (index, scratch) -> {
                int f = index % modes.filters();
                new HeadScan(modes, poles, passThrough, f, width, time, scratch).forward(query, key, value, state, y,
                        nextState,
                        index / modes.filters());
            });
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dx, Modes dModes, Tensor dPassThrough, Tensor dState) {
        if (x.dim(1) == 0) {
            keep(dNextState, dState);
            return;
        }
        Workspace.Mark mark = team.scratch().mark();
        Tensor poles = Poles.evaluate(modes, team.scratch());
        ModalSums sums = ModalSums.zeros(team.scratch(), x.dim(0), modes);
        int groups = (modes.filters() + LENGTH - 1) / LENGTH;
        team.run(x.dim(0) * groups,
                (index, scratch) -> new ScalarScan(modes, poles, index % groups * LENGTH, scratch).backward(x,
                        passThrough,
                        state, dy, dNextState, dx, dState, sums, index / groups, scratch));
        sums.into(modes, dModes, dPassThrough, team.scratch());
        team.scratch().release(mark);
    }

    @Override
    public void backwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor dy, Tensor dNextState, Tensor dQuery, Tensor dKey, Tensor dValue, Modes dModes,
            Tensor dPassThrough, Tensor dState) {
        if (query.dim(1) == 0) {
            keep(dNextState, dState);
            return;
        }
        Workspace.Mark mark = team.scratch().mark();
        Tensor poles = Poles.evaluate(modes, team.scratch());
        ModalSums sums = ModalSums.zeros(team.scratch(), query.dim(0), modes);
        team.run(query.dim(0) * modes.filters(), (index, scratch) -> {
            int f = index % modes.filters();
            new HeadScan(modes, poles, passThrough, f, query.dim(3), query.dim(1), scratch).backward(query, key, value,
                    state,
                    dy, dNextState, dQuery, dKey, dValue, dState, sums, index / modes.filters());
        });
        sums.into(modes, dModes, dPassThrough, team.scratch());
        team.scratch().release(mark);
    }

    private static void keep(Tensor state, Tensor nextState) {
        if (state.data().address() != nextState.data().address()) {
            nextState.copyFrom(state);
        }
    }

    // The filter where a part begins, such that parts have about equal numbers of filters.
    private static int edge(Modes modes, int part, int parts) {
        return (int) ((long) modes.filters() * part / parts);
    }

    private static void run(ThreadTeam team, int tasks, long work, ThreadTeam.Task task) {
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
