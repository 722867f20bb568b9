package tern.kernels.attention;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Causal softmax attention and rotary positions; see {@code Ops.causalAttention} and {@code Ops.rotary}. */
public interface Attention {
    /**
     * y_t ← Σ_(s≤t) softmax_s(q_t·k_s/√K) v_s over history and call; the T keys and values are written into the histories
     * (unless their capacity is 0).
     *
     * @param query [B,T,H,K]
     * @param key [B,T,G,K]
     * @param value [B,T,G,V]
     * @param keys [B,capacity,G,K], updated in place
     * @param values [B,capacity,G,V], updated in place
     * @param y [B,T,H,V] written
     * @param logSum [B,H,T] written: log Σ_s exp(q_t·k_s/√K), which backward reads
     */
    void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages,
            Tensor y, Tensor logSum);

    /** Whether {@link #forward} gives a position the same bits whatever stands beside it and wherever time is cut. */
    default boolean positionsAlone() {
        return false;
    }

    /**
     * dQuery, dKey, dValue written; dKeys and dValues accumulated in rows before {@code ages}; O(T) memory, by recomputing
     * scores tile by tile.
     */
    void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages,
            Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dKeys,
            Tensor dValues);

    /** {@link #rotary(ThreadTeam, Tensor, long[], double[], Tensor)} with the speeds of a base. */
    default void rotary(ThreadTeam team, Tensor x, long[] ages, double base, Tensor y) {
        rotary(team, x, ages, speeds(base, x.shape().last()), y);
    }

    /** {@link #rotaryBackward(ThreadTeam, Tensor, long[], double[], Tensor)} with the speeds of a base. */
    default void rotaryBackward(ThreadTeam team, Tensor dy, long[] ages, double base, Tensor dx) {
        rotaryBackward(team, dy, ages, speeds(base, dy.shape().last()), dx);
    }

    /** y ← x [B,T,H,K] with pairs (i, i + K/2) turned by (ages[b] + t)·speeds[i], angles in double precision. */
    void rotary(ThreadTeam team, Tensor x, long[] ages, double[] speeds, Tensor y);

    /** dx ← dy turned back. */
    void rotaryBackward(ThreadTeam team, Tensor dy, long[] ages, double[] speeds, Tensor dx);

    /** base^(−2i/K) for every i below K/2, each from the one before: powers would take longer than what is turned. */
    static double[] speeds(double base, int width) {
        double[] speeds = new double[width / 2];
        double ratio = Math.pow(base, -2.0 / width);
        double speed = 1;
        for (int i = 0; i < speeds.length; i++) {
            speeds[i] = speed;
            speed *= ratio;
        }
        return speeds;
    }
}
