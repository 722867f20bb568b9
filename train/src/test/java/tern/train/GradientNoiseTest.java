package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;

import org.junit.jupiter.api.Test;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

class GradientNoiseTest {
    @Test
    void varianceAnnealsAsThePaperSays() {
        int elements = 100_000;
        for (long step : new long[] {0, 9, 999}) {
            double[] drawn = draw(new GradientNoise(0.3, 0.55), elements, 1, step, 0);
            double expected = 0.3 / Math.pow(1 + step, 0.55);
            double mean = Arrays.stream(drawn).sum() / elements;
            double variance = Arrays.stream(drawn).map(value -> value * value).sum() / elements;
            double fourth = Arrays.stream(drawn).map(value -> Math.pow(value, 4)).sum() / elements;
            // Four standard errors of mean and variance.
            assertThat(mean).isCloseTo(0, within(4 * Math.sqrt(expected / elements)));
            assertThat(variance).isCloseTo(expected, within(4 * expected * Math.sqrt(2.0 / elements)));
            assertThat(fourth / variance / variance).isCloseTo(3, within(0.2));
        }
    }

    @Test
    void drawsFollowSeedStepAndParameter() {
        GradientNoise noise = new GradientNoise(1, 0.55);
        double[] drawn = draw(noise, 40_000, 1, 5, 2);
        assertThat(draw(noise, 40_000, 1, 5, 2)).isEqualTo(drawn);
        for (double[] other : new double[][] {draw(noise, 40_000, 2, 5, 2), draw(noise, 40_000, 1, 6, 2),
            draw(noise, 40_000, 1, 5, 3)}) {
            double product = 0;
            for (int i = 0; i < drawn.length; i++) {
                product += drawn[i] * other[i];
            }
            assertThat(product / drawn.length).isCloseTo(0, within(4 * noise.deviation(5) * noise.deviation(5) / 200));
        }
    }

    @Test
    void withoutEtaOnlyTheScaleIsApplied() {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Tensor gradient = memory.zeros(DType.F64, 3).setAll(1, -2, 4);
            new GradientNoise(0, 0.55).apply(team, gradient, 0.5, 1, 1, 1);
            assertThat(gradient.toDoubles()).containsExactly(0.5, -1, 2);
        }
    }

    private static double[] draw(GradientNoise noise, int elements, long seed, long step, long stream) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(3)) {
            Tensor gradient = memory.zeros(DType.F64, elements);
            noise.apply(team, gradient, 1, seed, step, stream);
            return gradient.toDoubles();
        }
    }
}
