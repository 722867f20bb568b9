package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.recurrence.SelectionRows.BLOCK;
import static tern.kernels.recurrence.SelectionRows.DECAYED;
import static tern.kernels.recurrence.SelectionRows.DECAYS;
import static tern.kernels.recurrence.SelectionRows.INPUTS;
import static tern.kernels.recurrence.SelectionRows.NEXT;
import static tern.kernels.recurrence.SelectionRows.OWN;
import static tern.kernels.recurrence.SelectionRows.STEPS;
import static tern.kernels.recurrence.SelectionRows.STREAM;
import static tern.kernels.recurrence.SelectionRows.SUMS;
import static tern.kernels.recurrence.SelectionRows.VECTORS;
import static tern.kernels.recurrence.SelectionRows.place;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.ops.Selection;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * The backward pass of the selective scan for some groups of neighbouring channels of one sequence. It keeps the states at the
 * beginnings of blocks and computes those between again: of each what has decayed of the one before, from which both the state
 * and the gradient of its decay are one multiplication away. What all channels give to B and C is summed lane by lane before
 * lanes are added up.
 */
final class SelectionBackward {
    /** Groups of a slice, and its channels. */
    private static final int GROUPS = 2;
    static final int SLICE = GROUPS * VECTORS * LENGTH;

    /** Streams besides those of the rows: gradients of outputs, of Δx and of steps, and of what each state reads and writes. */
    private static final int GIVEN = OWN;
    private static final int D_INPUTS = GIVEN + VECTORS * STREAM;
    private static final int D_STEPS = D_INPUTS + VECTORS * STREAM;
    private static final int D_READS = D_STEPS + VECTORS * STREAM;
    private static final float LN_2 = 0.69314718f;

    private final Selection in;
    private final int b;
    private final int from;
    private final int groups;
    private final int states;
    private final int blocks;
    private final SelectionRows rows;
    private final float[] x;
    private final int dWrites;
    /** The states at the beginnings of blocks, and gradients of those after the block, group by group. */
    private final float[] starts;
    private final float[] carried;
    private final int ofGroup;
    /** Sums over a block, and over the channels of a slice. */
    private final float[] sums;
    private final float[] vectors;

    /** Channels from {@code from} on, at most {@link #SLICE} of them, of sequence b. */
    SelectionBackward(Selection in, int b, int from, Workspace scratch) {
        this.in = in;
        this.b = b;
        this.from = from;
        this.groups = Math.min(GROUPS, (in.width() - from + VECTORS * LENGTH - 1) / (VECTORS * LENGTH));
        this.states = in.states();
        this.blocks = (in.x().dim(1) + BLOCK - 1) / BLOCK;
        this.dWrites = D_READS + states * STREAM;
        this.rows = new SelectionRows(in, dWrites + states * STREAM - OWN, scratch);
        this.x = rows.x;
        this.ofGroup = states * NEXT;
        this.starts = scratch.floats(blocks * groups * ofGroup);
        this.carried = scratch.floats(groups * ofGroup);
        this.sums = scratch.floats(2 * LENGTH);
        this.vectors = scratch.floats(2 * BLOCK * states);
    }

