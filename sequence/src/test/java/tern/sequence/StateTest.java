package tern.sequence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** A state is moved, not shared; its layout knows how to grow, copy and count it. */
class StateTest {
    private static final StateLayout LAYOUT = StateLayout.of(new Slot.Fixed("sum", Shape.of(2)),
            new Slot.Growing("rows", Shape.of(3)));

    private final Memory memory = new Memory();

    @AfterEach
    void release() {
        memory.close();
    }

    @Test
    void aMovedStateRefuses() {
        State state = State.empty(LAYOUT, DType.F32, 1, 4, memory);
        State next = state.next(state.slot("sum"), state.slot("rows"));
        assertThatIllegalStateException().isThrownBy(() -> state.slot("sum")).withMessageContaining("copy()");
        assertThatIllegalStateException().isThrownBy(() -> state.copy(memory));
        assertThat(next.slot("sum").toDoubles()).containsExactly(0, 0);
    }

    @Test
    void copiesAreIndependent() {
        State state = State.empty(LAYOUT, DType.F32, 1, 4, memory);
        State copy = state.copy(memory);
        state.slot("sum").fill(3);
        assertThat(copy.slot("sum").toDoubles()).containsExactly(0, 0);
    }

    @Test
    void growingKeepsEveryRow() {
        State state = State.empty(LAYOUT, DType.F32, 2, 2, memory);
        for (int i = 0; i < 12; i++) {
            state.slot("rows").set(i, i);
        }
        state.slot("sum").fill(7);
        State larger = state.reserve(5, memory);
        assertThat(larger.capacity()).isEqualTo(5);
        assertThat(larger.slot("sum").get(3)).isEqualTo(7);
        assertThat(larger.slot("rows").slice(0, 1).toDoubles()).startsWith(0, 1, 2, 3, 4, 5, 0);
        assertThat(larger.slot("rows").slice(1, 2).toDoubles()).startsWith(6, 7, 8, 9, 10, 11, 0);
        assertThat(larger.reserve(3, memory)).isSameAs(larger);
        assertThatIllegalStateException().isThrownBy(() -> state.slot("rows"));
    }

    @Test
    void sequencesAreCopiedAndClearedAlone() {
        State from = State.empty(LAYOUT, DType.F32, 1, 2, memory);
        from.slot("sum").fill(4);
        from.slot("rows").fill(5);
        State to = State.empty(LAYOUT, DType.F32, 3, 6, memory);
        to.copySequence(from, 0, 1);
        assertThat(to.slot("sum").toDoubles()).containsExactly(0, 0, 4, 4, 0, 0);
        Tensor rows = to.slot("rows").slice(1, 2);
        assertThat(rows.get(5)).isEqualTo(5);
        assertThat(rows.get(6)).isZero();
        to.clearSequence(1);
        assertThat(to.slot("sum").toDoubles()).containsOnly(0);
    }

    @Test
    void layoutsCountFloatsAndNameWhatIsMissing() {
        assertThat(LAYOUT.floats(10)).isEqualTo(32);
        assertThat(LAYOUT.grows()).isTrue();
        assertThat(StateLayout.STATELESS.grows()).isFalse();
        assertThatIllegalArgumentException().isThrownBy(() -> State.empty(LAYOUT, DType.F32, 1, 0, memory).slot("sums"))
                .withMessageContaining("sums").withMessageContaining("sum");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StateLayout.of(new Slot.Fixed("a", Shape.of()), new Slot.Growing("a", Shape.of())));
        assertThatIllegalArgumentException().isThrownBy(
                () -> State.of(LAYOUT, List.of(memory.zeros(DType.F32, 1, 3), memory.zeros(DType.F32, 1, 4, 3))))
                .withMessageContaining("\"sum\"");
    }

    /** A ring has all its rows or, where the sequence will not be continued, none; starting again empties it. */
    @Test
    void aRingHasAllOfItsRowsOrNone() {
        StateLayout layout = StateLayout.of(new Slot.Ring("last", Shape.of(3), 5));
        assertThat(layout.floats(1)).isEqualTo(15).isEqualTo(layout.floats(1_000_000));
        assertThat(layout.grows()).isFalse();
        State without = State.empty(layout, DType.F32, 2, 0, memory);
        assertThat(without.slot("last").shape().toArray()).containsExactly(2, 0, 3);
        assertThat(without.capacity()).isZero();
        State with = without.reserve(1, memory);
        assertThat(with.slot("last").shape().toArray()).containsExactly(2, 5, 3);
        assertThat(with.capacity()).isEqualTo(Integer.MAX_VALUE);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> State.of(layout, List.of(memory.zeros(DType.F32, 2, 4, 3))))
                .withMessageContaining("\"last\"");
    }
}
