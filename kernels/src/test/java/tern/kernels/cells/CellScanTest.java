package tern.kernels.cells;

import java.util.List;
import java.util.function.DoubleSupplier;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.kernels.matmul.VectorMatmul;
import tern.ops.Cell;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Plain gradients are slopes; vector = plain, whatever the shape, and the same bits on any number of threads. */
class CellScanTest {
    private static final double TOLERANCE = 3e-5;

    /** A call's tensors. */
    private record Case(KernelLaw law, Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state, Tensor dy,
            Tensor dNext) {
        static Case of(KernelLaw law, DType type, Cell cell, int batch, int time, int heads, int units) {
            Tensor weight = law.gaussian(type, heads, cell.gates(), units, units);
            for (long i = 0; i < weight.elements(); i++) {
                weight.set(i, weight.get(i) / Math.sqrt(units));
            }
            Tensor state = law.gaussian(type, batch, cell.states(), heads * units);
            // The first sequence has seen nothing yet; sums of positive numbers are positive in the others.
            state.slice(0, 1).fill(0);
            for (int b = 1; cell == Cell.SLSTM && b < batch; b++) {
                for (long i = 0; i < heads * units; i++) {
                    long at = (b * 4L + 2) * heads * units + i;
                    state.set(at, 1 + Math.abs(state.get(at)));
                }
            }
            return new Case(law, cell, law.gaussian(type, batch, time, heads, cell.gates(), units), weight,
                    law.gaussian(type, cell.biased() ? heads : 0, units), state,
                    law.gaussian(type, batch, time, heads * units),
                    law.gaussian(type, batch, cell.states(), heads * units));
        }

        /** y, the last state, what was kept. */
        List<Tensor> forward(CellScan body, ThreadTeam team) {
            Tensor y = law.copy(dy);
            Tensor next = law.copy(state);
            Tensor kept = law.blank(x.dtype(), x.shape().with(3, cell.kept()).toArray());
            body.forward(team, cell, x, weight, bias, next, y, next, kept);
            return List.of(y, next, kept);
        }

        /** dx, dState, dWeight, dBias; the last two added to ones. */
        List<Tensor> backward(CellScan body, ThreadTeam team, List<Tensor> made) {
            Tensor dx = law.blank(x.dtype(), x.shape().toArray());
            Tensor dState = law.blank(x.dtype(), state.shape().toArray());
            Tensor dWeight = law.copy(weight).fill(1);
            Tensor dBias = law.copy(bias).fill(1);
            body.backward(team, cell, weight, bias, state, made.get(0), made.get(2), dy, dNext, dx, dWeight, dBias,
                    dState);
            return List.of(dx, dState, dWeight, dBias);
        }
    }

    @ParameterizedTest
    @EnumSource(Cell.class)
    void plainGradientsAreSlopes(Cell cell) {
        try (KernelLaw law = new KernelLaw(4100 + cell.ordinal())) {
            Case one = Case.of(law, DType.F64, cell, 2, 5, 2, 3);
            CellScan plain = new ReferenceCellScan();
            ThreadTeam team = law.team(1);
            List<Tensor> slopes = one.backward(plain, team, one.forward(plain, team));
            for (Tensor parameter : slopes.subList(2, 4)) {
                for (long i = 0; i < parameter.elements(); i++) {
                    parameter.set(i, parameter.get(i) - 1);
                }
            }
            DoubleSupplier loss = () -> {
                List<Tensor> made = one.forward(plain, team);
                return KernelLaw.dot(one.dy, made.get(0)) + KernelLaw.dot(one.dNext, made.get(1));
            };
            law.assertGradient("x", one.x, slopes.get(0), loss);
            law.assertGradient("weight", one.weight, slopes.get(2), loss);
            law.assertGradient("bias", one.bias, slopes.get(3), loss);
            law.assertGradient("state", one.state, slopes.get(1), loss);
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @EnumSource(Cell.class)
    void vectorIsPlain(Cell cell) {
        for (int time : new int[] {0, 1, 2, 16}) {
            check(4200 + time, cell, 3, time, 2, 5);
        }
        for (int units : new int[] {1, 16, 17, 33}) {
            check(4300 + units, cell, 2, 17, 1, units);
        }
        check(4400, cell, 5, 16, 2, 36);
        check(4401, cell, 17, 16, 1, 66);
        check(4500, cell, 1, 16, 1, 130);
        check(4502, cell, 2, 3, 2, 66);
    }

    private void check(long seed, Cell cell, int batch, int time, int heads, int units) {
        try (KernelLaw law = new KernelLaw(seed)) {
            Case one = Case.of(law, DType.F32, cell, batch, time, heads, units);
            CellScan plain = new ReferenceCellScan();
            CellScan vector = new VectorCellScan(new VectorMatmul());
            List<Tensor> expected = one.forward(plain, law.team(1));
            List<Tensor> expectedSlopes = one.backward(plain, law.team(1), expected);
            List<Tensor> first = one.forward(vector, law.team(1));
            List<Tensor> firstSlopes = one.backward(vector, law.team(1), first);
            List<Tensor> other = one.forward(vector, law.team(4));
            List<Tensor> otherSlopes = one.backward(vector, law.team(4), other);
            String what = cell + " " + batch + "·" + time + "·" + heads + "·" + units;
            for (int i = 0; i < 3; i++) {
                law.assertClose(what + " forward " + i, first.get(i), expected.get(i), TOLERANCE);
                law.assertSame(what + " forward on four threads " + i, other.get(i), first.get(i));
            }
            for (int i = 0; i < 4; i++) {
                law.assertClose(what + " backward " + i, firstSlopes.get(i), expectedSlopes.get(i), 10 * TOLERANCE);
                law.assertSame(what + " backward on four threads " + i, otherSlopes.get(i), firstSlopes.get(i));
            }
            Tensor nothing = law.blank(DType.F32, Shape.of(0).toArray());
            Tensor y = law.copy(one.dy);
            Tensor next = law.copy(one.state);
            vector.forward(law.team(1), cell, one.x, one.weight, one.bias, next, y, next, nothing);
            law.assertSame(what + " without keeping", y, first.get(0));
            law.assertGuardsUntouched();
        }
    }
}
