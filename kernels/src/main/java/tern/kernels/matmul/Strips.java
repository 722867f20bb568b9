package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicIntegerArray;

import tern.kernels.ThreadTeam;
import tern.tensor.Workspace;

/**
 * How a team carries out a product, or a batch of equal ones ({@link Blocking} does it on one thread). What slows threads down
 * is writing to cache lines that others have read, some forty cycles a line; so each copies what it needs of B for itself.
 * C is cut into strips of columns and these into units of a few rows, in that order; each member of the team begins with an
 * equal share of the units side by side, keeps the panels of the strip it is in (half of its second-level cache) and runs the
 * rows of A past them. Who has finished helps the others, unless so little is left that copying the strip would not pay. All
 * are together again after each block of {@link Blocking#STEPS}. A transposed A is the exception: it is so much slower to copy
 * that it is done once for all.
 *
 * <p>Who does a unit and how the units are cut changes no result, since a sum depends on its row and column only. Used once, by
 * the thread that made it and its team.
 */
final class Strips {
    /** Each cursor has a cache line of its own, and so has what lies before the first. */
    private static final int LINE = 16;
    /** Tiles side by side in a strip, at most: of a thousand steps they take half of a second-level cache or more. */
    private static final int MOST_TILES_ACROSS = 3;
    private static final int ENOUGH_STRIPS = 4;
    /** Units that have to be left of a strip for others to copy its panels. */
    private static final int WORTH_HELPING = 4;
    /** Numbers of A that a unit copies, and bounds for the tiles of its rows. */
    private static final int UNIT_FLOATS = 3 * Tile.ROWS * Blocking.STEPS;
    private static final int MOST_TILES_DOWN = 8;
    /** Numbers of a transposed A that are copied at once, at most. */
    private static final int SHARED_FLOATS = 1 << 21;
    /** Rows and steps of a task that copies a transposed A. */
    private static final int SHARED_ROWS = 128;
    private static final int SHARED_STEPS = 128;

    private final Blocking first;
    private final int batch;
    private final long aNext;
    private final long bNext;
    private final long cNext;
    private final int width;
    private final int strips;
    private final int unit;

    /**
     * Products that differ by where their matrices begin.
     *
     * @param first with which it begins
     * @param aNext bytes from one A to the next; likewise {@code bNext} and {@code cNext}
     */
    Strips(Blocking first, int batch, long aNext, long bNext, long cNext) {
        this.first = first;
        this.batch = batch;
        this.aNext = aNext;
        this.bNext = bNext;
        this.cNext = cNext;
        int across = MOST_TILES_ACROSS;
        while (across > 1 && batch * count(first.n(), across * Tile.COLUMNS) < ENOUGH_STRIPS) {
            across--;
        }
        width = across * Tile.COLUMNS;
        strips = count(first.n(), width);
        unit = Tile.ROWS * Math.min(MOST_TILES_DOWN,
                UNIT_FLOATS / Tile.ROWS / Math.clamp(first.k(), 1, Blocking.STEPS));
    }

    private static int count(int length, int part) {
        return (length + part - 1) / part;
    }

    /** Carries them out. */
    void run(ThreadTeam team) {
        if (first.m() <= 0 || first.n() <= 0) {
            return;
        }
        int steps = Math.min(Blocking.STEPS, first.k()), rows = first.m();
        if (batch > 1 && first.transA() && (long) batch * Blocking.leftFloats(rows, steps) > SHARED_FLOATS) {
            for (int z = 0; z < batch; z++) {
                new Strips(product(z), 1, 0, 0, 0).run(team);
            }
            return;
        }
        AtomicIntegerArray cursors = new AtomicIntegerArray(LINE * (team.threads() + 1));
        Workspace own = team.scratch();
        Workspace.Mark mark = own.mark();
        float[] shared = new float[0];
        if (first.transA()) {
            rows = Math.min(rows, SHARED_FLOATS / Blocking.leftFloats(unit, steps) * unit);
            shared = own.floats(batch * Blocking.leftFloats(rows, steps));
        }
        for (int step = 0; step == 0 || step < first.k(); step += Blocking.STEPS) {
            for (int row = 0; row < first.m(); row += rows) {
                new Region(this, step, Math.min(Blocking.STEPS, first.k() - step), row, Math.min(rows, first.m() - row),
                        team.threads(), cursors, shared).run(team);
            }
        }
        own.release(mark);
    }