    /**
     * All positions.
     *
     * @param dState [B,N,E], what it becomes in place
     * @param dVectors gradients of B of the slice [T,N] from one byte offset on, and of C from another
     * @param totals in double precision, added to: N rows of {@link #SLICE} gradients of A, and one of D's
     */
    void run(Tensor state, Tensor dy, Selection dIn, Tensor dState, MemorySegment dVectors, long dWritesAt,
            long dReadsAt, MemorySegment totals) {
        for (int group = 0; group < groups; group++) {
            begin(group).loadStates(state);
            forwards(group);
            rows.loadStates(dState);
            System.arraycopy(rows.states, 0, carried, group * ofGroup, ofGroup);
        }
        for (int block = blocks - 1; block >= 0; block--) {
            int first = block * BLOCK;
            int count = Math.min(BLOCK, in.x().dim(1) - first);
            Arrays.fill(x, D_READS, dWrites + states * STREAM, 0);
            for (int group = 0; group < groups; group++) {
                begin(group);
                System.arraycopy(carried, group * ofGroup, rows.states, 0, ofGroup);
                block(dy.data(), group, block, count, totals);
                System.arraycopy(rows.states, 0, carried, group * ofGroup, ofGroup);
                rows.scatter(D_INPUTS, dIn.x().data(), first, count);
                rows.scatter(D_STEPS, dIn.step().data(), first, count);
            }
            long at = 4L * first * states;
            addLanes(x, dWrites, states, count, vectors);
            MemorySegment.copy(vectors, 0, dVectors, Tensor.FLOAT, dWritesAt + at, count * states);
            addLanes(x, D_READS, states, count, vectors);
            MemorySegment.copy(vectors, 0, dVectors, Tensor.FLOAT, dReadsAt + at, count * states);
        }
        for (int group = 0; group < groups; group++) {
            System.arraycopy(carried, group * ofGroup, rows.states, 0, ofGroup);
            begin(group).storeStates(dState);
        }
    }

    private SelectionRows begin(int group) {
        return rows.at(b, from + group * VECTORS * LENGTH);
    }

    // States at the beginnings of all blocks.
    private void forwards(int group) {
        for (int block = 0; block < blocks; block++) {
            System.arraycopy(rows.states, 0, starts, (block * groups + group) * ofGroup, ofGroup);
            if (block == blocks - 1) {
                return;
            }
            rows.readVectors(block * BLOCK, BLOCK);
            rows.readRows(block * BLOCK, BLOCK);
            for (int v = 0; v < rows.vectors(); v++) {
                forwards(v, INPUTS + v * STREAM);
            }
        }
    }

    private void forwards(int v, int inputs) {
        int n = 0;
        for (; n + 4 <= states; n += 4) {
            for (int k = 0; k < 4; k++) {
                rows.decay(v, n + k, BLOCK, DECAYS + k * STREAM);
            }
            passFour(x, inputs, rows.writes, n, states, rows.states, place(v, n));
        }
        for (; n < states; n++) {
            rows.decay(v, n, BLOCK, DECAYS);
            pass(x, inputs, rows.writes, n, states, rows.states, place(v, n));
        }
    }

    private static void passFour(float[] x, int inputs, float[] write, int first, int states, float[] state, int at) {
        FloatVector h0 = FloatVector.fromArray(SPECIES, state, at);
        FloatVector h1 = FloatVector.fromArray(SPECIES, state, at + NEXT);
        FloatVector h2 = FloatVector.fromArray(SPECIES, state, at + 2 * NEXT);
        FloatVector h3 = FloatVector.fromArray(SPECIES, state, at + 3 * NEXT);
        int n = first;
        for (int row = 0; row < BLOCK * LENGTH; row += LENGTH) {
            int decay = DECAYS + row;
            FloatVector input = FloatVector.fromArray(SPECIES, x, inputs + row);
            h0 = FloatVector.fromArray(SPECIES, x, decay).fma(h0, input.mul(write[n]));
            h1 = FloatVector.fromArray(SPECIES, x, decay + STREAM).fma(h1, input.mul(write[n + 1]));
            h2 = FloatVector.fromArray(SPECIES, x, decay + 2 * STREAM).fma(h2, input.mul(write[n + 2]));
            h3 = FloatVector.fromArray(SPECIES, x, decay + 3 * STREAM).fma(h3, input.mul(write[n + 3]));
            n += states;
        }
        h0.intoArray(state, at);
        h1.intoArray(state, at + NEXT);
        h2.intoArray(state, at + 2 * NEXT);
        h3.intoArray(state, at + 3 * NEXT);
    }

