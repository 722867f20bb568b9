package tern.kernels.modal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector bodies do what the plain ones do, forward and backward, whatever the numbers of modes, and on any team. */
class VectorModalScanTest {
    private final ModalScan plain = new ReferenceModalScan();
    private final ModalScan vector = new VectorModalScan();

    private static int[] counts(SplittableRandom random, int filters, int most) {
        return random.ints(filters, 0, most + 1).toArray();
    }

    private static void assertModes(KernelLaw law, Modes actual, Modes expected) {
        law.assertClose("decay", actual.decay(), expected.decay());
        law.assertClose("phase", actual.phase(), expected.phase());
        law.assertClose("residueReal", actual.residueReal(), expected.residueReal());
        law.assertClose("residueImaginary", actual.residueImaginary(), expected.residueImaginary());
        law.assertClose("realDecay", actual.realDecay(), expected.realDecay());
        law.assertClose("realResidue", actual.realResidue(), expected.realResidue());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void scalarFilters(long seed) {
        try (KernelLaw law = new KernelLaw(seed)) {
            SplittableRandom random = new SplittableRandom(seed);
            int batch = 1 + random.nextInt(3);
            int time = (int) seed < 6 ? random.nextInt(4) : random.nextInt(100);
            int filters = 1 + random.nextInt(20);
            Modes modes = ModesLaw.draw(law, DType.F32, counts(random, filters, 20), counts(random, filters, 20));
            Tensor pass = law.gaussian(DType.F32, filters);
            Tensor x = law.gaussian(DType.F32, batch, time, filters);
            Tensor state = law.gaussian(DType.F32, batch, modes.order());
            Tensor[] y = {law.blank(DType.F32, batch, time, filters), law.blank(DType.F32, batch, time, filters)};
            Tensor[] next = {law.blank(DType.F32, batch, modes.order()), law.blank(DType.F32, batch, modes.order())};
            plain.forward(law.team(1), x, modes, pass, state, y[0], next[0]);
            vector.forward(law.team(4), x, modes, pass, state, y[1], next[1]);
            law.assertClose("y", y[1], y[0]);
            law.assertClose("next state", next[1], next[0]);
            Tensor dy = law.gaussian(DType.F32, batch, time, filters);
            Tensor dNext = law.gaussian(DType.F32, batch, modes.order());
            Tensor[] dx = {law.blank(DType.F32, batch, time, filters), law.blank(DType.F32, batch, time, filters)};
            Tensor[] dState = {law.blank(DType.F32, batch, modes.order()), law.blank(DType.F32, batch, modes.order())};
            Modes[] dModes = {ModesLaw.zeros(law, modes), ModesLaw.zeros(law, modes)};
            Tensor[] dPass = {law.zeros(DType.F32, filters), law.zeros(DType.F32, filters)};
            plain.backward(law.team(1), x, modes, pass, state, dy, dNext, dx[0], dModes[0], dPass[0], dState[0]);
            vector.backward(law.team(4), x, modes, pass, state, dy, dNext, dx[1], dModes[1], dPass[1], dState[1]);
            law.assertClose("dx", dx[1], dx[0]);
            law.assertClose("dState", dState[1], dState[0]);
            law.assertClose("dPassThrough", dPass[1], dPass[0]);
            assertModes(law, dModes[1], dModes[0]);
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void heads(long seed) {
        try (KernelLaw law = new KernelLaw(seed)) {
            SplittableRandom random = new SplittableRandom(100 + seed);
            int batch = 1 + random.nextInt(3);
            int time = (int) seed < 6 ? random.nextInt(4) : random.nextInt(100);
            int filters = 1 + random.nextInt(6);
            int width = 1 + random.nextInt(9);
            Modes modes = ModesLaw.draw(law, DType.F32, counts(random, filters, 5), counts(random, filters, 4));
            Tensor pass = law.gaussian(DType.F32, filters);
            int[] shape = {batch, time, filters, width};
            int[] stateShape = {batch, modes.order(), width, width};
            Tensor q = law.gaussian(DType.F32, shape);
            Tensor k = law.gaussian(DType.F32, shape);
            Tensor v = law.gaussian(DType.F32, shape);
            Tensor state = law.gaussian(DType.F32, stateShape);
            Tensor[] y = {law.blank(DType.F32, shape), law.blank(DType.F32, shape)};
            Tensor[] next = {law.blank(DType.F32, stateShape), law.blank(DType.F32, stateShape)};
            plain.forwardHeads(law.team(1), q, k, v, modes, pass, state, y[0], next[0]);
            vector.forwardHeads(law.team(4), q, k, v, modes, pass, state, y[1], next[1]);
            law.assertClose("y", y[1], y[0]);
            law.assertClose("next state", next[1], next[0]);
            Tensor dy = law.gaussian(DType.F32, shape);
            Tensor dNext = law.gaussian(DType.F32, stateShape);
            Tensor[][] d = new Tensor[3][];
            for (int i = 0; i < 3; i++) {
                d[i] = new Tensor[] {law.blank(DType.F32, shape), law.blank(DType.F32, shape)};
            }
            Tensor[] dState = {law.blank(DType.F32, stateShape), law.blank(DType.F32, stateShape)};
            Modes[] dModes = {ModesLaw.zeros(law, modes), ModesLaw.zeros(law, modes)};
            Tensor[] dPass = {law.zeros(DType.F32, filters), law.zeros(DType.F32, filters)};
            plain.backwardHeads(law.team(1), q, k, v, modes, pass, state, dy, dNext, d[0][0], d[1][0], d[2][0],
                    dModes[0],
                    dPass[0], dState[0]);
            vector.backwardHeads(law.team(4), q, k, v, modes, pass, state, dy, dNext, d[0][1], d[1][1], d[2][1],
                    dModes[1],
                    dPass[1], dState[1]);
            law.assertClose("dQuery", d[0][1], d[0][0]);
            law.assertClose("dKey", d[1][1], d[1][0]);
            law.assertClose("dValue", d[2][1], d[2][0]);
            law.assertClose("dState", dState[1], dState[0]);
            law.assertClose("dPassThrough", dPass[1], dPass[0]);
            assertModes(law, dModes[1], dModes[0]);
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void threadsDoNotMatterAndStatesMoveInPlace(long seed) {
        try (KernelLaw law = new KernelLaw(seed); ThreadTeam four = new ThreadTeam(4)) {
            SplittableRandom random = new SplittableRandom(seed);
            int filters = 40;
            Modes modes = ModesLaw.draw(law, DType.F32, counts(random, filters, 9), counts(random, filters, 3));
            Tensor pass = law.gaussian(DType.F32, filters);
            Tensor x = law.gaussian(DType.F32, 2, 70, filters);
            Tensor state = law.gaussian(DType.F32, 2, modes.order());
            Tensor next = law.blank(DType.F32, 2, modes.order());
            Tensor y = law.blank(DType.F32, 2, 70, filters);
            Tensor again = law.blank(DType.F32, 2, 70, filters);
            vector.forward(law.team(1), x, modes, pass, state, y, next);
            vector.forward(four, x, modes, pass, state, again, state);
            assertThat(again.toFloats()).isEqualTo(y.toFloats());
            assertThat(state.toFloats()).isEqualTo(next.toFloats());
        }
    }
}
