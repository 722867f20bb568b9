package tern.kernels.recurrence;

import static tern.tensor.Tensor.DOUBLE;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Plain loops in double precision, for F32 and F64: position after position, as the equations are written. Backward computes
 * states again from one kept every 64 positions.
 */
public final class ReferenceStateScan implements StateScan {
    private static final int CHUNK = 64;

    /** A body without state. */
    public ReferenceStateScan() {
    }

    @Override
    public void forward(ThreadTeam team, ScanInputs in, Tensor state, Tensor y, Tensor nextState) {
        int entries = in.keyWidth() * in.valueWidth();
        team.run(in.batch() * in.heads(), (index, scratch) -> {
            int b = index / in.heads();
            int h = index % in.heads();
            Tensor s = scratch.allocate(DType.F64, Shape.of(entries));
            Tensor probed = scratch.allocate(DType.F64, Shape.of(in.valueWidth()));
            load(state, index, s);
            for (int t = 0; t < in.time(); t++) {
                if (in.readsBefore()) {
                    read(in, b, t, h, s.data(), y);
                    addOwn(in, b, t, h, y);
                }
                advance(in, b, t, h, s.data(), 0, s.data(), 0, probed.data());
                if (!in.readsBefore()) {
                    read(in, b, t, h, s.data(), y);
                }
            }
            store(s, nextState, index);
        });
    }

    // y ← Sᵀ·q.
    private static void read(ScanInputs in, int b, int t, int h, MemorySegment s, Tensor y) {
        int keys = in.keyWidth();
        int values = in.valueWidth();
        long keyAt = in.keyAt(b, t, h);
        long valueAt = in.valueAt(b, t, h);
        for (int j = 0; j < values; j++) {
            double sum = 0;
            for (int i = 0; i < keys; i++) {
                sum += in.query().get(keyAt + i) * s.get(DOUBLE, 8L * (i * values + j));
            }
            y.set(valueAt + j, sum);
        }
    }

    // y ← y + (q·(u ⊙ k))·v.
    private static void addOwn(ScanInputs in, int b, int t, int h, Tensor y) {
        double own = own(in, b, t, h);
        long valueAt = in.valueAt(b, t, h);
        for (int j = 0; j < in.valueWidth(); j++) {
            y.set(valueAt + j, y.get(valueAt + j) + own * in.value().get(valueAt + j));
        }
    }

    private static double own(ScanInputs in, int b, int t, int h) {
        long keyAt = in.keyAt(b, t, h);
        double sum = 0;
        for (int i = 0; i < in.keyWidth(); i++) {
            sum += in.query().get(keyAt + i) * in.bonus().get((long) h * in.keyWidth() + i) * in.key().get(keyAt + i);
        }
        return sum;
    }

    private static double decay(ScanInputs in, int b, int t, int h, int i) {
        return Math.exp(in.logDecay().get(in.decayAt(b, t, h) + (in.decayWidth() == 1 ? 0 : i)));
    }

    // S ← diag(e^g)·S + b·(aᵀS) + k·vᵀ, from one place to another or in place.
    private static void advance(ScanInputs in, int b, int t, int h, MemorySegment from, long fromAt, MemorySegment to,
            long toAt, MemorySegment probed) {
        int values = in.valueWidth();
        long keyAt = in.keyAt(b, t, h);
        long valueAt = in.valueAt(b, t, h);
        if (in.hasRankOne()) {
            probe(in, b, t, h, from, fromAt, probed);
        }
        for (int i = 0; i < in.keyWidth(); i++) {
            double decay = decay(in, b, t, h, i);
            double key = in.key().get(keyAt + i);
            double rewrite = in.hasRankOne() ? in.rewrite().get(keyAt + i) : 0;
            for (int j = 0; j < values; j++) {
                double added = key * in.value().get(valueAt + j);
                if (in.hasRankOne()) {
                    added += rewrite * probed.get(DOUBLE, 8L * j);
                }
                long at = 8L * (i * values + j);
                to.set(DOUBLE, toAt + at, decay * from.get(DOUBLE, fromAt + at) + added);
            }
        }
    }

