package tern.distil.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;

import org.junit.jupiter.api.Test;

class ModalFilterTest {
    /** The decode step of the paper, read before update, in float64. */
    static double[] stepped(ModalFilter filter, double[] input) {
        double[] re = new double[filter.complexModes()];
        double[] im = new double[filter.complexModes()];
        double[] real = new double[filter.realModes()];
        double[] output = new double[input.length];
        for (int t = 0; t < input.length; t++) {
            double y = filter.direct() * input[t];
            for (int k = 0; k < re.length; k++) {
                y += filter.residueRe()[k] * re[k] - filter.residueIm()[k] * im[k];
                double next = filter.poleRe(k) * re[k] - filter.poleIm(k) * im[k] + input[t];
                im[k] = filter.poleRe(k) * im[k] + filter.poleIm(k) * re[k];
                re[k] = next;
            }
            for (int k = 0; k < real.length; k++) {
                y += filter.realResidue()[k] * real[k];
                real[k] = filter.realPole(k) * real[k] + input[t];
            }
            output[t] = y;
        }
        return output;
    }

    @Test
    void stepEqualsConvolution() {
        for (int modes = 1; modes <= 32; modes++) {
            Random random = new Random(modes);
            ModalFilter filter = Fixtures.modal(modes, modes / 2, modes - modes / 2);
            double[] input = random.doubles(150, -1, 1).toArray();
            double[] taps = filter.taps(input.length);
            double[] output = stepped(filter, input);
            for (int t = 0; t < input.length; t++) {
                double sum = 0;
                for (int s = 0; s <= t; s++) {
                    sum += taps[t - s] * input[s];
                }
                assertThat(output[t]).as("seed " + modes + ", t " + t).isCloseTo(sum, within(1e-12 * modes));
            }
        }
    }

    @Test
    void aSingleTapIsTheTapOfTheWhole() {
        ModalFilter filter = Fixtures.modal(3, 4, 2);
        double[] taps = filter.taps(4000);
        for (int t : new int[] {0, 1, 2, 3, 17, 1000, 3999}) {
            assertThat(filter.tap(t)).as("tap " + t).isCloseTo(taps[t], within(1e-12));
        }
        assertThatThrownBy(() -> filter.tap(-1)).hasMessageContaining("-1");
        assertThat(filter.taps(0)).isEmpty();
        assertThat(filter.order()).isEqualTo(10);
        assertThat(filter.stateFloats()).isEqualTo(10);
    }

    @Test
    void aPoleAtZeroIsAnEcho() {
        ModalFilter echo = ModalFilter.of(2, new double[0], new double[0], new double[0], new double[0],
                new double[] {PoleSet.LARGEST_NU}, new int[] {1}, new double[] {5});
        double[] taps = echo.taps(4);
        assertThat(taps[0]).isEqualTo(2);
        assertThat(taps[1]).isEqualTo(5);
        assertThat(taps[2]).isCloseTo(0, within(1e-280));
        assertThat(taps[3]).isZero();
    }

    @Test
    void powersKeepFloat64Accuracy() {
        double[] re = new double[1 << 17];
        double[] im = new double[1 << 17];
        double nu = -12;
        double theta = 2.1;
        double r = PoleSet.radius(nu);
        Powers.fill(r * Math.cos(theta), r * Math.sin(theta), re, 0, im, 0, re.length);
        for (int s : new int[] {1, 1000, 65_537, 131_071}) {
            double size = Math.exp(-Math.exp(nu) * s);
            assertThat(re[s]).as("power " + s).isCloseTo(size * Math.cos(theta * s), within(2e-15 * s));
            assertThat(im[s]).as("power " + s).isCloseTo(size * Math.sin(theta * s), within(2e-15 * s));
        }
    }

    @Test
    void roundedParametersAreFloatsAndThePoleIsTheEngines() {
        double[] taps = Fixtures.smooth();
        FilterFit exact = new HankelFit().fit(taps, 8);
        ModalFilter rounded = exact.filter().rounded(taps);
        assertThat(rounded.isRounded()).isTrue();
        for (int k = 0; k < rounded.complexModes(); k++) {
            double nu = rounded.nu()[k];
            double theta = rounded.theta()[k];
            assertThat((double) (float) nu).isEqualTo(nu);
            assertThat((double) (float) theta).isEqualTo(theta);
            assertThat((double) (float) rounded.residueRe()[k]).isEqualTo(rounded.residueRe()[k]);
            assertThat((double) (float) rounded.residueIm()[k]).isEqualTo(rounded.residueIm()[k]);
            assertThat(rounded.poleRe(k)).isEqualTo((float) (Math.exp(-Math.exp(nu)) * Math.cos(theta)));
            assertThat(rounded.poleIm(k)).isEqualTo((float) (Math.exp(-Math.exp(nu)) * Math.sin(theta)));
        }
        for (int k = 0; k < rounded.realModes(); k++) {
            double nu = rounded.realNu()[k];
            assertThat((double) (float) nu).isEqualTo(nu);
            assertThat((double) (float) rounded.realResidue()[k]).isEqualTo(rounded.realResidue()[k]);
            assertThat(rounded.realPole(k)).isEqualTo((float) (rounded.realSign()[k] * Math.exp(-Math.exp(nu))));
        }
        // 2.1e-5 is the error of the exact fit; rounding may not be seen beside it
        assertThat(exact.rounded(taps).relativeL2()).isLessThan(exact.relativeL2() * 1.05);
    }

