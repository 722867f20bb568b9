package tern.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.Optional;

import org.junit.jupiter.api.Test;

class SparseMemoryTest {
    private static final int LARGE = 40 << 20;

    private static SparseMemory reserve(long bytes, int tensors) {
        Optional<SparseMemory> memory = SparseMemory.reserve(bytes, tensors);
        assumeThat(memory).as("this system gives no memory as it is written").isPresent();
        return memory.orElseThrow();
    }

    @Test
    void tensorsAreZerosSideBySideAndFarMoreMayBeReservedThanThereIs() {
        try (SparseMemory memory = reserve(1L << 33, 3)) {
            Tensor small = memory.zeros(DType.F32, 3, 5);
            Tensor large = memory.zeros(DType.F32, Shape.of(1 << 20, 1 << 10));
            Tensor last = memory.allocate(DType.I8, Shape.of(7));
            assertThat(large.data().address() % (2 << 20)).as("large tensors lie on huge pages").isZero();
            assertThat(large.get(large.elements() - 1)).isZero();
            large.set(large.elements() - 1, 4);
            large.set(0, 5);
            small.fill(1);
            last.fill(2);
            assertThat(large.get(large.elements() - 1)).isEqualTo(4);
            assertThat(large.get(0)).isEqualTo(5);
            assertThat(large.get(1)).isZero();
        }
    }

    @Test
    void whatIsPreparedStaysAsItIsAndWhatIsDiscardedLeavesItsNeighboursAlone() throws InterruptedException {
        try (SparseMemory memory = reserve(LARGE, 1)) {
            Tensor rows = memory.zeros(DType.I8, 40, 1 << 20);
            rows.slice(0, 3).fill(7);
            Thread other = Thread.ofPlatform().start(() -> {
                for (int row = 0; row < 40; row++) {
                    memory.prepare(rows.slice(row, row + 1));
                }
            });
            rows.slice(3, 20).fill(7);
            other.join();
            assertThat(rows.slice(0, 20).data().mismatch(rows.slice(1, 20).data())).as("first that is not 7")
                    .isEqualTo(19L << 20);
            assertThat(rows.get(0)).isEqualTo(7);
            memory.discard(rows.slice(5, 30));
            assertThat(rows.get((5L << 20) - 1)).isEqualTo(7);
            rows.slice(5, 6).fill(3);
            assertThat(rows.get((5L << 20) + 12345)).isEqualTo(3);
        }
    }

    /** Addresses that were given back may be anybody's by now, and theirs would be wiped. */
    @Test
    void whatWasClosedOrLiesElsewhereIsNeitherPreparedNorDiscarded() {
        SparseMemory memory = reserve(LARGE, 1);
        Tensor rows = memory.zeros(DType.I8, 4, 1 << 20);
        memory.close();
        memory.close();
        assertThatThrownBy(() -> memory.discard(rows)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> memory.prepare(rows)).isInstanceOf(IllegalStateException.class);
        try (SparseMemory other = reserve(LARGE, 1); Memory elsewhere = new Memory()) {
            Tensor foreign = elsewhere.zeros(DType.I8, 4, 1 << 20).fill(3);
            assertThatThrownBy(() -> other.discard(foreign)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("does not lie in this memory");
            assertThat(foreign.get(12345)).isEqualTo(3);
        }
    }

    @Test
    void moreThanWasReservedIsRefused() {
        try (SparseMemory memory = reserve(100, 1)) {
            assertThatThrownBy(() -> memory.zeros(DType.F32, LARGE)).isInstanceOf(OutOfMemoryError.class)
                    .hasMessageContaining("reserve more");
        }
    }
}
