package tern.kernels.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body equals the plain one, and is the same bits on any number of threads. */
class VectorCrossEntropyTest {
    private final CrossEntropy vector = new VectorCrossEntropy();
    private final CrossEntropy plain = new ReferenceCrossEntropy();

    @Test
    void equalsThePlainLoops() {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            KernelLaw.lengths().forEach(length -> {
                check(law, one, four, length, 3, 5, 1);
                check(law, one, four, 2, length, 4, 1);
                if (length > 1) {
                    check(law, one, four, 3, 2, length, 1);
                }
            });
            check(law, one, four, 300, 20, 257, 3);
            check(law, one, four, 130, 24, 6000, 1);
            law.assertGuardsUntouched();
        }
    }

    @Test
    void logitsFarApartNeitherOverflowNorVanish() {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            check(law, one, four, 20, 8, 15, 15);
            Tensor hidden = law.zeros(DType.F32, 1, 1).fill(1),
                    head = law.zeros(DType.F32, 3, 1).setAll(5000, -5000, 4999);
            Tensor targets = law.zeros(DType.I32, 1), losses = law.blank(DType.F32, 1),
                    logSum = law.blank(DType.F32, 1);
            vector.forward(one, hidden, head, targets, losses, logSum);
            assertThat(losses.get(0)).isBetween(0.3125, 0.3140);
        }
    }

    /** Capped and wrapped logits: the plain loops' values and gradients, for every remainder of the vocabulary. */
    @ParameterizedTest
    @CsvSource({"1.5,0", "1.5,0.4", "0,0.4"})
    void cappedAndWrappedLogitsEqualThePlainLoops(double cap, double wrap) {
        KernelLaw.lengths().filter(words -> words > 1).forEach(words -> {
            try (KernelLaw law = new KernelLaw(700 + words)) {
                ThreadTeam team = law.team(2);
                Tensor hidden = law.gaussian(DType.F32, 7, 5);
                Tensor head = law.gaussian(DType.F32, words, 5);
                Tensor targets = law.zeros(DType.I32, 7).setAll(0, 1, -1, words - 1, 1, 0, 0);
                Tensor dLosses = law.gaussian(DType.F32, 7);
                Tensor[][] got = new Tensor[2][];
                for (int i = 0; i < 2; i++) {
                    CrossEntropy body = i == 0 ? plain : vector;
                    got[i] = new Tensor[] {law.blank(DType.F32, 7), law.blank(DType.F32, 7),
                        law.blank(DType.F32, 7, 5), law.zeros(DType.F32, words, 5)};
                    body.forward(team, hidden, head, targets, cap, got[i][0], got[i][1]);
                    body.backward(team, hidden, head, targets, cap, wrap, got[i][1], dLosses, got[i][2],
                            got[i][3]);
                }
                for (int o = 0; o < 4; o++) {
                    law.assertClose("output " + o + " of " + words + " words", got[1][o], got[0][o]);
                }
                // No logit lies beyond the cap, so no word is less likely than e^-3 of the likeliest.
                for (double loss : cap == 0 ? new double[0] : got[1][0].toDoubles()) {
                    assertThat(loss).isBetween(0.0, 3 + Math.log(words));
                }
                law.assertGuardsUntouched();
            }
        });
    }

    /** What the wrap adds to gradients is that of ½·wrap·(largest logit)², and nothing where no target counts. */
    @Test
    void theWrapPullsAtTheLargestLogit() {
        try (KernelLaw law = new KernelLaw(5)) {
            ThreadTeam team = law.team(1);
            Tensor hidden = law.zeros(DType.F64, 2, 2).setAll(3, -1, 2, 2);
            Tensor head = law.zeros(DType.F64, 3, 2).setAll(1, 0, 2, 1, 0, 4);
            Tensor targets = law.zeros(DType.I32, 2).setAll(0, -1), dLosses = law.zeros(DType.F64, 2).fill(0.5);
            Tensor losses = law.blank(DType.F64, 2), logSum = law.blank(DType.F64, 2);
            plain.forward(team, hidden, head, targets, 0, losses, logSum);
            Tensor[][] got = new Tensor[2][];
            for (int i = 0; i < 2; i++) {
                got[i] = new Tensor[] {law.blank(DType.F64, 2, 2), law.zeros(DType.F64, 3, 2)};
                plain.backward(team, hidden, head, targets, 0, i * 0.1, logSum, dLosses, got[i][0], got[i][1]);
            }
            // Logits of the first row are 3, 5, -4: 0.5 · 0.1 · 5 flows to word 1. The second row does not count.
            double[] ofHidden = {0.25 * 2, 0.25, 0, 0}, ofHead = {0, 0, 0.25 * 3, -0.25, 0, 0};
            for (int i = 0; i < 4; i++) {
                assertThat(got[1][0].get(i) - got[0][0].get(i)).isCloseTo(ofHidden[i], within(1e-12));
            }
            for (int i = 0; i < 6; i++) {
                assertThat(got[1][1].get(i) - got[0][1].get(i)).isCloseTo(ofHead[i], within(1e-12));
            }
        }
    }

    @Test
    void aLogitThatIsNotANumberShowsInTheLoss() {
        try (KernelLaw law = new KernelLaw(1)) {
            ThreadTeam team = law.team(1);
            Tensor hidden = law.zeros(DType.F32, 2, 1).setAll(1, Double.NaN), head = law.gaussian(DType.F32, 33, 1);
            Tensor losses = law.blank(DType.F32, 2), logSum = law.blank(DType.F32, 2);
            vector.forward(team, hidden, head, law.zeros(DType.I32, 2), losses, logSum);
            assertThat(losses.get(0)).isFinite();
            assertThat(losses.get(1)).isNaN();
        }
    }

    @Test
    void aVocabularyOfOneWordIsNoSurprise() {
        try (KernelLaw law = new KernelLaw(3)) {
            Tensor hidden = law.gaussian(DType.F32, 3, 2), head = law.gaussian(DType.F32, 1, 2);
            Tensor[] got = run(law, vector, law.team(1), hidden, head, law.zeros(DType.I32, 3),
                    law.gaussian(DType.F32, 3),
                    law.zeros(DType.F32, 1, 2));
            assertThat(got[0].toDoubles()).containsOnly(0);
            assertThat(got[2].toDoubles()).containsExactly(new double[6], within(1e-6));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "Q8_0", "Q4_0"})
    void aHeadAsAFileHoldsItGivesTheLossOfItsDecoding(DType type) {
        try (KernelLaw law = new KernelLaw(4)) {
            ThreadTeam team = law.team(4);
            Tensor hidden = law.gaussian(DType.F32, 300, 64), head = law.stored(type, 700, 64);
            for (long i = 0; i < hidden.elements(); i++) {
                hidden.set(i, hidden.get(i) / 64);
            }
            Tensor targets = law.zeros(DType.I32, 300);
            for (int r = 0; r < 300; r++) {
                targets.set(r, law.random().nextInt(-1, 700));
            }
            Tensor want = law.blank(DType.F32, 300), got = law.copy(want), byPlain = law.copy(want);
            Tensor logSum = law.blank(DType.F32, 300);
            vector.forward(team, hidden, law.blank(DType.F32, 700, 64).copyFrom(head), targets, want, logSum);
            vector.forward(team, hidden, head, targets, got, logSum);
            plain.forward(team, hidden, head, targets, byPlain, logSum);
            law.assertClose(type + ", against F32", got, want, 2e-5);
            law.assertClose(type + ", against the plain loops", got, byPlain, 2e-5);
            assertThatThrownBy(() -> vector.backward(team, hidden, head, targets, logSum, want, law.copy(hidden),
                    head)).hasMessageContaining("convert it to F32 to train");
        }
    }

    @Test
    void targetsOutsideTheVocabularyAreNamed() {
        try (KernelLaw law = new KernelLaw(1)) {
            Tensor hidden = law.gaussian(DType.F32, 2, 3), head = law.gaussian(DType.F32, 4, 3);
            Tensor targets = law.zeros(DType.I32, 2).setAll(0, -2);
            assertThatThrownBy(() -> vector.forward(law.team(1), hidden, head, targets, law.blank(DType.F32, 2),
                    law.blank(DType.F32, 2))).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("row 1 is -2, expected 0..3");
        }
    }

    private void check(KernelLaw law, ThreadTeam one, ThreadTeam four, int rows, int width, int vocabulary,
            double scale) {
        String what = "rows %d width %d vocabulary %d".formatted(rows, width, vocabulary);
        Tensor hidden = law.gaussian(DType.F32, rows, width), head = law.gaussian(DType.F32, vocabulary, width);
        for (long i = 0; i < hidden.elements(); i++) {
            hidden.set(i, hidden.get(i) * scale / Math.sqrt(width));
        }
        Tensor targets = law.zeros(DType.I32, rows);
        for (int r = 0; r < rows; r++) {
            targets.set(r, law.random().nextInt(-1, vocabulary));
        }
        Tensor dLosses = law.gaussian(DType.F32, rows), dHeadBefore = law.gaussian(DType.F32, vocabulary, width);
        Tensor[] want = run(law, plain, one, hidden, head, targets, dLosses, dHeadBefore);
        Tensor[] got = run(law, vector, one, hidden, head, targets, dLosses, dHeadBefore);
        Tensor[] gotOnFour = run(law, vector, four, hidden, head, targets, dLosses, dHeadBefore);
        for (int i = 0; i < want.length; i++) {
            String which = new String[] {"losses", "logSum", "dHidden", "dHead"}[i] + ", " + what;
            // A logit of a hundred is only known to some 1e-5, and so is its probability, relatively.
            law.assertClose(which, got[i], want[i], scale > 10 ? 2e-4 : KernelLaw.TOLERANCE_F32);
            law.assertSame(which + ", four threads", gotOnFour[i], got[i]);
        }
    }

    private static Tensor[] run(KernelLaw law, CrossEntropy body, ThreadTeam team, Tensor hidden, Tensor head,
            Tensor targets,
            Tensor dLosses, Tensor dHeadBefore) {
        int rows = hidden.dim(0);
        Tensor losses = law.blank(DType.F32, rows), logSum = law.blank(DType.F32, rows);
        Tensor dHidden = law.blank(DType.F32, rows, hidden.dim(1)), dHead = law.copy(dHeadBefore);
        body.forward(team, hidden, head, targets, losses, logSum);
        body.backward(team, hidden, head, targets, logSum, dLosses, dHidden, dHead);
        return new Tensor[] {losses, logSum, dHidden, dHead};
    }
}
