package tern.kernels.cells;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.DoubleSupplier;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.kernels.cells.UnitScan.Convergence;
import tern.ops.UnitCell;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Plain gradients are slopes; vector = plain; Newton's method = position by position. */
class UnitScanTest {
    private static final double TOLERANCE = 1e-5;

    private record Case(KernelLaw law, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor dy, Tensor dNext) {
        /** Weights within ±1, twice as far as they start. */
        static Case of(KernelLaw law, DType type, UnitCell cell, int batch, int time, int units) {
            Tensor weight = law.gaussian(type, cell.weights(), units);
            for (long i = 0; i < weight.elements(); i++) {
                weight.set(i, Math.tanh(weight.get(i)));
            }
            Tensor state = law.gaussian(type, batch, cell.states(), units);
            for (long i = 0; i < state.elements(); i++) {
                state.set(i, Math.tanh(state.get(i)));
            }
            return new Case(law, cell, law.gaussian(type, batch, time, cell.gates(), units), weight, state,
                    law.gaussian(type, batch, time, units), law.gaussian(type, batch, cell.states(), units));
        }

        List<Tensor> forward(UnitScan body, ThreadTeam team) {
            Tensor y = law.copy(dy);
            Tensor next = law.copy(state);
            body.forward(team, cell, x, weight, next, y, next);
            return List.of(y, next);
        }

        List<Tensor> backward(UnitScan body, ThreadTeam team, Tensor y) {
            Tensor dx = law.blank(x.dtype(), x.shape().toArray());
            Tensor dState = law.blank(x.dtype(), state.shape().toArray());
            Tensor dWeight = law.copy(weight).fill(0);
            body.backward(team, cell, x, weight, state, y, dy, dNext, dx, dWeight, dState);
            return List.of(dx, dState, dWeight);
        }
    }

    @ParameterizedTest
    @EnumSource(UnitCell.class)
    void plainGradientsAreSlopes(UnitCell cell) {
        try (KernelLaw law = new KernelLaw(5100 + cell.ordinal())) {
            Case one = Case.of(law, DType.F64, cell, 2, 6, 3);
            UnitScan plain = new ReferenceUnitScan();
            ThreadTeam team = law.team(1);
            List<Tensor> slopes = one.backward(plain, team, one.forward(plain, team).get(0));
            DoubleSupplier loss = () -> {
                List<Tensor> made = one.forward(plain, team);
                return KernelLaw.dot(one.dy, made.get(0)) + KernelLaw.dot(one.dNext, made.get(1));
            };
            law.assertGradient("x", one.x, slopes.get(0), loss);
            law.assertGradient("state", one.state, slopes.get(1), loss);
            law.assertGradient("weight", one.weight, slopes.get(2), loss);
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @EnumSource(UnitCell.class)
    void vectorIsPlainAndNewtonIsStepping(UnitCell cell) {
        for (int time : new int[] {0, 1, 2, 64, 65, 130}) {
            check(5200 + time, cell, 2, time, 5);
        }
        for (int units : new int[] {1, 15, 17, 65}) {
            check(5600 + units, cell, 2, 7, units);
        }
    }

    private void check(long seed, UnitCell cell, int batch, int time, int units) {
        try (KernelLaw law = new KernelLaw(seed)) {
            Case one = Case.of(law, DType.F32, cell, batch, time, units);
            UnitScan plain = new ReferenceUnitScan();
            UnitScan vector = new VectorUnitScan();
            List<Tensor> expected = one.forward(plain, law.team(1));
            List<Tensor> slopes = one.backward(plain, law.team(1), expected.get(0));
            List<Tensor> made = one.forward(vector, law.team(1));
            String what = cell + " " + batch + "·" + time + "·" + units;
            for (int i = 0; i < 2; i++) {
                law.assertClose(what + " forward " + i, made.get(i), expected.get(i), TOLERANCE);
            }
            for (int threads : new int[] {1, 4}) {
                List<Tensor> back = one.backward(vector, law.team(threads), expected.get(0));
                for (int i = 0; i < 3; i++) {
                    law.assertClose(what + " backward " + i, back.get(i), slopes.get(i), 10 * TOLERANCE);
                }
            }
            for (UnitScan body : List.of(plain, vector)) {
                Tensor y = law.copy(one.dy);
                Tensor next = law.copy(one.state);
                Convergence went = body.newton(law.team(4), cell, one.x, one.weight, next, 20,
                        UnitScan.finest(DType.F32), y, next);
                assertThat(went.iterations()).as(what + ": iterations").isBetween(time < 3 ? 0 : 2, Math.min(time, 15));
                assertThat(went.residual()).as(what + ": residual").isLessThanOrEqualTo(1e-6);
                law.assertClose(what + " by Newton's method", y, expected.get(0), TOLERANCE);
                law.assertClose(what + " state by Newton's method", next, expected.get(1), TOLERANCE);
            }
            law.assertGuardsUntouched();
        }
    }

    /** n iterations make the first n positions exact, so T always do; one that must stop before steps instead. */
    @ParameterizedTest
    @EnumSource(UnitCell.class)
    void whatDoesNotConvergeIsStepped(UnitCell cell) {
        try (KernelLaw law = new KernelLaw(5900 + cell.ordinal())) {
            Case one = Case.of(law, DType.F32, cell, 1, 40, 7);
            for (long i = 0; i < one.weight.elements(); i++) {
                one.weight.set(i, 8 * one.weight.get(i));
            }
            List<Tensor> expected = one.forward(new ReferenceUnitScan(), law.team(1));
            for (UnitScan body : List.of(new ReferenceUnitScan(), new VectorUnitScan())) {
                Tensor y = law.copy(one.dy);
                Tensor next = law.copy(one.state);
                Convergence went = body.newton(law.team(2), cell, one.x, one.weight, next, 1, 1e-9, y, next);
                assertThat(went.iterations()).isEqualTo(1);
                assertThat(went.residual()).isGreaterThan(1e-9);
                law.assertClose("stepped", y, expected.get(0), 20 * TOLERANCE);
                law.assertClose("stepped state", next, expected.get(1), 20 * TOLERANCE);
            }
        }
    }

    /** Quadratic convergence: the residual after n iterations on well-behaved weights, in double precision. */
    @ParameterizedTest
    @EnumSource(UnitCell.class)
    void theResidualFallsQuadratically(UnitCell cell) {
        try (KernelLaw law = new KernelLaw(5950 + cell.ordinal())) {
            Case one = Case.of(law, DType.F64, cell, 1, 100, 4);
            for (long i = 0; i < one.weight.elements(); i++) {
                one.weight.set(i, 0.5 * one.weight.get(i));
            }
            double[] residuals = new double[7];
            for (int n = 0; n < residuals.length; n++) {
                Tensor y = law.copy(one.dy);
                Tensor next = law.copy(one.state);
                residuals[n] = new ReferenceUnitScan()
                        .newton(law.team(1), cell, one.x, one.weight, next, n, 1e-15, y, next).residual();
            }
            assertThat(residuals[0]).isBetween(0.1, 3.0);
            assertThat(residuals[3]).as(List.of(residuals).toString()).isLessThan(1e-2);
            assertThat(residuals[6]).as("after six iterations").isLessThan(1e-10);
        }
    }
}