    private static void pass(float[] x, int inputs, float[] write, int first, int states, float[] state, int at) {
        FloatVector h = FloatVector.fromArray(SPECIES, state, at);
        int n = first;
        for (int row = 0; row < BLOCK * LENGTH; row += LENGTH) {
            h = FloatVector.fromArray(SPECIES, x, DECAYS + row).fma(h,
                    FloatVector.fromArray(SPECIES, x, inputs + row).mul(write[n]));
            n += states;
        }
        h.intoArray(state, at);
    }

    // A block of a group: its carried gradients become those before the block.
    private void block(MemorySegment dy, int group, int block, int count, MemorySegment totals) {
        rows.readVectors(block * BLOCK, count);
        rows.readRows(block * BLOCK, count);
        rows.gather(dy, block * BLOCK, count, GIVEN);
        Arrays.fill(x, D_INPUTS, D_READS, 0);
        for (int v = 0; v < rows.vectors(); v++) {
            int lane = (group * VECTORS + v) * LENGTH;
            int own = v * STREAM;
            dot(x, GIVEN + own, SUMS + own, count, sums);
            add(sums, 0, totals, 8L * ((long) states * SLICE + lane));
            for (int n = 0; n < states; n += 2) {
                int start = (block * groups + group) * ofGroup + place(v, n);
                int at = place(v, n);
                if (n + 1 < states) {
                    rows.decay(v, n, count, DECAYS);
                    rows.decay(v, n + 1, count, DECAYS + STREAM);
                    keepTwo(x, INPUTS + own, rows.writes, n, states, count, starts, start);
                    backTwo(x, own, rows.writes, rows.reads, n, states, count, dWrites, rows.rates, rows.states, at,
                            sums);
                    add(sums, LENGTH, totals, 8L * ((long) (n + 1) * SLICE + lane));
                } else {
                    rows.decay(v, n, count, DECAYS);
                    keep(x, INPUTS + own, rows.writes, n, states, count, starts, start);
                    back(x, own, rows.writes, rows.reads, n, states, count, dWrites, rows.rates, rows.states, at, sums);
                }
                add(sums, 0, totals, 8L * ((long) n * SLICE + lane));
            }
            end(x, own, rows.skips(v), count);
        }
    }

