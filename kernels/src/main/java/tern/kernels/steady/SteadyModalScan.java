package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.modal.ModalScan;
import tern.ops.Modes;
import tern.tensor.Tensor;

/**
 * Modal filters position by position, on top of a body that would keep the state more precisely within a call. Backward is
 * the body's. Immutable.
 */
public final class SteadyModalScan implements ModalScan {
    private final ModalScan body;

    /** On top of this body. */
    public SteadyModalScan(ModalScan body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Modes modes, Tensor poles, Tensor passThrough, Tensor state,
            Tensor y, Tensor nextState) {
        Views.keep(state, nextState);
        for (int b = 0; b < x.dim(0); b++) {
            Tensor own = Views.sequence(nextState, b);
            for (int t = 0; t < x.dim(1); t++) {
                body.forward(team, Views.position(x, b, t), modes, poles, passThrough, own, Views.position(y, b, t),
                        own);
            }
        }
    }

    @Override
    public void forwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor poles,
            Tensor passThrough, Tensor state, Tensor y, Tensor nextState) {
        Views.keep(state, nextState);
        for (int b = 0; b < query.dim(0); b++) {
            Tensor own = Views.sequence(nextState, b);
            for (int t = 0; t < query.dim(1); t++) {
                body.forwardHeads(team, Views.position(query, b, t), Views.position(key, b, t),
                        Views.position(value, b, t), modes, poles, passThrough, own, Views.position(y, b, t), own);
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dx, Modes dModes, Tensor dPassThrough, Tensor dState) {
        body.backward(team, x, modes, passThrough, state, dy, dNextState, dx, dModes, dPassThrough, dState);
    }

    @Override
    public void backwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor dy, Tensor dNextState, Tensor dQuery, Tensor dKey, Tensor dValue, Modes dModes,
            Tensor dPassThrough, Tensor dState) {
        body.backwardHeads(team, query, key, value, modes, passThrough, state, dy, dNextState, dQuery, dKey, dValue,
                dModes, dPassThrough, dState);
    }
}