    private Blocking product(int index) {
        return index == 0 ? first : first.moved(index * aNext, index * bNext, index * cNext);
    }

    /** One block of steps of some rows of all products. */
    private record Region(Strips whole, int step, int part, int firstRow, int rows, int members,
            AtomicIntegerArray cursors, float[] shared) {

        void run(ThreadTeam team) {
            if (whole.first.transA()) {
                int tasks = whole.batch * count(rows, SHARED_ROWS) * count(part, SHARED_STEPS);
                team.run(tasks, (task, scratch) -> copy(task));
            }
            for (int member = 0; member < members; member++) {
                cursors.setPlain(LINE * (member + 1), begin(member));
            }
            team.run(members, this::work);
        }

        private void copy(int task) {
            int down = count(rows, SHARED_ROWS), across = count(part, SHARED_STEPS), z = task / across / down;
            int row = task / across % down * SHARED_ROWS, from = task % across * SHARED_STEPS;
            whole.product(z).packLeftPart(step + from, Math.min(SHARED_STEPS, part - from), firstRow + row,
                    Math.min(SHARED_ROWS, rows - row), shared, Blocking.leftFloats(rows, part) * z, row, from, part);
        }

        private int unitsOfStrip() {
            return count(rows, whole.unit);
        }

        /** The unit with which a member of the team begins. */
        private int begin(int member) {
            return Math.toIntExact((long) whole.batch * whole.strips * unitsOfStrip() * member / members);
        }

        private void work(int member, Workspace scratch) {
            Workspace.Mark mark = scratch.mark();
            MemorySegment spare = Blocking.spare(scratch);
            float[] panels = scratch.floats(whole.width * part);
            float[] left = scratch.floats(Blocking.leftFloats(whole.unit, part));
            int strip = -1;
            for (int i = 0; i < members; i++) {
                strip = drain((member + i) % members, strip, i > 0, panels, left, spare);
            }
            scratch.release(mark);
        }

        /** Does what is left of a member's share; returns the strip whose panels are there. */
        private int drain(int member, int strip, boolean helping, float[] panels, float[] left, MemorySegment spare) {
            int cursor = LINE * (member + 1), end = begin(member + 1), kept = strip;
            while (true) {
                int next = cursors.get(cursor);
                boolean worth = !helping || next / unitsOfStrip() == kept || end - next >= WORTH_HELPING;
                if (next >= end || !worth) {
                    return kept;
                }
                int index = cursors.getAndIncrement(cursor);
                if (index < end) {
                    kept = runUnit(index, kept, panels, left, spare);
                }
            }
        }

        private int runUnit(int index, int kept, float[] panels, float[] left, MemorySegment spare) {
            int strip = index / unitsOfStrip(), z = strip / whole.strips;
            Blocking product = whole.product(z);
            int column = strip % whole.strips * whole.width, columns = Math.min(whole.width, product.n() - column);
            if (strip != kept) {
                product.packRight(step, part, column, columns, panels, 0);
            }
            int row = index % unitsOfStrip() * whole.unit, height = Math.min(whole.unit, rows - row);
            if (product.transA()) {
                int at = Blocking.leftFloats(rows, part) * z + Blocking.leftFloats(row, part);
                product.multiply(step, part, firstRow + row, height, column, columns, shared, at, panels, 0, spare);
            } else {
                product.packLeft(step, part, firstRow + row, height, left, 0);
                product.multiply(step, part, firstRow + row, height, column, columns, left, 0, panels, 0, spare);
            }
            return strip;
        }
    }
}
