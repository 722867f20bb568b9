package tern.kernels.modal;

import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Recurrences with modal filters; see {@code Ops.modalConvolution} and {@code Ops.modalHeads}. The forward methods take
 * the poles as {@link Poles#evaluate} gives them, so that a caller who decodes one position after another evaluates them
 * once; those without poles evaluate them in scratch memory.
 */
public interface ModalScan {
    /**
     * x [B,T,F], poles [order], state [B,order]; y [B,T,F] and nextState written; nextState may be state itself.
     */
    void forward(ThreadTeam team, Tensor x, Modes modes, Tensor poles, Tensor passThrough, Tensor state, Tensor y,
            Tensor nextState);

    /** {@link #forward(ThreadTeam, Tensor, Modes, Tensor, Tensor, Tensor, Tensor, Tensor)} with poles evaluated here. */
    default void forward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor y,
            Tensor nextState) {
        Workspace.Mark mark = team.scratch().mark();
        forward(team, x, modes, Poles.evaluate(modes, team.scratch()), passThrough, state, y, nextState);
        team.scratch().release(mark);
    }

    /**
     * dx, dState written; the tensors of dModes (except realSign, which is not read) and dPassThrough accumulated.
     *
     * @param state the state before the first position, unchanged
     * @param dNextState gradient of the state after the last
     */
    void backward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor dy,
            Tensor dNextState,
            Tensor dx, Modes dModes, Tensor dPassThrough, Tensor dState);

    /**
     * query, key, value [B,T,F,N], poles [order], state [B,order,N,N]; y [B,T,F,N] and nextState written; nextState may be
     * state itself.
     */
    void forwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor poles,
            Tensor passThrough, Tensor state, Tensor y, Tensor nextState);

    /** forwardHeads with poles evaluated here. */
    default void forwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor y, Tensor nextState) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor poles = Poles.evaluate(modes, team.scratch());
        forwardHeads(team, query, key, value, modes, poles, passThrough, state, y, nextState);
        team.scratch().release(mark);
    }

    /** dQuery, dKey, dValue, dState written; dModes and dPassThrough accumulated. */
    void backwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor dy, Tensor dNextState, Tensor dQuery, Tensor dKey, Tensor dValue, Modes dModes,
            Tensor dPassThrough, Tensor dState);
}
