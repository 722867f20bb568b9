package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.ops.Diagonal;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Plain loops in double precision, for F32 and F64. Backward keeps the state of one mode at every position. */
public final class ReferenceDiagonalScan implements DiagonalScan {
    /** A body without state. */
    public ReferenceDiagonalScan() {
    }

    /** One mode of one channel: its place in parameters and state, λ, b and w. */
    private record Mode(long at, long real, long imaginary, double decay, double turn, double gain, double weight,
            double weightImaginary) {
        static Mode of(Diagonal system, int b, int n, int d) {
            int width = system.width();
            long at = (long) n * width + d;
            boolean complex = system.complex();
            long real = ((long) b * system.order() + n) * width + d;
            return new Mode(at, real, real + (long) system.modes() * width, system.decay().get(at),
                    complex ? system.decayImaginary().get(at) : 0, system.gain().get(at), system.weight().get(at),
                    complex ? system.weightImaginary().get(at) : 0);
        }
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor y, Tensor nextState) {
        int time = x.dim(1);
        int width = x.dim(2);
        y.fill(0);
        for (int b = 0; b < x.dim(0); b++) {
            for (int n = 0; n < system.modes(); n++) {
                for (int d = 0; d < width; d++) {
                    Mode mode = Mode.of(system, b, n, d);
                    double real = state.get(mode.real);
                    double imaginary = system.complex() ? state.get(mode.imaginary) : 0;
                    for (int t = 0; t < time; t++) {
                        long here = ((long) b * time + t) * width + d;
                        double turned = mode.decay * real - mode.turn * imaginary + mode.gain * x.get(here);
                        imaginary = mode.decay * imaginary + mode.turn * real;
                        real = turned;
                        y.set(here, y.get(here) + mode.weight * real - mode.weightImaginary * imaginary);
                    }
                    nextState.set(mode.real, real);
                    if (system.complex()) {
                        nextState.set(mode.imaginary, imaginary);
                    }
                }
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor dy, Tensor dNextState,
            Tensor dx, Diagonal dSystem, Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor states = team.scratch().allocate(DType.F64, Shape.of(x.dim(1) + 1, 2));
        dx.fill(0);
        for (int b = 0; b < x.dim(0); b++) {
            for (int n = 0; n < system.modes(); n++) {
                for (int d = 0; d < x.dim(2); d++) {
                    backward(x, system, Mode.of(system, b, n, d), state, dy, dNextState, dx, dSystem, dState, b, d,
                            states);
                }
            }
        }
        team.scratch().release(mark);
    }

    private static void backward(Tensor x, Diagonal system, Mode mode, Tensor state, Tensor dy, Tensor dNextState,
            Tensor dx, Diagonal dSystem, Tensor dState, int b, int d, Tensor states) {
        int time = x.dim(1);
        int width = x.dim(2);
        boolean complex = system.complex();
        states.set(0, state.get(mode.real));
        states.set(1, complex ? state.get(mode.imaginary) : 0);
        for (int t = 0; t < time; t++) {
            double real = states.get(2L * t);
            double imaginary = states.get(2L * t + 1);
            double in = mode.gain * x.get(((long) b * time + t) * width + d);
            states.set(2L * t + 2, mode.decay * real - mode.turn * imaginary + in);
            states.set(2L * t + 3, mode.decay * imaginary + mode.turn * real);
        }
        double dReal = dNextState.get(mode.real);
        double dImaginary = complex ? dNextState.get(mode.imaginary) : 0;
        double dDecay = 0;
        double dTurn = 0;
        double dGain = 0;
        double dWeight = 0;
        double dWeightImaginary = 0;
        for (int t = time - 1; t >= 0; t--) {
            long here = ((long) b * time + t) * width + d;
            double given = dy.get(here);
            dWeight += given * states.get(2L * t + 2);
            dWeightImaginary -= given * states.get(2L * t + 3);
            dReal += mode.weight * given;
            dImaginary -= mode.weightImaginary * given;
            dx.set(here, dx.get(here) + mode.gain * dReal);
            dGain += x.get(here) * dReal;
            double real = states.get(2L * t);
            double imaginary = states.get(2L * t + 1);
            dDecay += dReal * real + dImaginary * imaginary;
            dTurn += dImaginary * real - dReal * imaginary;
            double back = mode.decay * dReal + mode.turn * dImaginary;
            dImaginary = mode.decay * dImaginary - mode.turn * dReal;
            dReal = back;
        }
        dState.set(mode.real, dReal);
        add(dSystem.decay(), mode.at, dDecay);
        add(dSystem.gain(), mode.at, dGain);
        add(dSystem.weight(), mode.at, dWeight);
        if (complex) {
            dState.set(mode.imaginary, dImaginary);
            add(dSystem.decayImaginary(), mode.at, dTurn);
            add(dSystem.weightImaginary(), mode.at, dWeightImaginary);
        }
    }

    private static void add(Tensor to, long at, double value) {
        to.set(at, to.get(at) + value);
    }

    @Override
    public void taps(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight, Tensor weightImaginary,
            Tensor taps) {
        int width = gain.dim(1);
        boolean complex = phase.dim(0) > 0;
        for (int lag = 0; lag < taps.dim(0); lag++) {
            for (int d = 0; d < width; d++) {
                double sum = 0;
                for (int n = 0; n < gain.dim(0); n++) {
                    long at = (long) n * width + d;
                    double size = gain.get(at) * Math.exp(lag * logDecay.get(at));
                    double angle = complex ? lag * phase.get(at) : 0;
                    sum += size * (weight.get(at) * Math.cos(angle)
                            - (complex ? weightImaginary.get(at) * Math.sin(angle) : 0));
                }
                taps.set((long) lag * width + d, sum);
            }
        }
    }

    @Override
    public void tapsBackward(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight,
            Tensor weightImaginary, Tensor dTaps, Tensor dLogDecay, Tensor dPhase, Tensor dGain, Tensor dWeight,
            Tensor dWeightImaginary) {
        int width = gain.dim(1);
        boolean complex = phase.dim(0) > 0;
        for (int n = 0; n < gain.dim(0); n++) {
            for (int d = 0; d < width; d++) {
                long at = (long) n * width + d;
                double real = 0;
                double imaginary = 0;
                double laterReal = 0;
                double laterImaginary = 0;
                for (int lag = 0; lag < dTaps.dim(0); lag++) {
                    double size = dTaps.get((long) lag * width + d) * Math.exp(lag * logDecay.get(at));
                    double angle = complex ? lag * phase.get(at) : 0;
                    real += size * Math.cos(angle);
                    imaginary += size * Math.sin(angle);
                    laterReal += lag * size * Math.cos(angle);
                    laterImaginary += lag * size * Math.sin(angle);
                }
                double w = weight.get(at);
                double v = complex ? weightImaginary.get(at) : 0;
                add(dWeight, at, gain.get(at) * real);
                add(dGain, at, w * real - v * imaginary);
                add(dLogDecay, at, gain.get(at) * (w * laterReal - v * laterImaginary));
                if (complex) {
                    add(dWeightImaginary, at, -gain.get(at) * imaginary);
                    add(dPhase, at, -gain.get(at) * (w * laterImaginary + v * laterReal));
                }
            }
        }
    }
}
