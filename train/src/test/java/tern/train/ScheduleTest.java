package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

import tern.testkit.Seeds;

class ScheduleTest {
    @Test
    void risesInAStraightLineAndFallsAlongACosine() {
        Schedule schedule = new Schedule(0.01, 0.2, 0.1);
        assertThat(schedule.rate(0)).isZero();
        assertThat(schedule.rate(0.05)).isCloseTo(0.0025, within(1e-15));
        assertThat(schedule.rate(0.2)).isCloseTo(0.01, within(1e-15));
        // Halfway through what is left: the middle between peak and floor.
        assertThat(schedule.rate(0.6)).isCloseTo(0.0055, within(1e-15));
        // A quarter through: (1 + cos 45°)/2 of the way from floor to peak.
        assertThat(schedule.rate(0.4)).isCloseTo(0.001 + 0.009 * 0.8535533905932737, within(1e-15));
        assertThat(schedule.rate(1)).isCloseTo(0.001, within(1e-15));
        assertThat(schedule.rate(1.7)).isCloseTo(0.001, within(1e-15));
    }

    @Test
    void withoutWarmupTheFirstStepIsNearThePeak() {
        assertThat(new Schedule(1, 0, 0).rate(0.001)).isBetween(0.999, 1.0);
    }

    @Test
    void neverAboveThePeakNorBelowTheFloorAfterWarmup() {
        Seeds.forAll(20, (seed, random) -> {
            Schedule schedule = new Schedule(1 - random.nextDouble(), random.nextDouble(), random.nextDouble());
            double before = schedule.rate(schedule.warmup());
            for (double done = schedule.warmup(); done <= 1.2; done += 0.01) {
                double rate = schedule.rate(done);
                assertThat(rate).isBetween(schedule.peak() * schedule.floor() * (1 - 1e-12), before + 1e-15);
                before = rate;
            }
        });
    }

    @Test
    void budgetsAreSpentByStepsTokensOrTime() {
        assertThat(new Budget.Steps(200).spent(50, 999, 999)).isEqualTo(0.25);
        assertThat(new Budget.Tokens(1000).spent(50, 250, 999)).isEqualTo(0.25);
        assertThat(new Budget.Minutes(2).spent(50, 250, 30)).isEqualTo(0.25);
        assertThat(new Budget.Tokens(1000).isSpent(1, 999, 0)).isFalse();
        assertThat(new Budget.Tokens(1000).isSpent(1, 1000, 0)).isTrue();
    }

    @Test
    void impossibleValuesAreRefusedByName() {
        assertThatThrownBy(() -> new Schedule(-1, 0, 0)).hasMessageContaining("peak rate is -1.0");
        assertThatThrownBy(() -> new Schedule(Double.NaN, 0, 0)).hasMessageContaining("NaN");
        assertThatThrownBy(() -> new Schedule(1, 1, 0)).hasMessageContaining("warm-up is 1.0");
        assertThatThrownBy(() -> new Schedule(1, 0, 2)).hasMessageContaining("floor is 2.0");
        assertThatThrownBy(() -> new Budget.Steps(0)).hasMessageContaining("steps is 0");
        assertThatThrownBy(() -> new Budget.Minutes(Double.NaN)).hasMessageContaining("minutes is NaN");
    }
}
