package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Plain loops for F32 and F64; each position starts from what was stored for the one before. */
public final class ReferenceAffineScan implements AffineScan {
    /** A body without state. */
    public ReferenceAffineScan() {
    }

    /** Where a position's factor lies: axes of length 1 are shared. */
    static long factorAt(Tensor decay, int b, int t, int channel) {
        int row = decay.dim(1) == 1 ? 0 : t;
        int sequence = decay.dim(0) == 1 ? 0 : b;
        return ((long) sequence * decay.dim(1) + row) * decay.dim(2) + channel;
    }

    @Override
    public void forward(ThreadTeam team, Tensor decay, Tensor turn, Tensor x, Tensor state, Tensor y,
            Tensor nextState) {
        int time = x.dim(1);
        int width = x.dim(2);
        int channels = decay.dim(2);
        boolean complex = turn.dim(2) > 0;
        for (int b = 0; b < x.dim(0); b++) {
            for (int c = 0; c < channels; c++) {
                long own = (long) b * width + c;
                double real = state.get(own);
                double imaginary = complex ? state.get(own + channels) : 0;
                for (int t = 0; t < time; t++) {
                    long at = ((long) b * time + t) * width + c;
                    long factor = factorAt(decay, b, t, c);
                    double a = decay.get(factor);
                    double turned = complex ? turn.get(factor) : 0;
                    y.set(at, a * real - turned * imaginary + x.get(at));
                    if (complex) {
                        y.set(at + channels, a * imaginary + turned * real + x.get(at + channels));
                        imaginary = y.get(at + channels);
                    }
                    real = y.get(at);
                }
                nextState.set(own, real);
                if (complex) {
                    nextState.set(own + channels, imaginary);
                }
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor decay, Tensor turn, Tensor state, Tensor y, Tensor dy,
            Tensor dNextState, Tensor dDecay, Tensor dTurn, Tensor dx, Tensor dState) {
        int time = y.dim(1);
        int width = y.dim(2);
        int channels = decay.dim(2);
        boolean complex = turn.dim(2) > 0;
        for (int b = 0; b < y.dim(0); b++) {
            for (int c = 0; c < channels; c++) {
                long own = (long) b * width + c;
                double real = dNextState.get(own);
                double imaginary = complex ? dNextState.get(own + channels) : 0;
                for (int t = time - 1; t >= 0; t--) {
                    long at = ((long) b * time + t) * width + c;
                    long factor = factorAt(decay, b, t, c);
                    real += dy.get(at);
                    dx.set(at, real);
                    double before = t > 0 ? y.get(at - width) : state.get(own);
                    double a = decay.get(factor);
                    if (!complex) {
                        add(dDecay, factor, real * before);
                        real *= a;
                        continue;
                    }
                    double turned = turn.get(factor);
                    double beforeImaginary = t > 0 ? y.get(at + channels - width) : state.get(own + channels);
                    imaginary += dy.get(at + channels);
                    dx.set(at + channels, imaginary);
                    add(dDecay, factor, real * before + imaginary * beforeImaginary);
                    add(dTurn, factor, imaginary * before - real * beforeImaginary);
                    double back = a * real + turned * imaginary;
                    imaginary = a * imaginary - turned * real;
                    real = back;
                }
                dState.set(own, real);
                if (complex) {
                    dState.set(own + channels, imaginary);
                }
            }
        }
    }

    private static void add(Tensor to, long at, double value) {
        to.set(at, to.get(at) + value);
    }
}
