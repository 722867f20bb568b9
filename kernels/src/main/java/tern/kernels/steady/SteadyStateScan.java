package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.recurrence.ScanInputs;
import tern.kernels.recurrence.StateScan;
import tern.tensor.Tensor;

/**
 * Recurrences over a matrix a head position by position, on top of a body that would keep the state more precisely within a
 * call. Backward is the body's. Immutable.
 */
public final class SteadyStateScan implements StateScan {
    private final StateScan body;

    /** On top of this body. */
    public SteadyStateScan(StateScan body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, ScanInputs in, Tensor state, Tensor y, Tensor nextState) {
        Views.keep(state, nextState);
        for (int b = 0; b < in.batch(); b++) {
            Tensor own = Views.sequence(nextState, b);
            for (int t = 0; t < in.time(); t++) {
                body.forward(team, position(in, b, t), own, Views.position(y, b, t), own);
            }
        }
    }

    private static ScanInputs position(ScanInputs in, int b, int t) {
        Tensor decay = in.logDecay();
        return new ScanInputs(Views.position(in.query(), b, t), Views.position(in.key(), b, t),
                Views.position(in.value(), b, t),
                Views.position(decay, decay.dim(0) == 1 ? 0 : b, decay.dim(1) == 1 ? 0 : t), in.bonus(),
                in.hasRankOne() ? Views.position(in.probe(), b, t) : in.probe(),
                in.hasRankOne() ? Views.position(in.rewrite(), b, t) : in.rewrite());
    }

    @Override
    public void backward(ThreadTeam team, ScanInputs in, Tensor state, Tensor dy, Tensor dNextState, ScanInputs dIn,
            Tensor dState) {
        body.backward(team, in, state, dy, dNextState, dIn, dState);
    }
}
