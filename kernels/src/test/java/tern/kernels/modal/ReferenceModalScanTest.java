package tern.kernels.modal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The plain bodies against values worked out by hand, against the convolution itself and against finite differences. */
class ReferenceModalScanTest {
    private final KernelLaw law = new KernelLaw(4);
    private final ThreadTeam team = law.team(1);
    private final ModalScan body = new ReferenceModalScan();

    @AfterEach
    void close() {
        law.assertGuardsUntouched();
        law.close();
    }

    @Test
    void polesAreRoundedOnceEachPartApart() {
        Modes modes = ModesLaw.draw(law, DType.F32, new int[] {2}, new int[] {1});
        Tensor poles = Poles.evaluate(modes, team.scratch());
        for (int n = 0; n < 2; n++) {
            double radius = Math.exp(-Math.exp(modes.decay().get(n)));
            assertThat(poles.get(n)).isEqualTo((float) (radius * Math.cos(modes.phase().get(n))));
            assertThat(poles.get(2 + n)).isEqualTo((float) (radius * Math.sin(modes.phase().get(n))));
        }
        double real = modes.realSign().get(0) * Math.exp(-Math.exp(modes.realDecay().get(0)));
        assertThat(poles.get(4)).isEqualTo((float) real);
    }

    @Test
    void impulseGivesTheFilter() {
        Modes modes = ModesLaw.draw(law, DType.F64, new int[] {2, 0, 1}, new int[] {1, 2, 0});
        Tensor passThrough = law.gaussian(DType.F64, 3);
        Tensor x = law.zeros(DType.F64, 1, 6, 3);
        x.setAll(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        Tensor state = law.zeros(DType.F64, 1, modes.order());
        Tensor y = law.blank(DType.F64, 1, 6, 3);
        body.forward(team, x, modes, passThrough, state, y, state);
        for (int f = 0; f < 3; f++) {
            assertThat(y.get(f)).isEqualTo(passThrough.get(f));
            for (int t = 1; t < 6; t++) {
                double tap = 0;
                for (int n = modes.pairStart()[f]; n < modes.pairStart()[f + 1]; n++) {
                    double radius = Math.exp(-Math.exp(modes.decay().get(n)) * (t - 1));
                    double angle = modes.phase().get(n) * (t - 1);
                    tap += radius * (modes.residueReal().get(n) * Math.cos(angle)
                            - modes.residueImaginary().get(n) * Math.sin(angle));
                }
                for (int m = modes.realStart()[f]; m < modes.realStart()[f + 1]; m++) {
                    double pole = modes.realSign().get(m) * Math.exp(-Math.exp(modes.realDecay().get(m)));
                    tap += modes.realResidue().get(m) * Math.pow(pole, t - 1);
                }
                assertThat(y.get(t * 3 + f)).isCloseTo(tap, within(1e-13));
            }
        }
    }

    @Test
    void headsAreTheirQuadraticForm() {
        int width = 3;
        int time = 5;
        Modes modes = ModesLaw.draw(law, DType.F64, new int[] {2}, new int[] {1});
        Tensor passThrough = law.gaussian(DType.F64, 1);
        Tensor impulse = law.zeros(DType.F64, 1, time, 1);
        impulse.set(0, 1);
        Tensor taps = law.blank(DType.F64, 1, time, 1);
        Tensor scalarState = law.zeros(DType.F64, 1, modes.order());
        body.forward(team, impulse, modes, passThrough, scalarState, taps, scalarState);
        Tensor query = law.gaussian(DType.F64, 1, time, 1, width);
        Tensor key = law.gaussian(DType.F64, 1, time, 1, width);
        Tensor value = law.gaussian(DType.F64, 1, time, 1, width);
        Tensor state = law.zeros(DType.F64, 1, modes.order(), width, width);
        Tensor y = law.blank(DType.F64, 1, time, 1, width);
        body.forwardHeads(team, query, key, value, modes, passThrough, state, y, state);
        for (int t = 0; t < time; t++) {
            for (int j = 0; j < width; j++) {
                double sum = 0;
                for (int s = 0; s <= t; s++) {
                    for (int i = 0; i < width; i++) {
                        sum += taps.get(t - s) * query.get(t * width + i) * key.get(s * width + i)
                                * value.get(s * width + j);
                    }
                }
                assertThat(y.get(t * width + j)).isCloseTo(sum, within(1e-12));
            }
        }
    }

    @Test
    void scalarGradients() {
        Modes modes = ModesLaw.draw(law, DType.F64, new int[] {2, 0, 1}, new int[] {1, 2, 0});
        Tensor passThrough = law.gaussian(DType.F64, 3);
        Tensor x = law.gaussian(DType.F64, 2, 4, 3);
        Tensor state = law.gaussian(DType.F64, 2, modes.order());
        Tensor dy = law.gaussian(DType.F64, 2, 4, 3);
        Tensor dNextState = law.gaussian(DType.F64, 2, modes.order());
        Tensor y = law.blank(DType.F64, 2, 4, 3);
        Tensor nextState = law.blank(DType.F64, 2, modes.order());
        Tensor dx = law.blank(DType.F64, 2, 4, 3);
        Tensor dState = law.blank(DType.F64, 2, modes.order());
        Modes dModes = ModesLaw.zeros(law, modes);
        Tensor dPassThrough = law.zeros(DType.F64, 3);
        DoubleSupplier loss = () -> {
            body.forward(team, x, modes, passThrough, state, y, nextState);
            return KernelLaw.dot(dy, y) + KernelLaw.dot(dNextState, nextState);
        };
        body.backward(team, x, modes, passThrough, state, dy, dNextState, dx, dModes, dPassThrough, dState);
        law.assertGradient("x", x, dx, loss);
        assertGradients(modes, passThrough, state, dModes, dPassThrough, dState, loss);
    }

    @Test
    void headGradients() {
        Modes modes = ModesLaw.draw(law, DType.F64, new int[] {1, 2}, new int[] {1, 0});
        Tensor passThrough = law.gaussian(DType.F64, 2);
        Tensor query = law.gaussian(DType.F64, 2, 3, 2, 3);
        Tensor key = law.gaussian(DType.F64, 2, 3, 2, 3);
        Tensor value = law.gaussian(DType.F64, 2, 3, 2, 3);
        Tensor state = law.gaussian(DType.F64, 2, modes.order(), 3, 3);
        Tensor dy = law.gaussian(DType.F64, 2, 3, 2, 3);
        Tensor dNextState = law.gaussian(DType.F64, 2, modes.order(), 3, 3);
        Tensor y = law.blank(DType.F64, 2, 3, 2, 3);
        Tensor nextState = law.blank(DType.F64, 2, modes.order(), 3, 3);
        Tensor dQuery = law.blank(DType.F64, 2, 3, 2, 3);
        Tensor dKey = law.blank(DType.F64, 2, 3, 2, 3);
        Tensor dValue = law.blank(DType.F64, 2, 3, 2, 3);
        Tensor dState = law.blank(DType.F64, 2, modes.order(), 3, 3);
        Modes dModes = ModesLaw.zeros(law, modes);
        Tensor dPassThrough = law.zeros(DType.F64, 2);
        DoubleSupplier loss = () -> {
            body.forwardHeads(team, query, key, value, modes, passThrough, state, y, nextState);
            return KernelLaw.dot(dy, y) + KernelLaw.dot(dNextState, nextState);
        };
        body.backwardHeads(team, query, key, value, modes, passThrough, state, dy, dNextState, dQuery, dKey, dValue,
                dModes,
                dPassThrough, dState);
        law.assertGradient("query", query, dQuery, loss);
        law.assertGradient("key", key, dKey, loss);
        law.assertGradient("value", value, dValue, loss);
        assertGradients(modes, passThrough, state, dModes, dPassThrough, dState, loss);
    }

    private void assertGradients(Modes modes, Tensor passThrough, Tensor state, Modes dModes, Tensor dPassThrough,
            Tensor dState, DoubleSupplier loss) {
        law.assertGradient("passThrough", passThrough, dPassThrough, loss);
        law.assertGradient("state", state, dState, loss);
        law.assertGradient("decay", modes.decay(), dModes.decay(), loss);
        law.assertGradient("phase", modes.phase(), dModes.phase(), loss);
        law.assertGradient("residueReal", modes.residueReal(), dModes.residueReal(), loss);
        law.assertGradient("residueImaginary", modes.residueImaginary(), dModes.residueImaginary(), loss);
        law.assertGradient("realDecay", modes.realDecay(), dModes.realDecay(), loss);
        law.assertGradient("realResidue", modes.realResidue(), dModes.realResidue(), loss);
    }
}
