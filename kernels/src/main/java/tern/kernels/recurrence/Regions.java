package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.Workspace;

/** Tasks shared out to threads where there is enough to do, one after another where a region's start would cost more. */
final class Regions {
    private static final long WORTH_A_REGION = 1 << 15;

    private Regions() {
    }

    /** Runs tasks 0 … tasks−1. {@code work} counts numbers touched, all tasks together. */
    static void run(ThreadTeam team, int tasks, long work, ThreadTeam.Task task) {
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