    private static void dot(float[] x, int a, int b, int count, float[] into) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int row = 0; row < count * LENGTH; row += LENGTH) {
            sum = FloatVector.fromArray(SPECIES, x, a + row).fma(FloatVector.fromArray(SPECIES, x, b + row), sum);
        }
        sum.intoArray(into, 0);
    }

    private static void add(float[] sums, int from, MemorySegment totals, long at) {
        for (int lane = 0; lane < LENGTH; lane++) {
            totals.set(Tensor.DOUBLE, at + 8L * lane, totals.get(Tensor.DOUBLE, at + 8L * lane) + sums[from + lane]);
        }
    }

    // What has decayed of two states at each position.
    private static void keepTwo(float[] x, int inputs, float[] write, int first, int states, int count, float[] start,
            int at) {
        FloatVector h0 = FloatVector.fromArray(SPECIES, start, at);
        FloatVector h1 = FloatVector.fromArray(SPECIES, start, at + NEXT);
        int n = first;
        for (int row = 0; row < count * LENGTH; row += LENGTH) {
            FloatVector input = FloatVector.fromArray(SPECIES, x, inputs + row);
            h0 = h0.mul(FloatVector.fromArray(SPECIES, x, DECAYS + row));
            h1 = h1.mul(FloatVector.fromArray(SPECIES, x, DECAYS + STREAM + row));
            h0.intoArray(x, DECAYED + row);
            h1.intoArray(x, DECAYED + STREAM + row);
            h0 = input.fma(FloatVector.broadcast(SPECIES, write[n]), h0);
            h1 = input.fma(FloatVector.broadcast(SPECIES, write[n + 1]), h1);
            n += states;
        }
    }

    private static void keep(float[] x, int inputs, float[] write, int first, int states, int count, float[] start,
            int at) {
        FloatVector h = FloatVector.fromArray(SPECIES, start, at);
        int n = first;
        for (int row = 0; row < count * LENGTH; row += LENGTH) {
            h = h.mul(FloatVector.fromArray(SPECIES, x, DECAYS + row));
            h.intoArray(x, DECAYED + row);
            h = FloatVector.fromArray(SPECIES, x, inputs + row).fma(FloatVector.broadcast(SPECIES, write[n]), h);
            n += states;
        }
    }

    private static void backTwo(float[] x, int own, float[] write, float[] read, int first, int states, int count,
            int dWrites, float[] rates, float[] carried, int at, float[] sums) {
        FloatVector later0 = FloatVector.fromArray(SPECIES, carried, at);
        FloatVector later1 = FloatVector.fromArray(SPECIES, carried, at + NEXT);
        FloatVector rate0 = FloatVector.fromArray(SPECIES, rates, at);
        FloatVector rate1 = FloatVector.fromArray(SPECIES, rates, at + NEXT);
        FloatVector dRate0 = FloatVector.zero(SPECIES);
        FloatVector dRate1 = dRate0;
        int dRead = D_READS + first * STREAM;
        int dWrite = dWrites + first * STREAM;
        for (int t = count - 1; t >= 0; t--) {
            int row = t * LENGTH;
            int n = first + t * states;
            int here = own + row;
            FloatVector given = FloatVector.fromArray(SPECIES, x, GIVEN + here);
            FloatVector input = FloatVector.fromArray(SPECIES, x, INPUTS + here);
            FloatVector found0 = given.fma(FloatVector.broadcast(SPECIES, read[n]), later0);
            FloatVector found1 = given.fma(FloatVector.broadcast(SPECIES, read[n + 1]), later1);
            later0 = found0.mul(FloatVector.fromArray(SPECIES, x, DECAYS + row));
            later1 = found1.mul(FloatVector.fromArray(SPECIES, x, DECAYS + STREAM + row));
            FloatVector write0 = FloatVector.broadcast(SPECIES, write[n]);
            FloatVector write1 = FloatVector.broadcast(SPECIES, write[n + 1]);
            FloatVector decayed0 = FloatVector.fromArray(SPECIES, x, DECAYED + row);
            FloatVector decayed1 = FloatVector.fromArray(SPECIES, x, DECAYED + STREAM + row);
            given.fma(input.fma(write0, decayed0), FloatVector.fromArray(SPECIES, x, dRead + row)).intoArray(x,
                    dRead + row);
            given.fma(input.fma(write1, decayed1), FloatVector.fromArray(SPECIES, x, dRead + STREAM + row)).intoArray(x,
                    dRead + STREAM + row);
            found0.fma(input, FloatVector.fromArray(SPECIES, x, dWrite + row)).intoArray(x, dWrite + row);
            found1.fma(input, FloatVector.fromArray(SPECIES, x, dWrite + STREAM + row)).intoArray(x,
                    dWrite + STREAM + row);
            found1.fma(write1, found0.fma(write0, FloatVector.fromArray(SPECIES, x, D_INPUTS + here))).intoArray(x,
                    D_INPUTS + here);
            FloatVector step = FloatVector.fromArray(SPECIES, x, STEPS + here);
            FloatVector dExponent0 = found0.mul(decayed0);
            FloatVector dExponent1 = found1.mul(decayed1);
            dExponent1.fma(rate1, dExponent0.fma(rate0, FloatVector.fromArray(SPECIES, x, D_STEPS + here))).intoArray(x,
                    D_STEPS + here);
            dRate0 = dExponent0.fma(step, dRate0);
            dRate1 = dExponent1.fma(step, dRate1);
        }
        later0.intoArray(carried, at);
        later1.intoArray(carried, at + NEXT);
        dRate0.intoArray(sums, 0);
        dRate1.intoArray(sums, LENGTH);
    }

    private static void back(float[] x, int own, float[] write, float[] read, int first, int states, int count,
            int dWrites, float[] rates, float[] carried, int at, float[] sums) {
        FloatVector later = FloatVector.fromArray(SPECIES, carried, at);
        FloatVector rate = FloatVector.fromArray(SPECIES, rates, at);
        FloatVector dRate = FloatVector.zero(SPECIES);
        int dRead = D_READS + first * STREAM;
        int dWrite = dWrites + first * STREAM;
        for (int t = count - 1; t >= 0; t--) {
            int row = t * LENGTH;
            int n = first + t * states;
            int here = own + row;
            FloatVector given = FloatVector.fromArray(SPECIES, x, GIVEN + here);
            FloatVector input = FloatVector.fromArray(SPECIES, x, INPUTS + here);
            FloatVector factor = FloatVector.broadcast(SPECIES, write[n]);
            FloatVector decayed = FloatVector.fromArray(SPECIES, x, DECAYED + row);
            FloatVector found = given.fma(FloatVector.broadcast(SPECIES, read[n]), later);
            later = found.mul(FloatVector.fromArray(SPECIES, x, DECAYS + row));
            given.fma(input.fma(factor, decayed), FloatVector.fromArray(SPECIES, x, dRead + row)).intoArray(x,
                    dRead + row);
            found.fma(input, FloatVector.fromArray(SPECIES, x, dWrite + row)).intoArray(x, dWrite + row);
            found.fma(factor, FloatVector.fromArray(SPECIES, x, D_INPUTS + here)).intoArray(x, D_INPUTS + here);
            FloatVector dExponent = found.mul(decayed);
            dExponent.fma(rate, FloatVector.fromArray(SPECIES, x, D_STEPS + here)).intoArray(x, D_STEPS + here);
            dRate = dExponent.fma(FloatVector.fromArray(SPECIES, x, STEPS + here), dRate);
        }
        later.intoArray(carried, at);
        dRate.intoArray(sums, 0);
    }

    // Gradients of x and of steps from those of Δx and of what steps did to decays, whose rates were times log2 e.
    private static void end(float[] x, int own, float[] skips, int count) {
        FloatVector skip = FloatVector.fromArray(SPECIES, skips, 0);
        FloatVector ln2 = FloatVector.broadcast(SPECIES, LN_2);
        for (int row = own; row < own + count * LENGTH; row += LENGTH) {
            FloatVector dInput = FloatVector.fromArray(SPECIES, x, D_INPUTS + row);
            dInput.fma(FloatVector.fromArray(SPECIES, x, SUMS + row),
                    FloatVector.fromArray(SPECIES, x, D_STEPS + row).mul(ln2)).intoArray(x, D_STEPS + row);
            dInput.fma(FloatVector.fromArray(SPECIES, x, STEPS + row),
                    FloatVector.fromArray(SPECIES, x, GIVEN + row).mul(skip)).intoArray(x, D_INPUTS + row);
        }
    }

    // Of each position and state the sum of its lanes.
    private static void addLanes(float[] x, int at, int states, int count, float[] into) {
        int n = 0;
        for (; n + 4 <= states; n += 4) {
            addFour(x, at + n * STREAM, states, count, into, n);
        }
        for (; n < states; n++) {
            for (int t = 0; t < count; t++) {
                into[t * states + n] = Lanes.sum(FloatVector.fromArray(SPECIES, x, at + n * STREAM + t * LENGTH));
            }
        }
    }

    private static void addFour(float[] x, int at, int states, int count, float[] into, int to) {
        for (int t = 0; t < count; t++) {
            int row = at + t * LENGTH;
            ChunkRows.sums(FloatVector.fromArray(SPECIES, x, row), FloatVector.fromArray(SPECIES, x, row + STREAM),
                    FloatVector.fromArray(SPECIES, x, row + 2 * STREAM),
                    FloatVector.fromArray(SPECIES, x, row + 3 * STREAM))
                    .intoArray(into, t * states + to, ChunkRows.FIRST_FOUR);
        }
    }
}
