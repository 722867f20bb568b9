package tern.kernels.modal;

import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.Tensor;

/** Recurrences with modal filters; see {@code Ops.modalConvolution} and {@code Ops.modalHeads}. */
public interface ModalScan {
    /** x [B,T,F], state [B,order]; y [B,T,F] and nextState written; nextState may be state itself. */
    void forward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor y, Tensor nextState);

    /**
     * dx, dState written; the tensors of dModes (except realSign, which is not read) and dPassThrough accumulated.
     *
     * @param state the state before the first position, unchanged
     * @param dNextState gradient of the state after the last
     */
    void backward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dx, Modes dModes, Tensor dPassThrough, Tensor dState);

    /** query, key, value [B,T,F,N], state [B,order,N,N]; y [B,T,F,N] and nextState written; nextState may be state. */
    void forwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor y, Tensor nextState);

    /** dQuery, dKey, dValue, dState written; dModes and dPassThrough accumulated. */
    void backwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor dy, Tensor dNextState, Tensor dQuery, Tensor dKey, Tensor dValue, Modes dModes,
            Tensor dPassThrough, Tensor dState);
}
