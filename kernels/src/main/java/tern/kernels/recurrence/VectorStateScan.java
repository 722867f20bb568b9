package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Vector bodies for F32: a few positions are stepped at the speed of the state's memory. A head of a sequence is a task. */
public final class VectorStateScan implements StateScan {
    // Multiply–adds below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 15;
    private final StateScan plain = new ReferenceStateScan();

    /** A body without state. */
    public VectorStateScan() {
    }

    @Override
    public void forward(ThreadTeam team, ScanInputs in, Tensor state, Tensor y, Tensor nextState) {
        run(team, in, (index, scratch) -> StepScan.forward(in, state, y, nextState, index / in.heads(),
                index % in.heads(), scratch));
    }

    @Override
    public void backward(ThreadTeam team, ScanInputs in, Tensor state, Tensor dy, Tensor dNextState, ScanInputs dIn,
            Tensor dState) {
        plain.backward(team, in, state, dy, dNextState, dIn, dState);
    }

    private static void run(ThreadTeam team, ScanInputs in, ThreadTeam.Task task) {
        int tasks = in.batch() * in.heads();
        long work = (long) tasks * in.time() * in.keyWidth() * in.valueWidth();
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
