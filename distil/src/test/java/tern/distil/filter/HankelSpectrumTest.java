package tern.distil.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;

import org.junit.jupiter.api.Test;

import tern.distil.linear.SymmetricEigen;

class HankelSpectrumTest {
    private static double nu(double radius) {
        return Math.log(-Math.log(radius));
    }

    /** Specification, section 5.6: the half-size matrix of a slowly decaying filter has exactly the filter's rank. */
    @Test
    void halfSizeMatrixShowsTheOrderOfASlowFilter() {
        ModalFilter filter = ModalFilter.of(0, new double[] {nu(.999), nu(.99), nu(.9)}, new double[] {.1, .5, 1},
                new double[] {1, .5, 1}, new double[] {0, .2, 0}, new double[] {nu(.998)}, new int[] {1},
                new double[] {.3});
        // two taps more than the window of 1024: M = 512
        double[] values = HankelSpectrum.of(filter.taps(1026), 12).values();
        double[] expected = {161.5, 159.1, 65.3, 13.56, 13.46, 2.86, 2.28};
        for (int n = 0; n < expected.length; n++) {
            assertThat(values[n]).isCloseTo(expected[n], within(n < 3 ? 0.05 : 0.005));
        }
        assertThat(values[7]).isLessThan(1e-8);
    }

    /** Specification, section 5.6: the bound and the chain of inequalities on a system reduced to one complex mode. */
    @Test
    void unitExampleOfTheBounds() {
        ModalFilter filter = ModalFilter.of(0, new double[] {nu(.95), nu(.8), nu(.9)}, new double[] {.4, 1.5, 2.5},
                new double[] {1, .7, .5}, new double[3], new double[0], new int[0], new double[0]);
        double[] taps = filter.taps(2048);
        HankelSpectrum spectrum = HankelSpectrum.of(taps, 6);
        assertThat(spectrum.sigma(3)).isCloseTo(1.6147, within(5e-5));
        FilterFit fit = new HankelFit().fit(taps, 2);
        assertThat(fit.l2()).isCloseTo(1.3328, within(5e-5));
        assertThat(fit.hankel()).isCloseTo(1.6665, within(5e-5));
        assertThat(fit.maxFrequency()).isCloseTo(2.880, within(5e-4));
        assertThat(fit.l1()).isCloseTo(5.958, within(5e-4));
        assertThat(fit.hankelBound()).isEqualTo(spectrum.sigma(3));
        assertThat(fit.ratioToBound()).isCloseTo(1.6665 / 1.6147, within(1e-4));
        double tail = 0;
        for (int n = 3; n <= 6; n++) {
            tail += spectrum.sigma(n) * spectrum.sigma(n);
        }
        assertThat(Math.sqrt(tail)).isCloseTo(2.238, within(5e-4));
        double[] own = fit.filter().taps(taps.length);
        double weighted = 0;
        for (int t = 1; t < taps.length; t++) {
            weighted += t * Math.pow(taps[t] - own[t], 2);
        }
        assertThat(Math.sqrt(weighted)).isCloseTo(3.003, within(5e-4));
    }

    @Test
    void lanczosEqualsTheDenseSolver() {
        for (long seed = 1; seed <= 4; seed++) {
            double[] taps = seed % 2 == 0 ? Fixtures.noise(seed, 400, 120) : Fixtures.modal(seed, 20, 3).taps(401);
            HankelSpectrum spectrum = HankelSpectrum.of(taps, 40);
            int m = spectrum.size();
            assertThat(m).isEqualTo(200);
            double[] matrix = new double[m * m];
            for (int j = 0; j < m; j++) {
                System.arraycopy(taps, 1 + j, matrix, j * m, m);
            }
            double[] dense = Arrays.stream(SymmetricEigen.dense(matrix, m).values()).map(Math::abs).sorted().toArray();
            double square = 0;
            for (int n = 1; n <= m; n++) {
                double expected = dense[m - n];
                square += expected * expected;
                if (n <= 40) {
                    assertThat(spectrum.sigma(n)).as("seed " + seed + ", sigma " + n)
                            .isCloseTo(expected, within(1e-13 * dense[m - 1]));
                    double[] u = spectrum.vector(n);
                    double residual = 0;
                    for (int i = 0; i < m; i++) {
                        double sum = 0;
                        for (int j = 0; j < m; j++) {
                            sum += taps[1 + i + j] * u[j];
                        }
                        residual = Math.hypot(residual, sum - spectrum.sign(n) * spectrum.sigma(n) * u[i]);
                    }
                    assertThat(residual).as("seed " + seed + ", vector " + n).isLessThan(1e-9 * dense[m - 1]);
                }
            }
            assertThat(spectrum.frobenius()).isCloseTo(Math.sqrt(square), within(1e-12 * spectrum.frobenius()));
        }
    }

