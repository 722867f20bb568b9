package tern.kernels.recurrence;

import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Diagonal;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Plain bodies against finite differences, vector bodies against the plain ones. */
class DiagonalScanTest {
    private final DiagonalScan plain = new ReferenceDiagonalScan();
    private final DiagonalScan vector = new VectorDiagonalScan();

    @Test
    void everyTime() {
        KernelLaw.lengths().forEach(time -> check(2000 + time, 2, time, 5, 3, time % 2 == 0));
    }

    @Test
    void everyWidth() {
        KernelLaw.lengths().filter(width -> width > 0)
                .forEach(width -> check(2100 + width, 1, 7, width, 1 + width % 4, width % 2 == 1));
    }

    @Test
    void oneAndSeveralBlocks() {
        check(2200, 2, 63, 3, 2, false);
        check(2201, 1, 64, 20, 3, true);
        check(2202, 3, 65, 17, 5, false);
        check(2203, 1, 300, 33, 16, true);
        check(2204, 2, 300, 64, 16, false);
    }

    private static Diagonal system(KernelLaw law, DType dtype, int modes, int width, boolean complex) {
        int turning = complex ? modes : 0;
        Tensor decay = law.gaussian(dtype, modes, width);
        Tensor turn = law.gaussian(dtype, turning, width);
        for (long i = 0; i < decay.elements(); i++) {
            double size = 1 - Math.exp(-1 - 4 * law.random().nextDouble());
            double angle = complex ? 6 * law.random().nextDouble() : 0;
            decay.set(i, size * Math.cos(angle));
            if (complex) {
                turn.set(i, size * Math.sin(angle));
            }
        }
        return new Diagonal(decay, turn, law.gaussian(dtype, modes, width), law.gaussian(dtype, modes, width),
                law.gaussian(dtype, turning, width));
    }

    private static Diagonal zeros(KernelLaw law, DType dtype, Diagonal like) {
        int turning = like.complex() ? like.modes() : 0;
        int width = like.width();
        return new Diagonal(law.zeros(dtype, like.modes(), width), law.zeros(dtype, turning, width),
                law.zeros(dtype, like.modes(), width), law.zeros(dtype, like.modes(), width),
                law.zeros(dtype, turning, width));
    }

    private void check(long seed, int batch, int time, int width, int modes, boolean complex) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            DType f32 = DType.F32;
            Diagonal system = system(law, f32, modes, width, complex);
            Tensor x = law.gaussian(f32, batch, time, width);
            Tensor state = law.gaussian(f32, batch, system.order(), width);
            Tensor expected = law.blank(f32, batch, time, width);
            Tensor actual = law.blank(f32, batch, time, width);
            Tensor again = law.blank(f32, batch, time, width);
            Tensor expectedState = law.blank(f32, batch, system.order(), width);
            Tensor actualState = law.blank(f32, batch, system.order(), width);
            Tensor ownState = law.copy(state);
            plain.forward(one, x, system, state, expected, expectedState);
            vector.forward(four, x, system, state, actual, actualState);
            vector.forward(one, x, system, ownState, again, ownState);
            law.assertClose("y", actual, expected);
            law.assertClose("state", actualState, expectedState);
            law.assertSame("y in place on one thread", again, actual);
            law.assertSame("state in place", ownState, actualState);

