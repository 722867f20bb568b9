package tern.kernels.modal;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Vector bodies against the plain ones, and cut anywhere against the whole. */
class VectorModalScanTest {
    private static final double TOLERANCE = 3e-5;
    private final ModalScan plain = new ReferenceModalScan();
    private final ModalScan vector = new VectorModalScan();

    // ── scalar ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Test
    void scalarOfEveryTime() {
        KernelLaw.lengths().forEach(time -> scalar(2000 + time, 2, time, new int[] {3, 0, 1}, new int[] {0, 2, 1}));
    }

    @Test
    void scalarOfEveryNumberOfModes() {
        KernelLaw.lengths()
                .forEach(pairs -> scalar(2100 + pairs, 1, 1 + pairs % 7, new int[] {pairs, 1, 33 - pairs % 34},
                        new int[] {1, pairs, 0}));
    }

    @Test
    void scalarOfEveryNumberOfFilters() {
        KernelLaw.lengths().filter(filters -> filters > 0).forEach(filters -> {
            int[] pairs = new int[filters];
            int[] reals = new int[filters];
            for (int f = 0; f < filters; f++) {
                pairs[f] = f * 7 % 5;
                reals[f] = f * 3 % 4;
            }
            scalar(2200 + filters, 2, filters % 2 == 0 ? 2 : 9, pairs, reals);
        });
    }

    @Test
    void scalarOfSeveralChunks() {
        scalar(2300, 2, 64, new int[] {2, 3}, new int[] {1, 0});
        scalar(2301, 1, 65, new int[] {2, 3}, new int[] {1, 0});
        scalar(2302, 3, 200, new int[] {4, 0}, new int[] {0, 2});
        scalar(2303, 2, 70, new int[] {0}, new int[] {0});
        scalar(2304, 2, 1, new int[700], new int[700]);
    }

    private void scalar(long seed, int batch, int time, int[] pairs, int[] reals) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            int filters = pairs.length;
            Modes modes = ModesLaw.draw(law, DType.F32, pairs, reals);
            Tensor passThrough = law.gaussian(DType.F32, filters);
            Tensor x = law.gaussian(DType.F32, batch, time, filters);
            Tensor state = law.gaussian(DType.F32, batch, modes.order());
            Tensor expected = law.blank(DType.F32, batch, time, filters);
            Tensor actual = law.blank(DType.F32, batch, time, filters);
            Tensor again = law.blank(DType.F32, batch, time, filters);
            Tensor expectedState = law.blank(DType.F32, batch, modes.order());
            Tensor actualState = law.blank(DType.F32, batch, modes.order());
            Tensor againState = law.copy(state);
            plain.forward(one, x, modes, passThrough, state, expected, expectedState);
            vector.forward(four, x, modes, passThrough, state, actual, actualState);
            vector.forward(one, x, modes, passThrough, againState, again, againState);
            law.assertClose("y", actual, expected, TOLERANCE);
            law.assertClose("state", actualState, expectedState, TOLERANCE);
            law.assertSame("y on one thread, in place", again, actual);
            law.assertSame("state on one thread, in place", againState, actualState);

