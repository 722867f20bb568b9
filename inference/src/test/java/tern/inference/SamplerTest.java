package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** What each filter leaves, and with what frequency. */
class SamplerTest {
    private static final float[] LOGITS = {(float) Math.log(0.5), (float) Math.log(0.3), (float) Math.log(0.15),
        (float) Math.log(0.05)};

    private static double[] frequencies(Sampling how) {
        int draws = 40_000;
        double[] counts = new double[LOGITS.length];
        Sampler sampler = new Sampler(how, 9);
        for (int i = 0; i < draws; i++) {
            counts[sampler.next(LOGITS)] += 1.0 / draws;
        }
        return counts;
    }

    private static void assertFrequencies(Sampling how, double... expected) {
        double[] found = frequencies(how);
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("symbol %d of %s", i, how).isCloseTo(expected[i], within(0.01));
        }
    }

    @Test
    void filters() {
        assertFrequencies(new Sampling(1, 0, 1, 0, 1), 0.5, 0.3, 0.15, 0.05);
        assertFrequencies(new Sampling(0.5, 0, 1, 0, 1), 0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365);
        assertFrequencies(new Sampling(1, 2, 1, 0, 1), 0.625, 0.375, 0, 0);
        assertFrequencies(new Sampling(1, 0, 0.79, 0, 1), 0.625, 0.375, 0, 0);
        assertFrequencies(new Sampling(1, 0, 0.81, 0, 1), 0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0);
        assertFrequencies(new Sampling(1, 0, 1, 0.2, 1), 0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0);
        assertFrequencies(Sampling.GREEDY, 1, 0, 0, 0);
    }

    @Test
    void aPenaltyMovesOnFromWhatWasSeen() {
        Sampler sampler = new Sampler(new Sampling(0, 0, 1, 0, 10), 1);
        float[] logits = {3, 2, 1};
        assertThat(new int[] {sampler.next(logits), sampler.next(logits), sampler.next(logits)}).containsExactly(0, 1,
                2);
    }

    @Test
    void theSameSeedGivesTheSameTokens() {
        Sampler one = new Sampler(new Sampling(1, 0, 1, 0, 1), 3);
        Sampler two = new Sampler(new Sampling(1, 0, 1, 0, 1), 3);
        for (int i = 0; i < 100; i++) {
            assertThat(one.next(LOGITS)).isEqualTo(two.next(LOGITS));
        }
    }

    @Test
    void badSettingsAndLogitsAreNamed() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Sampling(-1, 0, 1, 0, 1))
                .withMessageContaining("temperature");
        assertThatIllegalArgumentException().isThrownBy(() -> new Sampling(1, 0, 0, 0, 1))
                .withMessageContaining("top-p");
        assertThatIllegalArgumentException().isThrownBy(() -> new Sampling(1, 0, 1, 2, 1))
                .withMessageContaining("min-p");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Sampler(Sampling.GREEDY, 1).next(new float[] {1, Float.NaN}))
                .withMessageContaining("symbol 1");
    }

    @Test
    void whatCannotBeChosenFromIsRefusedByName() {
        Sampler sampler = new Sampler(new Sampling(1, 0, 1, 0, 1.1), 1);
        assertThatIllegalArgumentException().isThrownBy(() -> sampler.next(new float[0]))
                .withMessageContaining("read at least one token");
        assertThatIllegalArgumentException().isThrownBy(() -> sampler.see(-3)).withMessageContaining("token -3");
        sampler.see(300);
        assertThatIllegalArgumentException().isThrownBy(() -> sampler.next(new float[256]))
                .withMessageContaining("token 300");
    }
}
