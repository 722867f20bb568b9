package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.recurrence.AverageScan;
import tern.tensor.Tensor;

/**
 * Decaying averages position by position, on top of a body that would keep the state more precisely within a call. Backward
 * is the body's. Immutable.
 */
public final class SteadyAverageScan implements AverageScan {
    private final AverageScan body;

    /** On top of this body. */
    public SteadyAverageScan(AverageScan body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor y,
            Tensor nextState) {
        Views.keep(state, nextState);
        for (int b = 0; b < key.dim(0); b++) {
            Tensor own = Views.sequence(nextState, b);
            for (int t = 0; t < key.dim(1); t++) {
                body.forward(team, Views.position(key, b, t), Views.position(value, b, t), decay, bonus, own,
                        Views.position(y, b, t), own);
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dKey, Tensor dValue, Tensor dDecay, Tensor dBonus, Tensor dState) {
        body.backward(team, key, value, decay, bonus, state, dy, dNextState, dKey, dValue, dDecay, dBonus, dState);
    }
}
