package tern.kernels.elementwise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.ops.Dropped;
import tern.tensor.DType;
import tern.tensor.Tensor;

class DropoutTest {
    @Test
    void theShareIsTheRateAndTheMeanStays() {
        try (KernelLaw law = new KernelLaw(4100)) {
            Tensor ones = law.zeros(DType.F32, 7, 300, 20).fill(1);
            Tensor y = law.blank(DType.F32, 7, 300, 20);
            Tensor again = law.blank(DType.F32, 7, 300, 20);
            for (double rate : new double[] {0.1, 0.5, 0.9}) {
                Dropped dropped = new Dropped(rate, 4100);
                Dropout.apply(law.team(1), ones, dropped, false, y);
                Dropout.apply(law.team(4), ones, dropped, false, again);
                law.assertSame("one thread and four", y, again);
                double sum = 0;
                int gone = 0;
                for (long i = 0; i < y.elements(); i++) {
                    sum += y.get(i);
                    gone += y.get(i) == 0 ? 1 : 0;
                }
                // Four deviations of a mean of 42,000 draws.
                double deviation = Math.sqrt(rate * (1 - rate) / y.elements());
                assertThat((double) gone / y.elements()).isCloseTo(rate, within(4 * deviation));
                assertThat(sum / y.elements()).isCloseTo(1, within(4 * deviation / (1 - rate)));
            }
        }
    }

    @Test
    void wholeChannelsGoTogether() {
        try (KernelLaw law = new KernelLaw(4101)) {
            Tensor x = law.zeros(DType.F64, 3, 9, 40).fill(1);
            Tensor y = law.blank(DType.F64, 3, 9, 40);
            Dropout.apply(law.team(2), x, new Dropped(0.5, 4101), true, y);
            int gone = 0;
            for (int b = 0; b < 3; b++) {
                for (int d = 0; d < 40; d++) {
                    double first = y.get(b * 9 * 40 + d);
                    assertThat(first).isIn(0.0, 2.0);
                    gone += first == 0 ? 1 : 0;
                    for (int t = 1; t < 9; t++) {
                        assertThat(y.get((b * 9L + t) * 40 + d)).isEqualTo(first);
                    }
                }
            }
            assertThat(gone).isBetween(40, 80);
        }
    }

    @Test
    void ratesAreShares() {
        assertThatIllegalArgumentException().isThrownBy(() -> Dropped.at(1))
                .withMessage("dropout: the rate is 1.0, expected 0 (nothing is left out) or more, and less than 1");
        assertThat(Dropped.at(0).any()).isFalse();
        assertThat(Dropped.at(0.5).factor(3, 4)).isEqualTo(Dropped.at(0.5).factor((3L << 32) + 4));
    }
}
