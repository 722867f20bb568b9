package tern.kernels.attention;

import tern.kernels.ThreadTeam;
import tern.ops.Spans;
import tern.tensor.Tensor;

/**
 * Attention over rows that are given; see {@code Ops.crossAttention}. Bodies keep no state; results do not depend on the number of
 * threads, and a query's not on those beside it.
 */
public interface CrossAttention {
    /**
     * What a call reads.
     *
     * @param query [B,T,H,K]
     * @param key [B,S,H,K]
     * @param value [B,S,H,V]
     * @param bias [H,P] or [H,0]
     */
    record Inputs(Tensor query, Tensor key, Tensor value, Tensor bias, Spans spans) {
        /** T. */
        int time() {
            return query.dim(1);
        }

        /** H. */
        int heads() {
            return query.dim(2);
        }

        /** S. */
        int rows() {
            return key.dim(1);
        }

        /** The factor of products of queries and keys. */
        double scale() {
            return 1 / Math.sqrt(query.dim(3));
        }

        /** The row that a query of the batch reads as its i-th. */
        int row(int query, int i) {
            int row = spans.first()[query] + i;
            return row < rows() ? row : row - rows();
        }

        /** Where the bias stands of the i-th row that a query of the batch reads. */
        int distance(int query, int i) {
            return Math.min(spans.count()[query] - 1 - i, bias.dim(1) - 1);
        }

        /** The most rows that a query reads. */
        int most() {
            int most = 0;
            for (int count : spans.count()) {
                most = Math.max(most, count);
            }
            return most;
        }
    }

    /** y [B,T,H,V] written. */
    void forward(ThreadTeam team, Inputs in, Tensor y);

    /** dQuery, dKey, dValue and dBias written. */
    void backward(ThreadTeam team, Inputs in, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dBias);
}
