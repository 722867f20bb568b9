package tern.kernels.machine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BestOfTest {
    @Test
    void keepsTheShortestRound() {
        BestOf best = new BestOf(10);
        assertThat(best.isSettled()).as("before the first round").isFalse();
        assertThat(best.seconds()).isInfinite();
        best.add(3);
        best.add(2);
        best.add(5);
        assertThat(best.seconds()).isEqualTo(2);
    }

    @Test
    void goesOnWhileItGetsBetterAndEndsWhenItDoesNot() throws InterruptedException {
        BestOf best = new BestOf(2000);
        for (double seconds = 1; seconds > 0.5; seconds *= 0.9) {
            Thread.sleep(10);
            best.add(seconds);
        }
        assertThat(best.isSettled()).isFalse();
        Thread.sleep(2010);
        assertThat(best.isSettled()).isTrue();
    }

    @Test
    void endsOnItsOwn() {
        int[] rounds = {0};
        double seconds = BestOf.of(20, () -> rounds[0]++);
        assertThat(rounds[0]).isGreaterThan(1);
        assertThat(seconds).isBetween(0.0, 0.2);
    }
}
