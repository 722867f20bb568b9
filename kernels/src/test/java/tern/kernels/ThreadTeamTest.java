package tern.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

@Timeout(60)
class ThreadTeamTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 9})
    void everyTaskRunsOnceAndItsWritesAreSeen(int threads) {
        long seed = Long.getLong("tern.seed", 20261122);
        Random random = new Random(seed);
        try (ThreadTeam team = new ThreadTeam(threads)) {
            int[] plain = new int[64];
            for (int region = 1; region <= 3000; region++) {
                int tasks = random.nextInt(plain.length + 1);
                Arrays.fill(plain, 0);
                team.run(tasks, (index, scratch) -> plain[index]++);
                for (int i = 0; i < plain.length; i++) {
                    assertThat(plain[i]).as("seed %d, region %d of %d tasks, task %d", seed, region, tasks, i)
                            .isEqualTo(i < tasks ? 1 : 0);
                }
                if (region % 500 == 0) {
                    pause(2);
                }
            }
        }
    }

    @Test
    void severalThreadsShareARegion() {
        try (ThreadTeam team = new ThreadTeam(3)) {
            CountDownLatch together = new CountDownLatch(3);
            Set<String> names = ConcurrentHashMap.newKeySet();
            team.run(3, (index, scratch) -> {
                names.add(Thread.currentThread().getName());
                together.countDown();
                await(together);
            });
            assertThat(names).hasSize(3).contains(Thread.currentThread().getName());
            assertThat(team.threads()).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void regionsTogetherRunEveryTaskOnceAtTheEnd(int threads) {
        try (ThreadTeam team = new ThreadTeam(threads)) {
            for (int round = 0; round < 50; round++) {
                AtomicIntegerArray runs = new AtomicIntegerArray(60);
                AtomicInteger early = new AtomicInteger();
                team.together(() -> {
                    for (int part = 0; part < 12; part++) {
                        int first = 5 * part;
                        assertThat(team.gathers()).isTrue();
                        team.run(part % 3 == 0 ? 0 : 5, (index, scratch) -> {
                            assertThat(team.gathers()).isFalse();
                            scratch.zeros(DType.F32, 7);
                            runs.incrementAndGet(first + index);
                        });
                        early.addAndGet(runs.get(first));
                    }
                });
                assertThat(team.gathers()).isFalse();
                assertThat(early.get()).as("tasks run before the end").isZero();
                for (int i = 0; i < 60; i++) {
                    assertThat(runs.get(i)).as("task %d", i).isEqualTo(i / 5 % 3 == 0 ? 0 : 1);
                }
            }
        }
    }

    @Test
    void withinATaskRegionsTogetherRunAsTheyCome() {
        try (ThreadTeam team = new ThreadTeam(2)) {
            AtomicInteger inner = new AtomicInteger();
            team.run(4, (index, scratch) -> team.together(() -> {
                int before = inner.get();
                team.run(3, (i, own) -> inner.incrementAndGet());
                assertThat(inner.get()).isGreaterThanOrEqualTo(before + 3);
            }));
            assertThat(inner.get()).isEqualTo(12);
            assertThatThrownBy(() -> team.together(() -> {
                throw new IllegalStateException("between");
            })).hasMessage("between");
            team.run(5, (i, own) -> inner.incrementAndGet());
            assertThat(inner.get()).as("nothing is put off any more").isEqualTo(17);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void theFirstExceptionReachesTheCallerAndTheTeamStaysUsable(int threads) {
        try (ThreadTeam team = new ThreadTeam(threads)) {
            for (int round = 0; round < 100; round++) {
                assertThatThrownBy(() -> team.run(8, (index, scratch) -> {
                    scratch.zeros(DType.F32, 7);
                    if (index == 5) {
                        throw new IllegalStateException("task five");
                    }
                })).isInstanceOf(IllegalStateException.class).hasMessage("task five");
                AtomicInteger count = new AtomicInteger();
                team.run(8, (index, scratch) -> count.incrementAndGet());
                assertThat(count.get()).isEqualTo(8);
            }
        }
    }

    @Test
    void otherExceptionsAreSuppressedInTheFirst() {
        try (ThreadTeam team = new ThreadTeam(2)) {
            CountDownLatch both = new CountDownLatch(2);
            assertThatThrownBy(() -> team.run(2, (index, scratch) -> {
                both.countDown();
                await(both);
                throw new IllegalArgumentException("task " + index);
            })).isInstanceOf(IllegalArgumentException.class)
                    .satisfies(thrown -> assertThat(thrown.getSuppressed()).hasSize(1)
                            .hasOnlyElementsOfType(IllegalArgumentException.class).extracting(Throwable::getMessage)
                            .isSubsetOf("task 0", "task 1").doesNotContain(thrown.getMessage()));
        }
    }

    @Test
    void anInnerRegionRunsOnTheThreadOfItsTask() {
        try (ThreadTeam team = new ThreadTeam(4)) {
            AtomicIntegerArray counts = new AtomicIntegerArray(16 * 8);
            team.run(16, (outer, outerScratch) -> {
                Thread thread = Thread.currentThread();
                Tensor mine = outerScratch.zeros(DType.F32, 16).fill(outer);
                team.run(8, (inner, innerScratch) -> {
                    assertThat(Thread.currentThread()).isSameAs(thread);
                    assertThat(innerScratch).isSameAs(outerScratch).isSameAs(team.scratch());
                    innerScratch.zeros(DType.F32, 16).fill(-1);
                    counts.incrementAndGet(outer * 8 + inner);
                });
                assertThat(mine.toDoubles()).containsOnly(outer);
            });
            for (int i = 0; i < counts.length(); i++) {
                assertThat(counts.get(i)).isEqualTo(1);
            }
        }
    }

    @Test
    void scratchIsTakenBackAfterEachTask() {
        try (ThreadTeam team = new ThreadTeam(2)) {
            Shape shape = Shape.of(1000, 1000);
            for (int i = 0; i < 50; i++) {
                team.run(4, (index, scratch) -> scratch.allocate(DType.F32, shape));
            }
            assertThat(team.scratch().bytes()).isLessThan(3 * 4_000_000);
        }
    }

    @Test
    void aSecondCallerIsTurnedAway() {
        try (ThreadTeam team = new ThreadTeam(2)) {
            CountDownLatch refused = new CountDownLatch(1);
            AtomicReference<Throwable> told = new AtomicReference<>(new AssertionError("not refused"));
            Thread other = new Thread(() -> {
                try {
                    team.run(1, (index, scratch) -> {
                    });
                } catch (IllegalStateException thrown) {
                    told.set(thrown);
                } finally {
                    refused.countDown();
                }
            });
            team.run(1, (index, scratch) -> {
                other.start();
                await(refused);
            });
            assertThat(told.get()).isInstanceOf(IllegalStateException.class).hasMessageContaining("its own team");
        }
    }

    @Test
    void closingEndsTheThreads() {
        ThreadTeam team = new ThreadTeam(3);
        Set<Thread> workers = ConcurrentHashMap.newKeySet();
        CountDownLatch together = new CountDownLatch(3);
        team.run(3, (index, scratch) -> {
            workers.add(Thread.currentThread());
            together.countDown();
            await(together);
        });
        workers.remove(Thread.currentThread());
        assertThat(workers).hasSize(2).allMatch(Thread::isDaemon);
        assertThatThrownBy(() -> team.run(1, (index, scratch) -> team.close()))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("while it runs");
        team.close();
        team.close();
        assertThat(workers).noneMatch(Thread::isAlive);
        assertThatThrownBy(() -> team.run(1, (index, scratch) -> {
        })).isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
    }

    @Test
    void anInterruptedCallerFinishesItsRegionAndStaysInterrupted() {
        try (ThreadTeam team = new ThreadTeam(2)) {
            Thread.currentThread().interrupt();
            AtomicInteger count = new AtomicInteger();
            team.run(2, (index, scratch) -> {
                spin(Duration.ofMillis(5));
                count.incrementAndGet();
            });
            assertThat(count.get()).isEqualTo(2);
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    @Test
    void aTeamOfNoThreadsIsRefused() {
        assertThatThrownBy(() -> new ThreadTeam(0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("expected 1..1024");
    }

    @Test
    void anEmptyRegionIsCheap() {
        assumeTrue(Boolean.getBoolean("tern.proofs"),
                "a figure of an idle machine: -Dtern.proofs=true; ThreadTeamBenchmark states it");
        int threads = Math.min(4, Runtime.getRuntime().availableProcessors());
        ThreadTeam.Task nothing = (index, scratch) -> {
        };
        try (ThreadTeam team = new ThreadTeam(threads)) {
            long best = Long.MAX_VALUE;
            int regions = 2000;
            for (int round = 0; round < 60; round++) {
                long begin = System.nanoTime();
                for (int i = 0; i < regions; i++) {
                    team.run(threads, nothing);
                }
                best = Math.min(best, System.nanoTime() - begin);
            }
            // The bound leaves room for a busy machine; the benchmark states the figure.
            assertThat(best / regions).as("nanoseconds per region").isLessThan(50_000);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException told) {
            Thread.currentThread().interrupt();
        }
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException told) {
            Thread.currentThread().interrupt();
        }
    }

    private static void spin(Duration duration) {
        long end = System.nanoTime() + duration.toNanos();
        while (System.nanoTime() < end) {
            Thread.onSpinWait();
        }
    }
}
