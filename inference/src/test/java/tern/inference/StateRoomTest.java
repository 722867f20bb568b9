package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.mixers.attention.AttentionConfig;
import tern.mixers.mega.GatedAttentionConfig;
import tern.mixers.mega.MovingAverageConfig;
import tern.mixers.rwkv.Rwkv7Config;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.SparseMemory;
import tern.tensor.Tensor;
import tern.text.ByteTokenizer;

/** Seats come and go without those who sit being moved, and where they must be moved, it changes nothing. */
class StateRoomTest {
    private static final long SEED = 31;
    private static final int SEATS = 40;

    private final Memory memory = new Memory();
    private final Engine engine = Engine.steady(1);
    private final SplittableRandom random = new SplittableRandom(SEED);

    @AfterEach
    void release() {
        engine.close();
        memory.close();
    }

    private Stack stack(String kind) {
        MixerConfig mixer = switch (kind) {
            case "attention" -> AttentionConfig.of(2);
            case "rwkv7" -> Rwkv7Config.of(8, 16, true);
            case "mega" -> GatedAttentionConfig.language(MovingAverageConfig.of(4), 8, 24, 24);
            default -> throw new IllegalArgumentException(kind);
        };
        return new Stack(StackConfig.of(16, 64, List.of(mixer, mixer)),
                Parameters.Source.initialised(SEED, DType.F32, memory));
    }

    private static Tensor slot(StateRoom room) {
        return room.state().states().getFirst().slots().getFirst();
    }

    @ParameterizedTest
    @ValueSource(strings = {"attention", "rwkv7", "mega"})
    void aSequenceHasTheSameBitsWhetherRowsAreMovedOrNot(String kind) {
        try (LanguageModel model = new LanguageModel(stack(kind), ByteTokenizer.ALL, "test-" + kind, engine);
                LiveBatch staying = model.batch(SEATS);
                LiveBatch moving = new LiveBatch(model, SEATS, StateRoom::moving)) {
            List<LiveBatch.Seat> left = new ArrayList<>();
            List<LiveBatch.Seat> right = new ArrayList<>();
            for (int step = 0; step < 120; step++) {
                // Many come, then many go, several times.
                boolean come = step / 30 % 2 == 0;
                for (int more = random.nextInt(4); more > 0; more--) {
                    if (come && left.size() < SEATS) {
                        left.add(staying.join());
                        right.add(moving.join());
                    } else if (!come && left.size() > 1) {
                        int at = random.nextInt(left.size());
                        left.remove(at).leave();
                        right.remove(at).leave();
                    }
                }
                if (left.isEmpty()) {
                    continue;
                }
                int[] ids = random.ints(left.size(), 0, 256).toArray();
                float[] found = new float[256 * ids.length];
                float[] expected = new float[256 * ids.length];
                staying.step(ids, found);
                moving.step(ids, expected);
                assertThat(found).as("%s, step %d, seed %d", kind, step, SEED).isEqualTo(expected);
            }
        }
    }

    @Test
    void whoSitsIsNotMovedWhenOthersCome() {
        assumeThat(SparseMemory.reserve(1, 1).stream().peek(SparseMemory::close).count())
                .as("this system gives no memory as it is written").isOne();
        try (StateRoom room = StateRoom.upTo(stack("attention"), 100_000, 0)) {
            room.reserve(500);
            room.use(1);
            Tensor before = slot(room);
            before.slice(0, 1).fill(3);
            long one = room.bytes();
            for (int rows = 2; rows <= 1000; rows++) {
                room.use(rows);
            }
            assertThat(slot(room)).isSameAs(before);
            assertThat(before.get(0)).isEqualTo(3);
            assertThat(room.bytes()).as("bytes with a thousand rows").isGreaterThan(100 * one);
            room.use(2);
            assertThat(room.bytes()).as("bytes with two rows").isLessThan(10 * one);
            assertThat(slot(room)).isSameAs(before);
            assertThat(before.get(0)).isEqualTo(3);
        }
    }

    @Test
    void whereMemoryDoesNotComeAsItIsWrittenRowsAreDoubledAndGivenBack() {
        try (StateRoom room = StateRoom.moving(stack("rwkv7"), 100)) {
            List<Integer> rows = new ArrayList<>();
            for (int used : new int[] {1, 5, 9, 33, 70, 100, 30, 20, 8, 1}) {
                room.use(used);
                if (used == 1 && rows.isEmpty()) {
                    slot(room).slice(0, 1).fill(3);
                }
                rows.add(room.state().batch());
                assertThat(slot(room).get(0)).isEqualTo(3);
            }
            assertThat(rows).containsExactly(4, 8, 16, 64, 100, 100, 100, 32, 8, 4);
        }
    }

    @Test
    void whatMostDoNotUseIsKeptForAWhile() {
        assumeThat(SparseMemory.reserve(1, 1).stream().peek(SparseMemory::close).count())
                .as("this system gives no memory as it is written").isOne();
        try (StateRoom room = StateRoom.upTo(stack("rwkv7"), 1000, Long.MAX_VALUE)) {
            room.use(500);
            long before = room.bytes();
            room.use(1);
            assertThat(room.bytes()).isGreaterThanOrEqualTo(before);
            Tensor last = slot(room).slice(499, 500);
            last.fill(2);
            room.use(500);
            assertThat(last.get(0)).isEqualTo(2);
        }
    }
}