    @Test
    void repeatedValuesAreAllFound() {
        double[] taps = new double[513];
        taps[40] = 3;
        double[] values = HankelSpectrum.of(taps, 45).values();
        for (int n = 0; n < 45; n++) {
            assertThat(values[n]).as("sigma " + (n + 1)).isCloseTo(n < 40 ? 3 : 0, within(1e-12));
        }
    }

    @Test
    void noErrorIsBelowTheBounds() {
        for (long seed = 1; seed <= 10; seed++) {
            Fixtures.Kind kind = Fixtures.Kind.values()[(int) (seed % Fixtures.Kind.values().length)];
            double[] taps = Fixtures.difficult(kind, seed, 300);
            for (int order : new int[] {1, 4, 7}) {
                FilterFit fit = new HankelFit().fit(taps, order);
                String what = kind + ", seed " + seed + ", order " + order;
                assertThat(fit.hankel()).as(what).isGreaterThanOrEqualTo(fit.hankelBound() * (1 - 1e-8));
                assertThat(fit.hankel()).as(what).isLessThanOrEqualTo(fit.maxFrequency() * 1.02);
                assertThat(fit.maxFrequency()).as(what).isLessThanOrEqualTo(fit.l1() * (1 + 1e-12));
                assertThat(fit.l2()).as(what).isGreaterThanOrEqualTo(fit.l2Bound() * (1 - 1e-9));
                assertThat(fit.ratioToBound()).as(what).isGreaterThanOrEqualTo(1 - 1e-8);
            }
        }
    }

    @Test
    void whiteNoiseIsFlaggedBeforeAnyFit() {
        double[] taps = Fixtures.noise(5, 767, 250);
        HankelSpectrum noise = HankelSpectrum.of(taps, 33);
        assertThat(noise.orderFor(1e-3)).isEmpty();
        double norm = Math.sqrt(Arrays.stream(taps).map(x -> x * x).sum());
        assertThat(noise.l2Bound(16) / norm).isBetween(0.3, 1.0);
        HankelSpectrum smooth = HankelSpectrum.of(Fixtures.smooth(), 33);
        assertThat(smooth.orderFor(1e-3)).hasValue(5);
        assertThat(smooth.numericalRank()).isBetween(17, 24);
    }

    @Test
    void aSilentFilterHasNoSpectrum() {
        HankelSpectrum spectrum = HankelSpectrum.of(new double[64], 4);
        assertThat(spectrum.values()).containsExactly(0, 0, 0, 0);
        assertThat(spectrum.orderFor(1e-3)).hasValue(0);
        assertThat(spectrum.numericalRank()).isZero();
    }

    @Test
    void sameBitsEveryTime() {
        double[] taps = Fixtures.noise(9, 500, 100);
        assertThat(HankelSpectrum.of(taps, 20).values()).isEqualTo(HankelSpectrum.of(taps, 20).values());
        assertThat(HankelSpectrum.of(taps, 20).vector(7)).isEqualTo(HankelSpectrum.of(taps, 20).vector(7));
    }

    @Test
    void refusesWhatItCannotUse() {
        assertThatThrownBy(() -> HankelSpectrum.of(new double[2], 1)).hasMessageContaining("2 taps")
                .hasMessageContaining("3 or more");
        assertThatThrownBy(() -> HankelSpectrum.of(new double[9], 0)).hasMessageContaining("1 or more");
        HankelSpectrum spectrum = HankelSpectrum.of(Fixtures.box(), 4);
        assertThatThrownBy(() -> spectrum.sigma(6)).hasMessageContaining("sigma 6").hasMessageContaining("1 to 4");
        assertThat(spectrum.sigma(spectrum.size() + 1)).isZero();
    }
}