            Tensor dy = law.gaussian(DType.F32, batch, time, filters);
            Tensor dNextState = law.gaussian(DType.F32, batch, modes.order());
            Gradients wanted = new Gradients(law, modes, state);
            Gradients found = new Gradients(law, modes, state);
            Gradients repeated = new Gradients(law, modes, state);
            plain.backward(one, x, modes, passThrough, state, dy, dNextState, expected, wanted.modes,
                    wanted.passThrough,
                    wanted.state);
            vector.backward(four, x, modes, passThrough, state, dy, dNextState, actual, found.modes, found.passThrough,
                    found.state);
            vector.backward(one, x, modes, passThrough, state, dy, dNextState, again, repeated.modes,
                    repeated.passThrough,
                    repeated.state);
            law.assertClose("dx", actual, expected, TOLERANCE);
            law.assertSame("dx on one thread", again, actual);
            found.assertClose(wanted);
            repeated.assertSame(found);
            law.assertGuardsUntouched();
        }
    }

    // ── heads ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @Test
    void headsOfEveryTime() {
        KernelLaw.lengths().forEach(time -> heads(2400 + time, 2, time, 4, new int[] {3, 0, 1}, new int[] {0, 2, 1}));
    }

    @Test
    void headsOfEveryWidth() {
        for (int width = 1; width <= 9; width++) {
            heads(2500 + width, 1, 3, width, new int[] {2, 1}, new int[] {1, 0});
            heads(2550 + width, 2, 19, width, new int[] {2, 1}, new int[] {1, 0});
        }
        heads(2560, 1, 2, 16, new int[] {2}, new int[] {1});
        heads(2561, 1, 20, 17, new int[] {3, 1}, new int[] {1, 2});
        heads(2562, 1, 20, 32, new int[] {3}, new int[] {0});
    }

    @Test
    void headsOfEveryNumberOfModes() {
        KernelLaw.lengths().filter(pairs -> pairs % 3 == 0).forEach(
                pairs -> heads(2600 + pairs, 1, pairs % 2 == 0 ? 2 : 12, 4, new int[] {pairs, 1},
                        new int[] {1, pairs}));
    }

    @Test
    void headsOfSeveralChunks() {
        heads(2700, 2, 64, 2, new int[] {2, 3}, new int[] {1, 0});
        heads(2701, 1, 65, 4, new int[] {2, 3}, new int[] {1, 0});
        heads(2702, 2, 200, 3, new int[] {4, 0}, new int[] {0, 2});
        heads(2703, 2, 70, 4, new int[] {0}, new int[] {0});
    }

    private void heads(long seed, int batch, int time, int width, int[] pairs, int[] reals) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            int filters = pairs.length;
            Modes modes = ModesLaw.draw(law, DType.F32, pairs, reals);
            Tensor passThrough = law.gaussian(DType.F32, filters);
            Tensor query = law.gaussian(DType.F32, batch, time, filters, width);
            Tensor key = law.gaussian(DType.F32, batch, time, filters, width);
            Tensor value = law.gaussian(DType.F32, batch, time, filters, width);
            Tensor state = law.gaussian(DType.F32, batch, modes.order(), width, width);
            Tensor expected = law.blank(DType.F32, batch, time, filters, width);
            Tensor actual = law.blank(DType.F32, batch, time, filters, width);
            Tensor again = law.blank(DType.F32, batch, time, filters, width);
            Tensor expectedState = law.blank(DType.F32, batch, modes.order(), width, width);
            Tensor actualState = law.blank(DType.F32, batch, modes.order(), width, width);
            Tensor againState = law.copy(state);
            plain.forwardHeads(one, query, key, value, modes, passThrough, state, expected, expectedState);
            vector.forwardHeads(four, query, key, value, modes, passThrough, state, actual, actualState);
            vector.forwardHeads(one, query, key, value, modes, passThrough, againState, again, againState);
            law.assertClose("y", actual, expected, TOLERANCE);
            law.assertClose("state", actualState, expectedState, TOLERANCE);
            law.assertSame("y on one thread, in place", again, actual);
            law.assertSame("state on one thread, in place", againState, actualState);

            Tensor dy = law.gaussian(DType.F32, batch, time, filters, width);
            Tensor dNextState = law.gaussian(DType.F32, batch, modes.order(), width, width);
            Gradients wanted = new Gradients(law, modes, state);
            Gradients found = new Gradients(law, modes, state);
            Gradients repeated = new Gradients(law, modes, state);
            Tensor[] expectedInputs = {law.blank(DType.F32, batch, time, filters, width),
                law.blank(DType.F32, batch, time, filters, width), law.blank(DType.F32, batch, time, filters, width)};
            Tensor[] actualInputs = {law.copy(expectedInputs[0]), law.copy(expectedInputs[0]),
                law.copy(expectedInputs[0])};
            Tensor[] againInputs = {law.copy(expectedInputs[0]), law.copy(expectedInputs[0]),
                law.copy(expectedInputs[0])};
            plain.backwardHeads(one, query, key, value, modes, passThrough, state, dy, dNextState, expectedInputs[0],
                    expectedInputs[1], expectedInputs[2], wanted.modes, wanted.passThrough, wanted.state);
            vector.backwardHeads(four, query, key, value, modes, passThrough, state, dy, dNextState, actualInputs[0],
                    actualInputs[1], actualInputs[2], found.modes, found.passThrough, found.state);
            vector.backwardHeads(one, query, key, value, modes, passThrough, state, dy, dNextState, againInputs[0],
                    againInputs[1], againInputs[2], repeated.modes, repeated.passThrough, repeated.state);
            String[] names = {"dQuery", "dKey", "dValue"};
            for (int i = 0; i < names.length; i++) {
                law.assertClose(names[i], actualInputs[i], expectedInputs[i], TOLERANCE);
                law.assertSame(names[i] + " on one thread", againInputs[i], actualInputs[i]);
            }
            found.assertClose(wanted);
            repeated.assertSame(found);
            law.assertGuardsUntouched();
        }
    }

    /** What one backward call accumulates into, beginning with values that are not 0, and the gradient of the state. */
    private static final class Gradients {
        private final KernelLaw law;
        private final Modes modes;
        private final Tensor passThrough;
        private final Tensor state;

        private Gradients(KernelLaw law, Modes modes, Tensor state) {
            this.law = law;
            this.modes = ModesLaw.zeros(law, modes);
            this.passThrough = law.zeros(DType.F32, modes.filters()).fill(0.5);
            this.modes.decay().fill(0.25);
            this.modes.realResidue().fill(-0.25);
            this.state = law.blank(DType.F32, state.shape().toArray());
        }

        private void assertClose(Gradients expected) {
            law.assertClose("dPassThrough", passThrough, expected.passThrough, TOLERANCE);
            law.assertClose("dState", state, expected.state, TOLERANCE);
            law.assertClose("dDecay", modes.decay(), expected.modes.decay(), TOLERANCE);
            law.assertClose("dPhase", modes.phase(), expected.modes.phase(), TOLERANCE);
            law.assertClose("dResidueReal", modes.residueReal(), expected.modes.residueReal(), TOLERANCE);
            law.assertClose("dResidueImaginary", modes.residueImaginary(), expected.modes.residueImaginary(),
                    TOLERANCE);
            law.assertClose("dRealDecay", modes.realDecay(), expected.modes.realDecay(), TOLERANCE);
            law.assertClose("dRealResidue", modes.realResidue(), expected.modes.realResidue(), TOLERANCE);
        }

        private void assertSame(Gradients expected) {
            law.assertSame("dPassThrough on one thread", passThrough, expected.passThrough);
            law.assertSame("dState on one thread", state, expected.state);
            law.assertSame("dDecay on one thread", modes.decay(), expected.modes.decay());
            law.assertSame("dPhase on one thread", modes.phase(), expected.modes.phase());
            law.assertSame("dResidueReal on one thread", modes.residueReal(), expected.modes.residueReal());
            law.assertSame("dResidueImaginary on one thread", modes.residueImaginary(),
                    expected.modes.residueImaginary());
            law.assertSame("dRealDecay on one thread", modes.realDecay(), expected.modes.realDecay());
            law.assertSame("dRealResidue on one thread", modes.realResidue(), expected.modes.realResidue());
        }
    }

    // ── cuts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @Test
    void anyCutGivesTheSame() {
        for (long seed = 2800; seed < 2806; seed++) {
            try (KernelLaw law = new KernelLaw(seed)) {
                ThreadTeam team = law.team(2);
                int time = 150;
                int width = 4;
                Modes modes = ModesLaw.draw(law, DType.F32, new int[] {3, 1}, new int[] {1, 2});
                Tensor passThrough = law.gaussian(DType.F32, 2);
                Tensor x = law.gaussian(DType.F32, time, 2);
                Tensor query = law.gaussian(DType.F32, time, 2, width);
                Tensor key = law.gaussian(DType.F32, time, 2, width);
                Tensor value = law.gaussian(DType.F32, time, 2, width);
                Tensor state = law.zeros(DType.F32, 1, modes.order());
                Tensor headState = law.zeros(DType.F32, 1, modes.order(), width, width);
                Tensor wholeState = law.blank(DType.F32, 1, modes.order());
                Tensor wholeHeadState = law.blank(DType.F32, 1, modes.order(), width, width);
                Tensor whole = law.blank(DType.F32, 1, time, 2);
                Tensor wholeHeads = law.blank(DType.F32, 1, time, 2, width);
                vector.forward(team, x.reshape(1, time, 2), modes, passThrough, state, whole, wholeState);
                vector.forwardHeads(team, query.reshape(1, time, 2, width), key.reshape(1, time, 2, width),
                        value.reshape(1, time, 2, width), modes, passThrough, headState, wholeHeads, wholeHeadState);
                Tensor pieces = law.blank(DType.F32, time, 2);
                Tensor headPieces = law.blank(DType.F32, time, 2, width);
                for (int from = 0, to; from < time; from = to) {
                    to = from + 1 + law.random().nextInt(law.random().nextBoolean() ? 1 : Math.min(90, time - from));
                    int length = to - from;
                    vector.forward(team, x.slice(from, to).reshape(1, length, 2), modes, passThrough, state,
                            pieces.slice(from, to).reshape(1, length, 2), state);
                    vector.forwardHeads(team, query.slice(from, to).reshape(1, length, 2, width),
                            key.slice(from, to).reshape(1, length, 2, width),
                            value.slice(from, to).reshape(1, length, 2, width), modes, passThrough, headState,
                            headPieces.slice(from, to).reshape(1, length, 2, width), headState);
                }
                law.assertClose("pieces", pieces, whole.reshape(time, 2), TOLERANCE);
                law.assertClose("state", state, wholeState, TOLERANCE);
                law.assertClose("pieces of heads", headPieces, wholeHeads.reshape(time, 2, width), TOLERANCE);
                law.assertClose("state of heads", headState, wholeHeadState, TOLERANCE);
                law.assertGuardsUntouched();
            }
        }
    }
}
