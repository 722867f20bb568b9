package tern.kernels.elementwise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;

/** The fast body beside the plain one. */
class LikelihoodsTest {
    private static final long SEED = 7;

    @Test
    void bothBodiesAgree() {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int count = 0; count < 40; count++) {
            float[] scores = new float[count + 3];
            Arrays.setAll(new double[scores.length], i -> scores[i] = (float) (200 * random.nextDouble() - 150));
            float top = 50;
            float[] fast = new float[Likelihoods.room(count)];
            Likelihoods.of(scores, 3, count, top, 0.7, fast);
            float[] plain = new float[count];
            for (int i = 0; i < count; i++) {
                plain[i] = (scores[3 + i] - top) * (float) (1 / 0.7);
            }
            Likelihoods.plain(plain, count);
            for (int i = 0; i < count; i++) {
                assertThat((double) fast[i]).as("seed %d, %d of %d", SEED, i, count).isCloseTo(plain[i],
                        within(2e-6 * plain[i] + 1e-37));
            }
        }
    }
}
