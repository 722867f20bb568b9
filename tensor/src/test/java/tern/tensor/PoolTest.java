package tern.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;

class PoolTest {
    private static final long SEED = 20261122;

    private static Tensor floats(Pool pool, int count) {
        return pool.allocate(DType.F32, Shape.of(count));
    }

    @Test
    void aPieceGoesBackWhenNobodyHoldsIt() {
        try (Pool pool = new Pool()) {
            Tensor first = floats(pool, 100);
            long address = first.data().address();
            pool.hold(first.reshape(10, 10).slice(3, 4));
            assertThat(pool.holds(first)).isEqualTo(2);
            pool.release(first);
            assertThat(floats(pool, 100).data().address()).isNotEqualTo(address);
            pool.release(first.slice(50, 60));
            assertThat(floats(pool, 100).data().address()).isEqualTo(address);
            assertThat(pool.peak()).isEqualTo(2 * 448);
        }
    }

    @Test
    void neighboursBecomeOnePlace() {
        try (Pool pool = new Pool()) {
            Tensor low = floats(pool, 64);
            Tensor middle = floats(pool, 64);
            Tensor high = floats(pool, 64);
            Tensor after = floats(pool, 64);
            long address = low.data().address();
            pool.release(low);
            pool.release(high);
            pool.release(middle);
            assertThat(floats(pool, 192).data().address()).isEqualTo(address);
            assertThat(pool.holds(after)).isEqualTo(1);
        }
    }

    @Test
    void whatIsFromElsewhereIsLeftAlone() {
        try (Pool pool = new Pool(); Memory memory = new Memory()) {
            Tensor foreign = memory.zeros(DType.F32, 3);
            pool.hold(foreign);
            pool.release(foreign);
            pool.release(floats(pool, 0));
            assertThat(pool.holds(foreign)).isZero();
            assertThat(foreign.toFloats()).containsExactly(0, 0, 0);
        }
    }

    @Test
    void whatWasGivenBackIsPoisonedAndReported() {
        try (Pool pool = new Pool()) {
            Tensor piece = floats(pool, 5).fill(1);
            pool.release(piece);
            assertThat(piece.toFloats()).containsOnly(Float.NaN);
            assertThatThrownBy(() -> pool.hold(piece)).isInstanceOf(AssertionError.class)
                    .hasMessageContaining("given back already");
        }
    }

    @Test
    void piecesInUseNeverOverlapAndStepsAskForNothingNew() {
        try (Pool pool = new Pool()) {
            List<Long> held = new ArrayList<>();
            for (int step = 0; step < 6; step++) {
                step(pool, new SplittableRandom(SEED));
                pool.reset();
                held.add(pool.bytes());
            }
            // At the latest the second reset knows how much is needed.
            assertThat(held.subList(2, 6)).as("seed " + SEED).containsOnly(held.get(1));
            assertThat(pool.bytes()).as("peak " + pool.peak()).isBetween(pool.peak(), pool.peak() * 3 / 2);
        }
    }

    private static void step(Pool pool, SplittableRandom random) {
        List<Tensor> live = new ArrayList<>();
        for (int call = 0; call < 2000; call++) {
            if (live.size() > 40 || !live.isEmpty() && random.nextInt(3) == 0) {
                Tensor gone = live.remove(random.nextInt(live.size()));
                double mark = gone.get(0);
                for (long i = 0; i < gone.elements(); i += 16) {
                    assertThat(gone.get(i)).as("seed " + SEED).isEqualTo(mark);
                }
                pool.release(gone);
            } else {
                live.add(floats(pool, 1 + random.nextInt(100_000)).fill(call));
            }
        }
    }
}