    // aᵀS.
    private static void probe(ScanInputs in, int b, int t, int h, MemorySegment s, long at, MemorySegment probed) {
        int values = in.valueWidth();
        long keyAt = in.keyAt(b, t, h);
        for (int j = 0; j < values; j++) {
            double sum = 0;
            for (int i = 0; i < in.keyWidth(); i++) {
                sum += in.probe().get(keyAt + i) * s.get(DOUBLE, at + 8L * (i * values + j));
            }
            probed.set(DOUBLE, 8L * j, sum);
        }
    }

    @Override
    public void backward(ThreadTeam team, ScanInputs in, Tensor state, Tensor dy, Tensor dNextState, ScanInputs dIn,
            Tensor dState) {
        // One head of all sequences is a task: bonus and shared log-decays are summed in the order of the batch.
        team.run(in.heads(), (h, scratch) -> backward(in, h, state, dy, dNextState, dIn, dState, scratch));
    }

    private static void backward(ScanInputs in, int h, Tensor state, Tensor dy, Tensor dNextState, ScanInputs dIn,
            Tensor dState, Workspace scratch) {
        int time = in.time();
        int entries = in.keyWidth() * in.valueWidth();
        int decays = in.logDecay().dim(0) * in.logDecay().dim(1) * in.decayWidth();
        Tensor dDecays = scratch.zeros(DType.F64, decays);
        Tensor dBonus = scratch.zeros(DType.F64, in.keyWidth());
        Tensor checkpoints = scratch.allocate(DType.F64, Shape.of(time / CHUNK + 1, entries));
        Tensor states = scratch.allocate(DType.F64, Shape.of(Math.min(time, CHUNK) + 1, entries));
        Tensor gradient = scratch.allocate(DType.F64, Shape.of(entries));
        Tensor probed = scratch.allocate(DType.F64, Shape.of(in.valueWidth()));
        Tensor dProbed = scratch.allocate(DType.F64, Shape.of(in.valueWidth()));
        for (int b = 0; b < in.batch(); b++) {
            int index = b * in.heads() + h;
            load(state, index, checkpoints.slice(0, 1));
            for (int t = 0; t < time / CHUNK * CHUNK; t++) {
                long next = 8L * (t / CHUNK + 1) * entries;
                long from = t % CHUNK == 0 ? next - 8L * entries : next;
                advance(in, b, t, h, checkpoints.data(), from, checkpoints.data(), next, probed.data());
            }
            load(dNextState, index, gradient);
            for (int start = (time - 1) / CHUNK * CHUNK; start >= 0 && time > 0; start -= CHUNK) {
                int end = Math.min(start + CHUNK, time);
                states.slice(0, 1).copyFrom(checkpoints.slice(start / CHUNK, start / CHUNK + 1));
                for (int t = start; t < end; t++) {
                    advance(in, b, t, h, states.data(), 8L * (t - start) * entries, states.data(),
                            8L * (t + 1 - start) * entries, probed.data());
                }
                for (int t = end - 1; t >= start; t--) {
                    retreat(in, b, t, h, states.data(), 8L * (t - start) * entries, dy, gradient.data(), dIn, dDecays,
                            dBonus, probed.data(), dProbed.data());
                }
            }
            store(gradient, dState, index);
        }
        for (int row = 0; row < decays / in.decayWidth(); row++) {
            for (int i = 0; i < in.decayWidth(); i++) {
                dIn.logDecay().set(((long) row * in.heads() + h) * in.decayWidth() + i,
                        dDecays.get((long) row * in.decayWidth() + i));
            }
        }
        if (in.readsBefore()) {
            for (int i = 0; i < in.keyWidth(); i++) {
                long at = (long) h * in.keyWidth() + i;
                dIn.bonus().set(at, dIn.bonus().get(at) + dBonus.get(i));
            }
        }
    }

