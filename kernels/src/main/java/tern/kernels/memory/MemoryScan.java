package tern.kernels.memory;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** A linear memory that learns; see {@code Ops.memoryScan}. Bodies keep no state; results do not depend on the number of threads. */
public interface MemoryScan {
    /** How long a surprise may be; a longer one is shortened to it. */
    float LONGEST_SURPRISE = 1000;

    /** What a surprise is multiplied with whose numbers have this sum of squares. */
    static double shortening(double square) {
        double most = (double) LONGEST_SURPRISE * LONGEST_SURPRISE;
        return square > most ? LONGEST_SURPRISE / Math.sqrt(square) : 1;
    }

    /**
     * What a call reads.
     *
     * @param query [B,T,H,K]
     * @param key [B,T,H,K]
     * @param value [B,T,H,V]
     * @param rate θ [B,T,H,1]
     * @param momentum η [B,T,H,1]
     * @param keep 1 − α [B,T,H,1]
     * @param chunk C
     * @param ages of each sequence
     */
    record Inputs(Tensor query, Tensor key, Tensor value, Tensor rate, Tensor momentum, Tensor keep, int chunk,
            long[] ages) {
        /** H. */
        public int heads() {
            return query.dim(2);
        }

        /** T. */
        public int time() {
            return query.dim(1);
        }

        /** Whether a chunk begins at a position of the call. */
        public boolean begins(int b, int t) {
            return (ages[b] + t) % chunk == 0;
        }

        /** The row of a head at a position. */
        public long row(int b, int t, int head) {
            return ((long) b * time() + t) * heads() + head;
        }
    }

    /** state [B,H,3,K,V]: M, S and the anchor; y [B,T,H,V] and nextState written; nextState may be state. */
    void forward(ThreadTeam team, Inputs in, Tensor state, Tensor y, Tensor nextState);

    /**
     * The gradients of all tensors of {@code in}, and dState, written.
     *
     * @param state the state before the first position, unchanged
     * @param dIn where gradients go; its chunk and ages are not read
     */
    void backward(ThreadTeam team, Inputs in, Tensor state, Tensor dy, Tensor dNextState, Inputs dIn, Tensor dState);
}
