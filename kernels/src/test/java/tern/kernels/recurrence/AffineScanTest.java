package tern.kernels.recurrence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Plain bodies against the sum they stand for and finite differences, vector bodies against the plain ones. */
class AffineScanTest {
    private final AffineScan plain = new ReferenceAffineScan();
    private final AffineScan vector = new VectorAffineScan();

    /** Factors of size up to 1.2, some of them 0, as at the beginning of a packed sequence. */
    private static Tensor factors(KernelLaw law, DType dtype, int... shape) {
        Tensor decay = law.blank(dtype, shape);
        for (long i = 0; i < decay.elements(); i++) {
            decay.set(i, law.random().nextInt(9) == 0 ? 0 : 2.4 * law.random().nextDouble() - 1.2);
        }
        return decay;
    }

    /** h_t = Σ_i (Π_(i&lt;j≤t) a_j) x_i with the state as x_(−1), each product for itself. */
    @Test
    void isTheSumOfProducts() {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            double[] a = {0.5, -1.25, 0, 0.75, 1};
            double[] x = {1, 2, 3, 4, 5};
            Tensor decay = memory.allocate(DType.F64, Shape.of(1, 5, 1)).setAll(a);
            Tensor in = memory.allocate(DType.F64, Shape.of(1, 5, 1)).setAll(x);
            Tensor none = memory.allocate(DType.F64, Shape.of(1, 5, 0));
            Tensor state = memory.allocate(DType.F64, Shape.of(1, 1, 1)).fill(10);
            Tensor y = memory.zeros(DType.F64, Shape.of(1, 5, 1));
            plain.forward(team, decay, none, in, state, y, state);
            assertThat(y.toDoubles()).containsExactly(6, -5.5, 3, 6.25, 11.25);
            assertThat(state.get(0)).isEqualTo(11.25);
        }
    }

    @Test
    void everyTimeAndWidth() {
        KernelLaw.lengths().forEach(length -> {
            check(2400 + length, 2, length, 5, 1 + length % 2, 1, length % 3 == 0);
            check(2450 + length, 1 + length % 2, 7, Math.max(1, length), 1, 7, length % 2 == 0);
        });
    }

    @Test
    void severalBlocksAndGroups() {
        check(2500, 2, 129, 70, 2, 129, false);
        check(2501, 2, 128, 64, 1, 1, false);
        check(2502, 3, 65, 40, 3, 1, true);
        check(2503, 2, 200, 130, 1, 200, true);
        check(2504, 2, 300, 200, 2, 300, false);
    }

    private void check(long seed, int batch, int time, int channels, int factorBatch, int factorTime,
            boolean complex) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            DType f32 = DType.F32;
            int shared = factorBatch == 1 ? 1 : batch;
            int rows = factorTime == 1 ? 1 : time;
            int width = complex ? 2 * channels : channels;
            Tensor decay = factors(law, f32, shared, rows, channels);
            Tensor turn = law.gaussian(f32, shared, rows, complex ? channels : 0);
            for (long i = 0; i < decay.elements(); i++) {
                decay.set(i, decay.get(i) * 0.8);
                if (complex) {
                    turn.set(i, 0.5 * Math.tanh(turn.get(i)));
                }
            }
            Tensor x = law.gaussian(f32, batch, time, width);
            Tensor state = law.gaussian(f32, batch, 1, width);
            Tensor expected = law.blank(f32, batch, time, width);
            Tensor actual = law.blank(f32, batch, time, width);
            Tensor again = law.blank(f32, batch, time, width);
            Tensor expectedState = law.blank(f32, batch, 1, width);
            Tensor actualState = law.blank(f32, batch, 1, width);
            Tensor ownState = law.copy(state);
            plain.forward(one, decay, turn, x, state, expected, expectedState);
            vector.forward(four, decay, turn, x, state, actual, actualState);
            vector.forward(one, decay, turn, x, ownState, again, ownState);
            law.assertClose("y", actual, expected);
            law.assertClose("state", actualState, expectedState);
            law.assertSame("y in place on one thread", again, actual);
            law.assertSame("state in place", ownState, actualState);

            Tensor dy = law.gaussian(f32, batch, time, width);
            Tensor dNext = law.gaussian(f32, batch, 1, width);
            Tensor wantedX = law.blank(f32, batch, time, width);
            Tensor foundX = law.blank(f32, batch, time, width);
            Tensor wantedState = law.blank(f32, batch, 1, width);
            Tensor foundState = law.blank(f32, batch, 1, width);
            Tensor wantedDecay = law.zeros(f32, decay.shape().toArray());
            Tensor foundDecay = law.zeros(f32, decay.shape().toArray());
            Tensor repeated = law.zeros(f32, decay.shape().toArray());
            Tensor wantedTurn = law.zeros(f32, turn.shape().toArray());
            Tensor foundTurn = law.zeros(f32, turn.shape().toArray());
            Tensor repeatedTurn = law.zeros(f32, turn.shape().toArray());
            plain.backward(one, decay, turn, state, expected, dy, dNext, wantedDecay, wantedTurn, wantedX,
                    wantedState);
            vector.backward(one, decay, turn, state, expected, dy, dNext, repeated, repeatedTurn, foundX, foundState);
            vector.backward(four, decay, turn, state, expected, dy, dNext, foundDecay, foundTurn, foundX, foundState);
            law.assertClose("dx", foundX, wantedX, 3e-5);
            law.assertClose("dState", foundState, wantedState, 3e-5);
            law.assertClose("dDecay", foundDecay, wantedDecay, 3e-5);
            law.assertClose("dTurn", foundTurn, wantedTurn, 3e-5);
            law.assertSame("dDecay on one thread", repeated, foundDecay);
            law.assertGuardsUntouched();
        }
    }

    /** Wherever time is cut, the same bits. */
    @Test
    void cutsChangeNoBit() {
        for (AffineScan body : new AffineScan[] {plain, vector}) {
            try (KernelLaw law = new KernelLaw(2600)) {
                ThreadTeam team = law.team(2);
                Tensor decay = factors(law, DType.F32, 1, 11, 70);
                Tensor none = law.blank(DType.F32, 1, 11, 0);
                Tensor x = law.gaussian(DType.F32, 1, 11, 70);
                Tensor state = law.gaussian(DType.F32, 1, 1, 70);
                Tensor carried = law.copy(state);
                Tensor whole = law.blank(DType.F32, 1, 11, 70);
                Tensor pieces = law.blank(DType.F32, 1, 11, 70);
                body.forward(team, decay, none, x, state, whole, state);
                for (int from = 0, to; from < 11; from = to) {
                    to = Math.min(11, from + 1 + law.random().nextInt(5));
                    body.forward(team, rows(decay, from, to), rows(none, from, to), rows(x, from, to), carried,
                            rows(pieces, from, to), carried);
                }
                law.assertSame("y in pieces", pieces, whole);
                law.assertSame("state after pieces", carried, state);
            }
        }
    }

    private static Tensor rows(Tensor x, int from, int to) {
        return x.reshape(x.dim(1), x.dim(2)).slice(from, to).reshape(1, to - from, x.dim(2));
    }

    /** The plain bodies' gradients are slopes, in F64, whatever shares factors. */
    @Test
    void gradientsAreSlopes() {
        for (int kind = 0; kind < 8; kind++) {
            boolean complex = kind % 2 == 1;
            try (KernelLaw law = new KernelLaw(2700 + kind)) {
                ThreadTeam team = law.team(1);
                DType f64 = DType.F64;
                int[] shape = {kind / 2 % 2 == 0 ? 1 : 2, kind / 4 == 0 ? 1 : 6, 3};
                int width = complex ? 6 : 3;
                Tensor decay = factors(law, f64, shape);
                Tensor turn = law.gaussian(f64, shape[0], shape[1], complex ? 3 : 0);
                Tensor x = law.gaussian(f64, 2, 6, width);
                Tensor state = law.gaussian(f64, 2, 1, width);
                Tensor y = law.blank(f64, 2, 6, width);
                Tensor next = law.blank(f64, 2, 1, width);
                Tensor dy = law.gaussian(f64, 2, 6, width);
                Tensor dNext = law.gaussian(f64, 2, 1, width);
                Tensor dx = law.blank(f64, 2, 6, width);
                Tensor dState = law.blank(f64, 2, 1, width);
                Tensor dDecay = law.zeros(f64, shape);
                Tensor dTurn = law.zeros(f64, turn.shape().toArray());
                DoubleSupplier loss = () -> {
                    plain.forward(team, decay, turn, x, state, y, next);
                    return KernelLaw.dot(dy, y) + KernelLaw.dot(dNext, next);
                };
                plain.forward(team, decay, turn, x, state, y, next);
                plain.backward(team, decay, turn, state, y, dy, dNext, dDecay, dTurn, dx, dState);
                law.assertGradient("x", x, dx, loss);
                law.assertGradient("state", state, dState, loss);
                law.assertGradient("decay", decay, dDecay, loss);
                law.assertGradient("turn", turn, dTurn, loss);
            }
        }
    }
}