            Tensor dy = law.gaussian(f32, batch, time, width);
            Tensor dNext = law.gaussian(f32, batch, system.order(), width);
            Tensor wantedX = law.blank(f32, batch, time, width);
            Tensor foundX = law.blank(f32, batch, time, width);
            Tensor wantedState = law.blank(f32, batch, system.order(), width);
            Tensor foundState = law.blank(f32, batch, system.order(), width);
            Diagonal wanted = zeros(law, f32, system);
            Diagonal found = zeros(law, f32, system);
            Diagonal repeated = zeros(law, f32, system);
            plain.backward(one, x, system, state, dy, dNext, wantedX, wanted, wantedState);
            vector.backward(one, x, system, state, dy, dNext, foundX, repeated, foundState);
            vector.backward(four, x, system, state, dy, dNext, foundX, found, foundState);
            law.assertClose("dx", foundX, wantedX, 3e-5);
            law.assertClose("dState", foundState, wantedState, 3e-5);
            law.assertClose("dDecay", found.decay(), wanted.decay(), 3e-5);
            law.assertClose("dTurn", found.decayImaginary(), wanted.decayImaginary(), 3e-5);
            law.assertClose("dGain", found.gain(), wanted.gain(), 3e-5);
            law.assertClose("dWeight", found.weight(), wanted.weight(), 3e-5);
            law.assertClose("dWeightImaginary", found.weightImaginary(), wanted.weightImaginary(), 3e-5);
            law.assertSame("dDecay on one thread", repeated.decay(), found.decay());
            checkTaps(law, one, four, time, system);
            law.assertGuardsUntouched();
        }
    }

    private void checkTaps(KernelLaw law, ThreadTeam one, ThreadTeam four, int length, Diagonal system) {
        DType f32 = DType.F32;
        int width = system.width();
        int turning = system.complex() ? system.modes() : 0;
        Tensor logDecay = law.blank(f32, system.modes(), width);
        Tensor phase = law.blank(f32, turning, width);
        for (long i = 0; i < logDecay.elements(); i++) {
            logDecay.set(i, -Math.exp(-6 * law.random().nextDouble()));
            if (turning > 0) {
                phase.set(i, 6 * law.random().nextDouble());
            }
        }
        Tensor expected = law.blank(f32, length, width);
        Tensor actual = law.blank(f32, length, width);
        plain.taps(one, logDecay, phase, system.gain(), system.weight(), system.weightImaginary(), expected);
        vector.taps(four, logDecay, phase, system.gain(), system.weight(), system.weightImaginary(), actual);
        law.assertClose("taps", actual, expected);
        Tensor dTaps = law.gaussian(f32, length, width);
        Diagonal wanted = zeros(law, f32, system);
        Diagonal found = zeros(law, f32, system);
        plain.tapsBackward(one, logDecay, phase, system.gain(), system.weight(), system.weightImaginary(), dTaps,
                wanted.decay(), wanted.decayImaginary(), wanted.gain(), wanted.weight(), wanted.weightImaginary());
        vector.tapsBackward(four, logDecay, phase, system.gain(), system.weight(), system.weightImaginary(), dTaps,
                found.decay(), found.decayImaginary(), found.gain(), found.weight(), found.weightImaginary());
        law.assertClose("dLogDecay", found.decay(), wanted.decay(), 3e-5);
        law.assertClose("dPhase", found.decayImaginary(), wanted.decayImaginary(), 3e-5);
        law.assertClose("dGain by taps", found.gain(), wanted.gain(), 3e-5);
        law.assertClose("dWeight by taps", found.weight(), wanted.weight(), 3e-5);
        law.assertClose("dWeightImaginary by taps", found.weightImaginary(), wanted.weightImaginary(), 3e-5);
    }

    /** The plain bodies' gradients are slopes, in F64. */
    @Test
    void gradientsAreSlopes() {
        for (boolean complex : new boolean[] {false, true}) {
            try (KernelLaw law = new KernelLaw(complex ? 2301 : 2300)) {
                ThreadTeam team = law.team(1);
                DType f64 = DType.F64;
                Diagonal system = system(law, f64, 3, 2, complex);
                Tensor x = law.gaussian(f64, 2, 6, 2);
                Tensor state = law.gaussian(f64, 2, system.order(), 2);
                Tensor y = law.blank(f64, 2, 6, 2);
                Tensor next = law.blank(f64, 2, system.order(), 2);
                Tensor dy = law.gaussian(f64, 2, 6, 2);
                Tensor dNext = law.gaussian(f64, 2, system.order(), 2);
                Tensor dx = law.blank(f64, 2, 6, 2);
                Tensor dState = law.blank(f64, 2, system.order(), 2);
                Diagonal found = zeros(law, f64, system);
                plain.backward(team, x, system, state, dy, dNext, dx, found, dState);
                DoubleSupplier loss = () -> {
                    plain.forward(team, x, system, state, y, next);
                    return KernelLaw.dot(dy, y) + KernelLaw.dot(dNext, next);
                };
                law.assertGradient("x", x, dx, loss);
                law.assertGradient("state", state, dState, loss);
                law.assertGradient("decay", system.decay(), found.decay(), loss);
                law.assertGradient("turn", system.decayImaginary(), found.decayImaginary(), loss);
                law.assertGradient("gain", system.gain(), found.gain(), loss);
                law.assertGradient("weight", system.weight(), found.weight(), loss);
                law.assertGradient("weightImaginary", system.weightImaginary(), found.weightImaginary(), loss);
            }
        }
    }
}