    // One position backward; before: the state before it, the one after it lies behind.
    private static void retreat(ScanInputs in, int b, int t, int h, MemorySegment states, long before, Tensor dy,
            MemorySegment gradient, ScanInputs dIn, Tensor dDecays, Tensor dBonus, MemorySegment probed,
            MemorySegment dProbed) {
        int keys = in.keyWidth();
        int values = in.valueWidth();
        long keyAt = in.keyAt(b, t, h);
        long valueAt = in.valueAt(b, t, h);
        long readAt = in.readsBefore() ? before : before + 8L * keys * values;
        for (int i = 0; i < keys; i++) {
            double sum = 0;
            for (int j = 0; j < values; j++) {
                sum += states.get(DOUBLE, readAt + 8L * (i * values + j)) * dy.get(valueAt + j);
            }
            dIn.query().set(keyAt + i, sum);
        }
        if (!in.readsBefore()) {
            addOuter(in.query(), keyAt, keys, dy, valueAt, values, gradient);
        }
        for (int j = 0; j < values; j++) {
            double sum = 0;
            double probe = 0;
            for (int i = 0; i < keys; i++) {
                double g = gradient.get(DOUBLE, 8L * (i * values + j));
                sum += g * in.key().get(keyAt + i);
                probe += in.hasRankOne() ? g * in.rewrite().get(keyAt + i) : 0;
            }
            dIn.value().set(valueAt + j, sum);
            dProbed.set(DOUBLE, 8L * j, probe);
        }
        if (in.hasRankOne()) {
            probe(in, b, t, h, states, before, probed);
        }
        long decayAt = in.decayAt(b, t, h);
        long sumAt = (decayAt / in.decayWidth() - h) / in.heads() * in.decayWidth();
        for (int i = 0; i < keys; i++) {
            double decay = decay(in, b, t, h, i);
            double dKey = 0;
            double dDecay = 0;
            double dProbe = 0;
            double dRewrite = 0;
            for (int j = 0; j < values; j++) {
                long at = 8L * (i * values + j);
                double g = gradient.get(DOUBLE, at);
                double s = states.get(DOUBLE, before + at);
                dKey += g * in.value().get(valueAt + j);
                dDecay += g * s;
                double back = decay * g;
                if (in.hasRankOne()) {
                    double dRead = dProbed.get(DOUBLE, 8L * j);
                    dProbe += s * dRead;
                    dRewrite += g * probed.get(DOUBLE, 8L * j);
                    back += in.probe().get(keyAt + i) * dRead;
                }
                gradient.set(DOUBLE, at, back);
            }
            dIn.key().set(keyAt + i, dKey);
            long at = sumAt + (in.decayWidth() == 1 ? 0 : i);
            dDecays.set(at, dDecays.get(at) + decay * dDecay);
            if (in.hasRankOne()) {
                dIn.probe().set(keyAt + i, dProbe);
                dIn.rewrite().set(keyAt + i, dRewrite);
            }
        }
        if (in.readsBefore()) {
            ownBackward(in, b, t, h, dy, dIn, dBonus);
            addOuter(in.query(), keyAt, keys, dy, valueAt, values, gradient);
        }
    }

    private static void ownBackward(ScanInputs in, int b, int t, int h, Tensor dy, ScanInputs dIn, Tensor dBonus) {
        long keyAt = in.keyAt(b, t, h);
        long valueAt = in.valueAt(b, t, h);
        double own = own(in, b, t, h);
        double dOwn = 0;
        for (int j = 0; j < in.valueWidth(); j++) {
            dOwn += dy.get(valueAt + j) * in.value().get(valueAt + j);
            add(dIn.value(), valueAt + j, own * dy.get(valueAt + j));
        }
        for (int i = 0; i < in.keyWidth(); i++) {
            double bonus = in.bonus().get((long) h * in.keyWidth() + i);
            double query = in.query().get(keyAt + i);
            double key = in.key().get(keyAt + i);
            add(dIn.query(), keyAt + i, bonus * key * dOwn);
            add(dIn.key(), keyAt + i, bonus * query * dOwn);
            add(dBonus, i, query * key * dOwn);
        }
    }

    // M ← M + x·yᵀ.
    private static void addOuter(Tensor x, long xAt, int rows, Tensor y, long yAt, int columns, MemorySegment sum) {
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                long at = 8L * (i * columns + j);
                sum.set(DOUBLE, at, sum.get(DOUBLE, at) + x.get(xAt + i) * y.get(yAt + j));
            }
        }
    }

    private static void add(Tensor sum, long at, double value) {
        sum.set(at, sum.get(at) + value);
    }

    private static void load(Tensor states, int index, Tensor into) {
        for (long i = 0; i < into.elements(); i++) {
            into.set(i, states.get(index * into.elements() + i));
        }
    }

    private static void store(Tensor s, Tensor states, int index) {
        for (long i = 0; i < s.elements(); i++) {
            states.set(index * s.elements() + i, s.get(i));
        }
    }
}
