package tern.kernels.memory;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, values in the lanes; a task is a head of a sequence. Other types go to the plain body. Many positions go in
 * pieces of a chunk, by matrix products; a few, or chunks of a few, one by one. Backward computes memories again from those
 * kept every {@value #STRETCH} positions, or every {@value #PIECES} pieces. Immutable.
 */
public final class VectorMemoryScan implements MemoryScan {
    private static final int STRETCH = 64;
    private static final int PIECES = 16;
    // Positions of a chunk, and of a call, from which on matrix products are the faster form.
    private static final int FEWEST = 4;

    private final MemoryScan plain = new ReferenceMemoryScan();
    private final boolean steps;

    /** A body without state. */
    public VectorMemoryScan() {
        this(false);
    }

    private VectorMemoryScan(boolean steps) {
        this.steps = steps;
    }

    /** A body that goes position by position, forward with the same bits wherever time is cut. */
    public static VectorMemoryScan stepping() {
        return new VectorMemoryScan(true);
    }

    private static boolean goesInPieces(Inputs in) {
        return Math.min(in.chunk(), in.time()) >= FEWEST;
    }

    /** One head of one sequence: M, S and the anchor are K rows each of whole vectors. */
    private static final class Head {
        private final Inputs in;
        private final int b;
        private final int head;
        private final int keys;
        private final int values;
        private final int n;
        /** Numbers from M to S to the anchor. */
        private final int apart;
        private final float[] key;
        private final float[] query;
        private final float[] surprise;
        /** What the surprise was multiplied with. */
        private float shortened;

        Head(Inputs in, int index, Workspace scratch) {
            this.in = in;
            this.b = index / in.heads();
            this.head = index % in.heads();
            this.keys = in.key().dim(3);
            this.values = in.value().dim(3);
            this.n = Lanes.padded(values);
            this.apart = keys * n;
            this.key = scratch.floats(keys);
            this.query = scratch.floats(keys);
            this.surprise = scratch.floats(n);
        }

        void load(Tensor state, float[] into) {
            long from = (long) (b * in.heads() + head) * 3 * keys;
            for (int row = 0; row < 3 * keys; row++) {
                row(state, from + row, values, into, row * n, n);
            }
        }

        void store(float[] from, Tensor state) {
            long to = (long) (b * in.heads() + head) * 3 * keys;
            for (int row = 0; row < 3 * keys; row++) {
                MemorySegment.copy(from, row * n, state.data(), Tensor.FLOAT, 4 * (to + row) * values, values);
            }
        }

        static void row(Tensor from, long row, int count, float[] into, int at, int padded) {
            MemorySegment.copy(from.data(), Tensor.FLOAT, 4 * row * count, into, at, count);
            Arrays.fill(into, at + count, at + padded, 0);
        }

        static void put(float[] from, int count, Tensor into, long row) {
            MemorySegment.copy(from, 0, into.data(), Tensor.FLOAT, 4 * row * count, count);
        }

        float of(Tensor gate, long row) {
            return gate.data().get(Tensor.FLOAT, 4 * row);
        }

        /** The surprise of a position, once its chunk's anchor is there. */
        void surprise(int t, float[] state, int at) {
            if (in.begins(b, t)) {
                System.arraycopy(state, at, state, at + 2 * apart, apart);
            }
            long row = in.row(b, t, head);
            row(in.key(), row, keys, key, 0, keys);
            row(in.value(), row, values, surprise, 0, n);
            for (int i = 0; i < n; i++) {
                surprise[i] = -surprise[i];
            }
            for (int k = 0; k < keys; k++) {
                MemoryLoops.add(key[k], state, at + 2 * apart + k * n, surprise, 0, n);
            }
            shortened = (float) MemoryScan.shortening(MemoryLoops.dot(surprise, 0, surprise, 0, n));
            for (int i = 0; shortened < 1 && i < n; i++) {
                surprise[i] *= shortened;
            }
        }

        /** The gradient of a surprise before it was shortened: what would have made it longer moved nothing. */
        void shorten(float[] slope) {
            if (shortened == 1) {
                return;
            }
            float along = MemoryLoops.dot(slope, 0, surprise, 0, n) / (LONGEST_SURPRISE * LONGEST_SURPRISE);
            for (int i = 0; i < n; i++) {
                slope[i] = shortened * (slope[i] - along * surprise[i]);
            }
        }

        /** Learns a position: from M and S in one place to those after it in another. */
        void write(int t, float[] from, int fromAt, float[] to, int toAt) {
            long row = in.row(b, t, head);
            float eta = of(in.momentum(), row);
            float keep = of(in.keep(), row);
            float weight = -2 * of(in.rate(), row);
            for (int k = 0; k < keys; k++) {
                MemoryLoops.write(from, fromAt + k * n, to, toAt + k * n, apart, eta, weight * key[k], surprise, keep,
                        n);
            }
        }
    }

    @Override
    public void forward(ThreadTeam team, Inputs in, Tensor state, Tensor y, Tensor nextState) {
        if (state.dtype() != DType.F32) {
            plain.forward(team, in, state, y, nextState);
            return;
        }
        if (!steps && goesInPieces(in)) {
            team.run(in.query().dim(0) * in.heads(),
                    (index, scratch) -> pieces(in, index, state, y, nextState, scratch));
            return;
        }
        team.run(in.query().dim(0) * in.heads(), (index, scratch) -> {
            Head head = new Head(in, index, scratch);
            float[] memory = scratch.floats(3 * head.apart);
            float[] read = scratch.floats(head.n);
            head.load(state, memory);
            for (int t = 0; t < in.time(); t++) {
                long row = in.row(head.b, t, head.head);
                head.surprise(t, memory, 0);
                head.write(t, memory, 0, memory, 0);
                Head.row(in.query(), row, head.keys, head.query, 0, head.keys);
                Arrays.fill(read, 0, head.n, 0);
                for (int k = 0; k < head.keys; k++) {
                    MemoryLoops.add(head.query[k], memory, k * head.n, read, 0, head.n);
                }
                Head.put(read, head.values, y, row);
            }
            head.store(memory, nextState);
        });
    }

    @Override
    public void backward(ThreadTeam team, Inputs in, Tensor state, Tensor dy, Tensor dNextState, Inputs dIn,
            Tensor dState) {
        if (state.dtype() != DType.F32) {
            plain.backward(team, in, state, dy, dNextState, dIn, dState);
            return;
        }
        if (!steps && goesInPieces(in)) {
            team.run(in.query().dim(0) * in.heads(),
                    (index, scratch) -> piecesBackward(in, index, state, dy, dNextState, dIn, dState, scratch));
            return;
        }
        team.run(in.query().dim(0) * in.heads(), (index, scratch) -> {
            Head head = new Head(in, index, scratch);
            int all = 3 * head.apart;
            int stretches = (in.time() + STRETCH - 1) / STRETCH;
            float[] starts = scratch.floats((stretches + 1) * all);
            float[] states = scratch.floats((Math.min(STRETCH, in.time()) + 1) * all);
            float[] d = scratch.floats(all);
            float[] spare = scratch.floats(2 * (head.keys + head.n));
            head.load(state, starts);
            for (int stretch = 0; stretch < stretches; stretch++) {
                int at = (stretch + 1) * all;
                System.arraycopy(starts, stretch * all, starts, at, all);
                for (int t = stretch * STRETCH; t < Math.min(in.time(), (stretch + 1) * STRETCH); t++) {
                    head.surprise(t, starts, at);
                    head.write(t, starts, at, starts, at);
                }
            }
            head.load(dNextState, d);
            for (int stretch = stretches - 1; stretch >= 0; stretch--) {
                int from = stretch * STRETCH;
                int to = Math.min(in.time(), from + STRETCH);
                System.arraycopy(starts, stretch * all, states, 0, all);
                for (int t = from; t < to; t++) {
                    // Slot i holds M and S before position i, and the anchor that it was learnt by.
                    int at = (t - from) * all;
                    head.surprise(t, states, at);
                    head.write(t, states, at, states, at + all);
                    System.arraycopy(states, at + 2 * head.apart, states, at + all + 2 * head.apart, head.apart);
                }
                for (int t = to - 1; t >= from; t--) {
                    retreat(head, t, states, (t - from) * all, dy, d, spare, dIn);
                }
            }
            head.store(d, dState);
        });
    }

    private static void pieces(Inputs in, int index, Tensor state, Tensor y, Tensor nextState, Workspace scratch) {
        MemoryPiece piece = new MemoryPiece(in, index, scratch);
        MemorySegment memory = MemoryPiece.zeros(scratch, 3 * piece.apart());
        piece.load(state, memory);
        for (int t = 0, length; t < in.time(); t += length) {
            length = piece.length(t);
            piece.forward(t, length, memory, y);
        }
        piece.store(memory, nextState);
    }

    private static void piecesBackward(Inputs in, int index, Tensor state, Tensor dy, Tensor dNextState, Inputs dIn,
            Tensor dState, Workspace scratch) {
        MemoryPiece piece = new MemoryPiece(in, index, scratch);
        MemoryPiece.Slopes slopes = new MemoryPiece.Slopes(piece, scratch);
        int count = 0;
        for (int t = 0; t < in.time(); t += piece.length(t)) {
            count++;
        }
        int[] begin = new int[count + 1];
        for (int i = 0; i < count; i++) {
            begin[i + 1] = begin[i] + piece.length(begin[i]);
        }
        long all = 12L * piece.apart();
        MemorySegment starts = scratch.floatMemory((count / PIECES + 2) * all / 4);
        MemorySegment states = scratch.floatMemory((PIECES + 1) * all / 4);
        MemorySegment now = MemoryPiece.zeros(scratch, 3 * piece.apart());
        piece.load(state, now);
        for (int i = 0; i < count; i++) {
            if (i % PIECES == 0) {
                MemorySegment.copy(now, 0, starts, i / PIECES * all, all);
            }
            piece.learn(begin[i], begin[i + 1] - begin[i], now, 0);
        }
        MemorySegment d = MemoryPiece.zeros(scratch, 3 * piece.apart());
        piece.load(dNextState, d);
        for (int first = (count - 1) / PIECES * PIECES; first >= 0; first -= PIECES) {
            int last = Math.min(count, first + PIECES);
            MemorySegment.copy(starts, first / PIECES * all, states, 0, all);
            for (int i = first; i < last; i++) {
                long at = (i - first) * all;
                piece.anchor(begin[i], states, at);
                MemorySegment.copy(states, at, states, at + all, all);
                piece.learn(begin[i], begin[i + 1] - begin[i], states, at + all);
            }
            for (int i = last - 1; i >= first; i--) {
                piece.backward(begin[i], begin[i + 1] - begin[i], states, (i - first) * all, dy, d, slopes, dIn);
            }
        }
        piece.store(d, dState);
    }

    private static void retreat(Head head, int t, float[] states, int at, Tensor dy, float[] d, float[] spare,
            Inputs dIn) {
        Inputs in = head.in;
        int n = head.n;
        int keys = head.keys;
        int apart = head.apart;
        int after = at + 3 * apart;
        long row = in.row(head.b, t, head.head);
        boolean begins = in.begins(head.b, t);
        head.surprise(t, states, at);
        Head.row(in.query(), row, keys, head.query, 0, keys);
        int dKey = keys;
        int dRead = 2 * keys;
        int through = dRead + n;
        Head.row(dy, row, head.values, spare, dRead, n);
        float[] read = Arrays.copyOfRange(spare, dRead, dRead + n);
        Arrays.fill(spare, through, through + n, 0);
        float rate = head.of(in.rate(), row);
        float dKeep = 0;
        float dEta = 0;
        for (int k = 0; k < keys; k++) {
            spare[k] = MemoryLoops.dot(states, after + k * n, read, 0, n);
            MemoryLoops.open(head.query[k], read, d, k * n, apart, n);
            dKeep += MemoryLoops.dot(d, k * n, states, at + k * n, n);
            dEta += MemoryLoops.dot(d, apart + k * n, states, at + apart + k * n, n);
            spare[dKey + k] = -2 * rate * MemoryLoops.dot(d, apart + k * n, head.surprise, 0, n);
            MemoryLoops.add(head.key[k], d, apart + k * n, spare, through, n);
        }
        float dRate = -2 * MemoryLoops.dot(spare, through, head.surprise, 0, n);
        float[] dSurprise = read;
        for (int i = 0; i < n; i++) {
            dSurprise[i] = -2 * rate * spare[through + i];
        }
        head.shorten(dSurprise);
        for (int k = 0; k < keys; k++) {
            spare[dKey + k] += MemoryLoops.dot(states, at + 2 * apart + k * n, dSurprise, 0, n);
            MemoryLoops.close(head.key[k], dSurprise, d, k * n, apart, head.of(in.keep(), row),
                    head.of(in.momentum(), row), begins, n);
        }
        Head.put(spare, keys, dIn.query(), row);
        MemorySegment.copy(spare, dKey, dIn.key().data(), Tensor.FLOAT, 4 * row * keys, keys);
        for (int i = 0; i < head.values; i++) {
            dSurprise[i] = -dSurprise[i];
        }
        Head.put(dSurprise, head.values, dIn.value(), row);
        dIn.rate().data().set(Tensor.FLOAT, 4 * row, dRate);
        dIn.momentum().data().set(Tensor.FLOAT, 4 * row, dEta);
        dIn.keep().data().set(Tensor.FLOAT, 4 * row, dKeep);
    }
}
