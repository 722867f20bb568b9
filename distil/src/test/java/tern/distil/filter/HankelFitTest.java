package tern.distil.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HankelFitTest {
    /** Specification, section 5.7: ESPRIT and least squares; within 10 % above 1e-9, below 1e-9 otherwise. */
    @ParameterizedTest(name = "{0} at order {1}")
    @CsvSource({"smooth, 4, 1.52e-2", "smooth, 8, 2.27e-5", "smooth, 16, 3.5e-11", "chirp, 4, .0176", "chirp, 8, .0093",
        "chirp, 16, .0078", "chirp, 32, .0064", "bump, 4, .213", "bump, 8, 4.8e-3", "bump, 16, 1.5e-7",
        "box, 4, .210", "box, 8, .136", "box, 16, .087", "box, 32, .055"})
    void hankelFactorsReachTheSpecifiedErrors(String fixture, int order, double expected) {
        double[] taps = fixture(fixture);
        FilterFit plain = new HankelFit(false).fit(taps, order);
        FilterFit polished = new HankelFit().fit(taps, order);
        if (expected < 1e-9) {
            assertThat(plain.relativeL2()).isLessThan(1e-9);
        } else {
            assertThat(plain.relativeL2()).isCloseTo(expected, within(0.1 * expected));
        }
        assertThat(polished.relativeL2()).isLessThanOrEqualTo(plain.relativeL2() * (1 + 1e-12));
        assertThat(polished.order()).isLessThanOrEqualTo(order);
        assertThat(polished.maxRadius()).isLessThanOrEqualTo(1 - 0.1 / taps.length + 1e-15);
    }

    static double[] fixture(String name) {
        return switch (name) {
            case "smooth" -> Fixtures.smooth();
            case "chirp" -> Fixtures.chirp();
            case "bump" -> Fixtures.bump();
            case "box" -> Fixtures.box();
            default -> throw new IllegalArgumentException("no fixture " + name);
        };
    }

    @Test
    void recoversExactlyModalFilters() {
        for (long seed = 1; seed <= 12; seed++) {
            int complex = (int) (seed % 5);
            int real = 1 + (int) (seed % 3);
            double[] taps = Fixtures.modal(seed, complex, real).taps(512);
            for (int extra : new int[] {0, 1, 5}) {
                int order = 2 * complex + real + extra;
                FilterFit fit = new HankelFit().fit(taps, order);
                assertThat(fit.relativeL2()).as("seed " + seed + ", order " + order).isLessThan(1e-10);
                assertThat(fit.filter().direct()).isEqualTo(taps[0]);
            }
        }
    }

    /** What float32 leaves of a filter that is met exactly, a rounding of poles at each of 512 taps, is not held against a bound of 1e-16. */
    @Test
    void roundingIsNotHeldAgainstTheBound() {
        for (long seed = 1; seed <= 6; seed++) {
            double[] taps = Fixtures.modal(seed, 2, 1).taps(512);
            assertThat(new HankelFit().fitRounded(taps, 5).ratioToBound()).as("seed " + seed).isLessThan(512);
            assertThat(new HankelFit(false).fitRounded(taps, 5).ratioToBound()).as("seed " + seed).isLessThan(512);
        }
    }

    @Test
    void followsTheFilterWhenScaled() {
        double[] taps = Fixtures.chirp();
        double[] large = Arrays.stream(taps).map(x -> x * 0x1p20).toArray();
        FilterFit one = new HankelFit().fit(taps, 8);
        FilterFit other = new HankelFit().fit(large, 8);
        assertThat(other.relativeL2()).isCloseTo(one.relativeL2(), within(1e-12));
    }
}
