package tern.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RoundsTest {
    private static final int ROUNDS = 2000;
    private static final int TASKS = 7;

    /** Each task adds up what its neighbours wrote in the round before; one that ran early, late or twice would show. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void everyRoundSeesTheWholeOfTheOneBefore(int threads) {
        int[][] sums = new int[2][TASKS];
        sums[0][3] = 1;
        try (ThreadTeam team = new ThreadTeam(threads)) {
            team.rounds(ROUNDS, TASKS, (round, index, scratch) -> {
                int[] before = sums[round % 2];
                sums[(round + 1) % 2][index] = before[index] + before[(index + 1) % TASKS] + round;
            });
        }
        int[] expected = new int[TASKS];
        expected[3] = 1;
        for (int round = 0; round < ROUNDS; round++) {
            int[] next = new int[TASKS];
            for (int i = 0; i < TASKS; i++) {
                next[i] = expected[i] + expected[(i + 1) % TASKS] + round;
            }
            expected = next;
        }
        assertThat(sums[ROUNDS % 2]).containsExactly(expected);
    }

    /** A thread that never comes to its tasks does not hold the others up. */
    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void roundsWithinATaskRunOnItsThread(int threads) {
        AtomicIntegerArray counts = new AtomicIntegerArray(threads);
        try (ThreadTeam team = new ThreadTeam(threads)) {
            team.run(threads, (outer, ignored) -> team.rounds(10, 3, (round, index, scratch) -> counts
                    .incrementAndGet(outer)));
        }
        for (int i = 0; i < threads; i++) {
            assertThat(counts.get(i)).isEqualTo(30);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void whatATaskThrowsEndsTheRounds(int threads) {
        try (ThreadTeam team = new ThreadTeam(threads)) {
            assertThatThrownBy(() -> team.rounds(100, 5, (round, index, scratch) -> {
                if (round == 40 && index == 3) {
                    throw new IllegalStateException("no further");
                }
                assertThat(round).isLessThan(41);
            })).isInstanceOf(IllegalStateException.class).hasMessage("no further");
            AtomicIntegerArray count = new AtomicIntegerArray(1);
            team.rounds(3, 5, (round, index, scratch) -> count.incrementAndGet(0));
            assertThat(count.get(0)).as("the team stays usable").isEqualTo(15);
        }
    }
}
