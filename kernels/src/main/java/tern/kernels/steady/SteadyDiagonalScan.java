package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.recurrence.DiagonalScan;
import tern.ops.Diagonal;
import tern.tensor.Tensor;

/**
 * Banks of decaying averages position by position, on top of a body that would keep the state more precisely within a call.
 * All else is the body's. Immutable.
 */
public final class SteadyDiagonalScan implements DiagonalScan {
    private final DiagonalScan body;

    /** On top of this body. */
    public SteadyDiagonalScan(DiagonalScan body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor y, Tensor nextState) {
        Views.keep(state, nextState);
        for (int b = 0; b < x.dim(0); b++) {
            Tensor own = Views.sequence(nextState, b);
            for (int t = 0; t < x.dim(1); t++) {
                body.forward(team, Views.position(x, b, t), system, own, Views.position(y, b, t), own);
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor dy, Tensor dNextState,
            Tensor dx, Diagonal dSystem, Tensor dState) {
        body.backward(team, x, system, state, dy, dNextState, dx, dSystem, dState);
    }

    @Override
    public void taps(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight, Tensor weightImaginary,
            Tensor taps) {
        body.taps(team, logDecay, phase, gain, weight, weightImaginary, taps);
    }

    @Override
    public void tapsBackward(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight,
            Tensor weightImaginary, Tensor dTaps, Tensor dLogDecay, Tensor dPhase, Tensor dGain, Tensor dWeight,
            Tensor dWeightImaginary) {
        body.tapsBackward(team, logDecay, phase, gain, weight, weightImaginary, dTaps, dLogDecay, dPhase, dGain,
                dWeight, dWeightImaginary);
    }
}
