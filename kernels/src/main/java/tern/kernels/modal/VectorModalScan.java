package tern.kernels.modal;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32. One filter of one sequence is a piece of work: its state stays in the first-level cache while time
 * runs. Heads have the entries of their outer product in the lanes ({@link HeadLanes}), scalar filters their modes
 * ({@link ModeLanes}). Backward goes over one filter of all sequences, so that the gradients of a mode have one writer; it
 * keeps the state of every {@link #CHUNK}th position and computes the others again.
 */
public final class VectorModalScan implements ModalScan {
    /** Positions between two states that backward keeps. */
    static final int CHUNK = 32;
    /** State updates that are worth a task of their own. */
    private static final long TASK_WORK = 1L << 13;

    /** A body without state. */
    public VectorModalScan() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Modes modes, Tensor poles, Tensor passThrough, Tensor state,
            Tensor y,
            Tensor nextState) {
        move(state, nextState);
        int filters = modes.filters();
        ModeLanes lanes = new ModeLanes(x.dim(1), modes, poles, passThrough);
        inTasks(team, x.dim(0) * filters, (long) x.dim(1) * Math.max(1, modes.order() / filters),
                (piece, scratch) -> lanes.forward(piece / filters, piece % filters, x, nextState, y));
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dx, Modes dModes, Tensor dPassThrough, Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor poles = Poles.evaluate(modes, team.scratch());
        Tensor dPoles = team.scratch().zeros(DType.F32, modes.order());
        move(dNextState, dState);
        ModeLanes lanes = new ModeLanes(x.dim(1), modes, poles, passThrough);
        team.run(modes.filters(), (filter, scratch) -> {
            for (int b = 0; b < x.dim(0); b++) {
                lanes.backward(b, filter, x, state, dy, dx, dModes, dPoles, dPassThrough, dState, scratch);
            }
        });
        Poles.backward(modes, dPoles, dModes);
        team.scratch().release(mark);
    }

    @Override
    public void forwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor poles,
            Tensor passThrough, Tensor state, Tensor y, Tensor nextState) {
        move(state, nextState);
        int filters = modes.filters();
        HeadLanes lanes = new HeadLanes(query.dim(1), query.dim(3), modes, poles, passThrough);
        inTasks(team, query.dim(0) * filters,
                (long) query.dim(1) * query.dim(3) * query.dim(3) * Math.max(1, modes.order() / filters),
                (piece, scratch) -> lanes.forward(piece / filters, piece % filters, query, key, value, nextState, y,
                        scratch));
    }

    @Override
    public void backwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor dy, Tensor dNextState, Tensor dQuery, Tensor dKey, Tensor dValue, Modes dModes,
            Tensor dPassThrough, Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor poles = Poles.evaluate(modes, team.scratch());
        Tensor dPoles = team.scratch().zeros(DType.F32, modes.order());
        move(dNextState, dState);
        HeadLanes lanes = new HeadLanes(query.dim(1), query.dim(3), modes, poles, passThrough);
        team.run(modes.filters(), (filter, scratch) -> {
            for (int b = 0; b < query.dim(0); b++) {
                lanes.backward(b, filter, query, key, value, state, dy, dQuery, dKey, dValue, dModes, dPoles,
                        dPassThrough,
                        dState, scratch);
            }
        });
        Poles.backward(modes, dPoles, dModes);
        team.scratch().release(mark);
    }

    /** Pieces in order, several to a task if they are small; all on this thread if there is too little work to share. */
    private static void inTasks(ThreadTeam team, int pieces, long workOfPiece, ThreadTeam.Task piece) {
        int perTask = Math.clamp(TASK_WORK / Math.max(1, workOfPiece), 1, Math.max(1, pieces));
        int tasks = (pieces + perTask - 1) / perTask;
        if (tasks <= 2) {
            for (int i = 0; i < pieces; i++) {
                Workspace.Mark mark = team.scratch().mark();
                piece.run(i, team.scratch());
                team.scratch().release(mark);
            }
            return;
        }
        team.run(tasks, (task, scratch) -> {
            for (int i = task * perTask; i < Math.min(pieces, (task + 1) * perTask); i++) {
                Workspace.Mark mark = scratch.mark();
                piece.run(i, scratch);
                scratch.release(mark);
            }
        });
    }

    private static void move(Tensor from, Tensor to) {
        if (from != to) {
            to.copyFrom(from);
        }
    }

    /** Uninitialised floats. */
    static MemorySegment floats(Workspace scratch, int count) {
        return scratch.allocate(DType.F32, Shape.of(count)).data();
    }

    /** Uninitialised floats, set to zero. */
    static MemorySegment zeros(Workspace scratch, int count) {
        return floats(scratch, count).fill((byte) 0);
    }
}
