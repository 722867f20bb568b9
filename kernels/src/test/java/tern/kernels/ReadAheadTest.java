package tern.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ReadAheadTest {
    private static final int PIECE = 1 << 11;
    private static final int MOST = 1 << 19;

    private final ReadAhead ahead = new ReadAhead();

    private void region(MemorySegment weights, int tasks) {
        ahead.expect(weights, tasks);
        ahead.begin();
    }

    private static int pieces(ReadAhead.Reader reader) {
        int count = 0;
        while (reader.readPiece()) {
            count++;
        }
        return count;
    }

    @Test
    void nothingIsReadBeforeTheOrderWasSeen() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment a = arena.allocate(100 * PIECE), b = arena.allocate(40 * PIECE);
            ReadAhead.Reader reader = new ReadAhead.Reader(ahead, 1, 2);
            assertThat(pieces(reader)).isZero();
            region(a, 4);
            region(b, 4);
            assertThat(pieces(reader)).as("what follows b was not seen").isZero();
            region(a, 4);
            assertThat(pieces(reader)).as("the upper half of b").isEqualTo(20);
            ahead.begin();
            assertThat(pieces(reader)).as("after a region without weights there is nothing new").isZero();
            region(b, 4);
            assertThat(pieces(reader)).as("the upper half of a").isEqualTo(50);
        }
    }

    @Test
    void sharesAreThoseOfTheTasksOfAllWeightsOfARegion() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment a = arena.allocate(PIECE), b = arena.allocate(30 * PIECE), c = arena.allocate(10 * PIECE);
            for (int round = 0; round < 2; round++) {
                region(a, 1);
                ahead.expect(b, 3);
                ahead.expect(c, 1);
                ahead.begin();
            }
            region(a, 1);
            assertThat(pieces(new ReadAhead.Reader(ahead, 0, 2))).as("two tasks of b").isEqualTo(20);
            assertThat(pieces(new ReadAhead.Reader(ahead, 1, 2))).as("one task of b, and c").isEqualTo(20);
            assertThat(pieces(new ReadAhead.Reader(ahead, 3, 4))).as("c").isEqualTo(10);
        }
    }

    @Test
    void noMoreIsReadThanACacheHolds() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment a = arena.allocate(4L * MOST);
            region(a, 64);
            region(a, 64);
            assertThat(pieces(new ReadAhead.Reader(ahead, 1, 2))).isEqualTo(MOST / PIECE);
        }
    }

    @Test
    void anotherCutAndReleasedMemoryAreNotTheSame() {
        ReadAhead.Reader reader = new ReadAhead.Reader(ahead, 1, 2);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment a = arena.allocate(8 * PIECE), b = arena.allocate(8 * PIECE);
            region(a, 8);
            region(b, 8);
            region(a, 8);
            assertThat(pieces(reader)).isEqualTo(4);
            region(b, 1);
            region(a, 8);
            assertThat(pieces(reader)).as("b as one task belongs to the last thread").isEqualTo(8);
        }
        assertThat(pieces(new ReadAhead.Reader(ahead, 1, 2))).as("released").isZero();
        MemorySegment c = Arena.ofAuto().allocate(6 * PIECE);
        region(c, 2);
        region(c, 2);
        assertThat(pieces(reader)).isEqualTo(3);
    }

    @Test
    void aTeamReadsAheadAndWhatItReadsMayGo() {
        try (ThreadTeam team = new ThreadTeam(2)) {
            AtomicInteger runs = new AtomicInteger();
            for (int round = 0; round < 20; round++) {
                try (Arena arena = Arena.ofShared()) {
                    MemorySegment weights = arena.allocate(1 << 20);
                    for (int step = 0; step < 3; step++) {
                        team.reads(weights, 16);
                        team.run(16, (index, scratch) -> {
                            team.reads(weights, 1);
                            runs.incrementAndGet();
                        });
                    }
                }
            }
            assertThat(runs.get()).isEqualTo(20 * 3 * 16);
        }
    }
}
