package tern.kernels.channels;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** What is done head by head, without looking at other positions. Bodies keep no state and are safe to share. */
public interface Heads {
    /**
     * y = gain ⊙ (x − mean)/√(variance + ε) + bias, mean and variance over each of H groups of D/H neighbouring channels.
     *
     * @param x [R,D]
     * @param groups H, divides D
     * @param gain [D]
     * @param bias [D]
     * @param y [R,D], may be x
     */
    void groupNorm(ThreadTeam team, Tensor x, int groups, Tensor gain, Tensor bias, double epsilon, Tensor y);

    /** Backward of {@link #groupNorm}: dx is written and is none of the inputs; dGain and dBias are added to. */
    void groupNormBackward(ThreadTeam team, Tensor x, int groups, Tensor gain, double epsilon, Tensor dy, Tensor dx,
            Tensor dGain, Tensor dBias);

    /** y = x / max(‖x‖₂, floor) for each row: x, y [R,K], y may be x. */
    void unit(ThreadTeam team, Tensor x, double floor, Tensor y);

    /** Backward of {@link #unit}: dx [R,K], none of the inputs. A row below the floor was divided by a constant. */
    void unitBackward(ThreadTeam team, Tensor x, double floor, Tensor dy, Tensor dx);

    /** y = x·factor, or x/factor, for each row: x, y [R,D], factor [R,1]; y may be x. */
    void scaleRows(ThreadTeam team, Tensor x, Tensor factor, boolean divide, Tensor y);

    /** Backward of {@link #scaleRows}: dx [R,D] and dFactor [R,1], none of the inputs. */
    void scaleRowsBackward(ThreadTeam team, Tensor x, Tensor factor, boolean divide, Tensor dy, Tensor dx,
            Tensor dFactor);

    /** y = e^x / Σ e^x for each row: x, y [R,D], y may be x. */
    void softmax(ThreadTeam team, Tensor x, Tensor y);

    /** Backward of {@link #softmax} from its result y: dx [R,D], none of the inputs. */
    void softmaxBackward(ThreadTeam team, Tensor y, Tensor dy, Tensor dx);

    /**
     * y = (q·(u ⊙ k)) v for each head.
     *
     * @param query [R,H,K]
     * @param key [R,H,K]
     * @param bonus u [H,K]
     * @param value [R,H,V]
     * @param y [R,H,V], may be the value
     */
    void bonus(ThreadTeam team, Tensor query, Tensor key, Tensor bonus, Tensor value, Tensor y);

    /** Backward of {@link #bonus}: dQuery, dKey, dValue are written and none of the inputs; dBonus is added to. */
    void bonusBackward(ThreadTeam team, Tensor query, Tensor key, Tensor bonus, Tensor value, Tensor dy, Tensor dQuery,
            Tensor dKey, Tensor dValue, Tensor dBonus);
}