    /** What a float32 engine computes, state and all, stays as close as the rounded fit says it is. */
    @Test
    void aFloat32EngineFollowsTheRoundedFilter() {
        for (String fixture : new String[] {"smooth", "bump", "box"}) {
            double[] taps = HankelFitTest.fixture(fixture);
            FilterFit fit = new HankelFit().fitRounded(taps, 12);
            double[] impulse = new double[taps.length];
            impulse[0] = 1;
            double[] response = steppedInFloat(fit.filter(), impulse);
            double square = 0;
            double norm = 0;
            for (int t = 0; t < taps.length; t++) {
                square += Math.pow(response[t] - taps[t], 2);
                norm += taps[t] * taps[t];
            }
            assertThat(Math.sqrt(square / norm)).as(fixture).isLessThan(1.5 * fit.relativeL2() + 2e-6);
        }
    }

    private static double[] steppedInFloat(ModalFilter filter, double[] input) {
        float[] re = new float[filter.complexModes()];
        float[] im = new float[re.length];
        float[] real = new float[filter.realModes()];
        double[] output = new double[input.length];
        for (int t = 0; t < input.length; t++) {
            float u = (float) input[t];
            float y = (float) filter.direct() * u;
            for (int k = 0; k < re.length; k++) {
                float c = (float) filter.poleRe(k);
                float s = (float) filter.poleIm(k);
                y += (float) filter.residueRe()[k] * re[k] - (float) filter.residueIm()[k] * im[k];
                float next = c * re[k] - s * im[k] + u;
                im[k] = c * im[k] + s * re[k];
                re[k] = next;
            }
            for (int k = 0; k < real.length; k++) {
                y += (float) filter.realResidue()[k] * real[k];
                real[k] = (float) filter.realPole(k) * real[k] + u;
            }
            output[t] = y;
        }
        return output;
    }

    /** Specification, section 12, item 14. */
    @Test
    void staysStableFarBeyondTheWindow() {
        for (Fixtures.Kind kind : Fixtures.Kind.values()) {
            double[] taps = Fixtures.difficult(kind, 4, 256);
            for (FilterMethod method : new FilterMethod[] {new HankelFit(), new PronyFit(), new ModalTruncation(),
                new BalancedTruncation(), new GradientFit(200, 5e-3, 1)}) {
                ModalFilter filter = method.fitRounded(taps, 8).filter();
                assertThat(filter.maxRadius()).as(kind + " by " + method.name()).isLessThan(1);
                double[] early = stateNorms(filter, 2560);
                double largest = early[0];
                for (int t = 1; t < early.length; t++) {
                    assertThat(early[t]).as(kind + " by " + method.name()).isLessThanOrEqualTo(largest * (1 + 1e-12));
                    largest = early[t];
                }
            }
        }
    }

    private static double[] stateNorms(ModalFilter filter, int time) {
        double[] norms = new double[time];
        for (int t = 0; t < time; t++) {
            double square = 0;
            for (int k = 0; k < filter.complexModes(); k++) {
                square += Math.pow(Math.hypot(filter.poleRe(k), filter.poleIm(k)), 2.0 * t);
            }
            for (int k = 0; k < filter.realModes(); k++) {
                square += Math.pow(filter.realPole(k), 2.0 * t);
            }
            norms[t] = Math.sqrt(square);
        }
        return norms;
    }

    @Test
    void refusesWhatIsNoFilter() {
        double[] none = new double[0];
        assertThatThrownBy(() -> ModalFilter.of(0, new double[2], new double[1], none, none, none, new int[0], none))
                .hasMessageContaining("theta has 1").hasMessageContaining("expected 2");
        assertThatThrownBy(() -> ModalFilter.of(Double.NaN, none, none, none, none, none, new int[0], none))
                .hasMessageContaining("h_0").hasMessageContaining("NaN");
        assertThatThrownBy(() -> ModalFilter.of(0, none, none, none, none, new double[1], new int[1], new double[1]))
                .hasMessageContaining("sign 0");
        assertThatThrownBy(() -> ModalFilter.direct(Double.POSITIVE_INFINITY)).hasMessageContaining("Infinity");
    }
}
