package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.memory.MemoryScan;
import tern.tensor.Tensor;

/**
 * Learning memories position by position, on top of a body that would keep the state more precisely within a call. All else is
 * the body's. Immutable.
 */
public final class SteadyMemoryScan implements MemoryScan {
    private final MemoryScan body;

    /** On top of this body. */
    public SteadyMemoryScan(MemoryScan body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Inputs in, Tensor state, Tensor y, Tensor nextState) {
        Views.keep(state, nextState);
        for (int b = 0; b < in.query().dim(0); b++) {
            Tensor own = Views.sequence(nextState, b);
            for (int t = 0; t < in.time(); t++) {
                Inputs one = new Inputs(Views.position(in.query(), b, t), Views.position(in.key(), b, t),
                        Views.position(in.value(), b, t), Views.position(in.rate(), b, t),
                        Views.position(in.momentum(), b, t), Views.position(in.keep(), b, t), in.chunk(),
                        new long[] {in.ages()[b] + t});
                body.forward(team, one, own, Views.position(y, b, t), own);
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Inputs in, Tensor state, Tensor dy, Tensor dNextState, Inputs dIn,
            Tensor dState) {
        body.backward(team, in, state, dy, dNextState, dIn, dState);
    }
}
