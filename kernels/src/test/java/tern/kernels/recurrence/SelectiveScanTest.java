package tern.kernels.recurrence;

import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Selection;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Plain bodies against finite differences, vector bodies against the plain ones, and pieces of time against the whole. */
class SelectiveScanTest {
    private final SelectiveScan plain = new ReferenceSelectiveScan();
    private final SelectiveScan vector = new VectorSelectiveScan();

    private static Selection selection(KernelLaw law, DType dtype, int batch, int time, int width, int states) {
        Tensor step = law.blank(dtype, batch, time, width);
        for (long i = 0; i < step.elements(); i++) {
            step.set(i, Math.exp(-4 * law.random().nextDouble()));
        }
        Tensor rate = law.blank(dtype, states, width);
        for (long i = 0; i < rate.elements(); i++) {
            rate.set(i, -0.1 - 4 * law.random().nextDouble());
        }
        return new Selection(law.gaussian(dtype, batch, time, width), step, rate,
                law.gaussian(dtype, batch, time, states), law.gaussian(dtype, batch, time, states),
                law.gaussian(dtype, width));
    }

    private static Selection gradients(KernelLaw law, Selection of) {
        DType dtype = of.x().dtype();
        int[] rows = of.x().shape().toArray();
        int[] vectors = of.write().shape().toArray();
        return new Selection(law.blank(dtype, rows), law.blank(dtype, rows), law.zeros(dtype, of.states(), of.width()),
                law.blank(dtype, vectors), law.blank(dtype, vectors), law.zeros(dtype, of.width()));
    }

    @Test
    void everyTimeWidthAndNumberOfStates() {
        KernelLaw.lengths().forEach(length -> {
            check(3000 + length, 2, length, 5, 3);
            check(3050 + length, 1, 6, Math.max(1, length), 1 + length % 6);
        });
    }

    @Test
    void severalBlocksAndSlices() {
        check(3100, 2, 63, 20, 4);
        check(3101, 1, 64, 33, 16);
        check(3102, 2, 65, 140, 5);
        check(3103, 1, 200, 300, 4);
    }

    /** Steps so long that some decays are nothing, which the vector body takes by another loop. */
    @Test
    void decaysThatVanish() {
        check(3150, 1, 70, 40, 6, 200);
    }

    private void check(long seed, int batch, int time, int width, int states) {
        check(seed, batch, time, width, states, 1);
    }

    private void check(long seed, int batch, int time, int width, int states, double longer) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            DType f32 = DType.F32;
            Selection in = selection(law, f32, batch, time, width, states);
            for (long i = 0; longer != 1 && i < in.step().elements(); i += 1 + law.random().nextInt(90)) {
                in.step().set(i, longer * in.step().get(i));
            }
            Tensor state = law.gaussian(f32, batch, states, width);
            Tensor expected = law.blank(f32, batch, time, width);
            Tensor actual = law.blank(f32, batch, time, width);
            Tensor again = law.blank(f32, batch, time, width);
            Tensor expectedState = law.blank(f32, batch, states, width);
            Tensor actualState = law.blank(f32, batch, states, width);
            Tensor ownState = law.copy(state);
            plain.forward(one, in, state, expected, expectedState);
            vector.forward(four, in, state, actual, actualState);
            vector.forward(one, in, ownState, again, ownState);
            law.assertClose("y", actual, expected);
            law.assertClose("state", actualState, expectedState);
            law.assertSame("y in place on one thread", again, actual);
            law.assertSame("state in place", ownState, actualState);

            Tensor dy = law.gaussian(f32, batch, time, width);
            Tensor dNext = law.gaussian(f32, batch, states, width);
            Tensor wantedState = law.blank(f32, batch, states, width);
            Tensor foundState = law.blank(f32, batch, states, width);
            Selection wanted = gradients(law, in);
            Selection found = gradients(law, in);
            Selection repeated = gradients(law, in);
            plain.backward(one, in, state, dy, dNext, wanted, wantedState);
            vector.backward(one, in, state, dy, dNext, repeated, foundState);
            vector.backward(four, in, state, dy, dNext, found, foundState);
            law.assertClose("dx", found.x(), wanted.x(), 3e-5);
            law.assertClose("dStep", found.step(), wanted.step(), 3e-5);
            law.assertClose("dRate", found.rate(), wanted.rate(), 3e-5);
            law.assertClose("dWrite", found.write(), wanted.write(), 3e-5);
            law.assertClose("dRead", found.read(), wanted.read(), 3e-5);
            law.assertClose("dSkip", found.skip(), wanted.skip(), 3e-5);
            law.assertClose("dState", foundState, wantedState, 3e-5);
            law.assertSame("dRate on one thread", repeated.rate(), found.rate());
            law.assertSame("dWrite on one thread", repeated.write(), found.write());
            law.assertGuardsUntouched();
        }
    }

    /** Wherever time is cut, the same bits. */
    @Test
    void cutsChangeNoBit() {
        for (SelectiveScan body : new SelectiveScan[] {plain, vector}) {
            try (KernelLaw law = new KernelLaw(3200)) {
                ThreadTeam team = law.team(2);
                int time = 70;
                Selection in = selection(law, DType.F32, 1, time, 20, 6);
                Tensor state = law.gaussian(DType.F32, 1, 6, 20);
                Tensor carried = law.copy(state);
                Tensor whole = law.blank(DType.F32, 1, time, 20);
                Tensor pieces = law.blank(DType.F32, 1, time, 20);
                body.forward(team, in, state, whole, state);
                for (int from = 0, to; from < time; from = to) {
                    to = Math.min(time, from + 1 + law.random().nextInt(30));
                    Selection piece = new Selection(rows(in.x(), from, to), rows(in.step(), from, to), in.rate(),
                            rows(in.write(), from, to), rows(in.read(), from, to), in.skip());
                    body.forward(team, piece, carried, rows(pieces, from, to), carried);
                }
                law.assertSame("y in pieces", pieces, whole);
                law.assertSame("state after pieces", carried, state);
            }
        }
    }

    private static Tensor rows(Tensor x, int from, int to) {
        return x.reshape(x.dim(1), x.dim(2)).slice(from, to).reshape(1, to - from, x.dim(2));
    }

    /** The plain bodies' gradients are slopes, in F64. */
    @Test
    void gradientsAreSlopes() {
        try (KernelLaw law = new KernelLaw(3300)) {
            ThreadTeam team = law.team(1);
            DType f64 = DType.F64;
            Selection in = selection(law, f64, 2, 5, 2, 3);
            Tensor state = law.gaussian(f64, 2, 3, 2);
            Tensor y = law.blank(f64, 2, 5, 2);
            Tensor next = law.blank(f64, 2, 3, 2);
            Tensor dy = law.gaussian(f64, 2, 5, 2);
            Tensor dNext = law.gaussian(f64, 2, 3, 2);
            Tensor dState = law.blank(f64, 2, 3, 2);
            Selection found = gradients(law, in);
            plain.backward(team, in, state, dy, dNext, found, dState);
            DoubleSupplier loss = () -> {
                plain.forward(team, in, state, y, next);
                return KernelLaw.dot(dy, y) + KernelLaw.dot(dNext, next);
            };
            law.assertGradient("x", in.x(), found.x(), loss);
            law.assertGradient("step", in.step(), found.step(), loss);
            law.assertGradient("rate", in.rate(), found.rate(), loss);
            law.assertGradient("write", in.write(), found.write(), loss);
            law.assertGradient("read", in.read(), found.read(), loss);
            law.assertGradient("skip", in.skip(), found.skip(), loss);
            law.assertGradient("state", state, dState, loss);
        }
    }
}
