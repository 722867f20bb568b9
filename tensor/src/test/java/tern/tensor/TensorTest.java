package tern.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is stored comes back, views share memory, and memory comes and goes when it should. */
class TensorTest {
    private final Memory memory = new Memory();

    @AfterEach
    void release() {
        memory.close();
    }

    @Test
    void everyTypeGivesBackWhatItCanHold() {
        for (DType dtype : DType.values()) {
            if (dtype.isBlocked()) {
                continue;
            }
            Tensor tensor = memory.zeros(dtype, 3);
            tensor.set(1, 1);
            tensor.set(2, dtype == DType.BOOL ? 7 : 100);
            assertThat(tensor.toDoubles()).as(dtype.name()).containsExactly(0, 1, dtype == DType.BOOL ? 1 : 100);
            assertThat(tensor.bytes()).isEqualTo(3L * dtype.bytes());
        }
        assertThat(memory.zeros(DType.U8, 1).setAll(200).get(0)).isEqualTo(200);
        assertThat(memory.zeros(DType.I8, 1).setAll(-100).get(0)).isEqualTo(-100);
    }

    @Test
    void bfloat16RoundsToNearestEvenAndKeepsNaN() {
        assertThat(Tensor.toBrain(1.0f)).isEqualTo((short) 0x3F80);
        assertThat(Tensor.toBrain(Float.intBitsToFloat(0x3F808000))).as("a tie, to even below")
                .isEqualTo((short) 0x3F80);
        assertThat(Tensor.toBrain(Float.intBitsToFloat(0x3F818000))).as("a tie, to even above")
                .isEqualTo((short) 0x3F82);
        assertThat(Tensor.toBrain(Float.intBitsToFloat(0x3F808001))).isEqualTo((short) 0x3F81);
        assertThat(Tensor.toBrain(Float.intBitsToFloat(0x7F800001)) & 0x7FFF).as("a small NaN stays one")
                .isGreaterThan(0x7F80);
        assertThat(Tensor.toBrain(Float.MAX_VALUE)).as("overflows").isEqualTo((short) 0x7F80);
    }

    @Test
    void viewsShareMemory() {
        Tensor tensor = memory.zeros(DType.F32, 4, 3);
        Tensor row = tensor.slice(2, 3);
        row.set(1, 5);
        assertThat(tensor.get(7)).isEqualTo(5);
        assertThat(tensor.reshape(2, 6).get(7)).isEqualTo(5);
        assertThat(row.shape()).isEqualTo(Shape.of(1, 3));
        assertThatIllegalArgumentException().isThrownBy(() -> tensor.reshape(5)).withMessageContaining("12");
        assertThatIllegalArgumentException().isThrownBy(() -> tensor.slice(3, 5)).withMessageContaining("0..4");
    }

    @Test
    void copiesConvertTypes() {
        Tensor doubles = memory.zeros(DType.F64, 2).setAll(0.1, -3);
        assertThat(memory.zeros(DType.F32, 2).copyFrom(doubles).toFloats()).containsExactly(0.1f, -3f);
        assertThatIllegalArgumentException().isThrownBy(() -> memory.zeros(DType.F32, 3).copyFrom(doubles));
    }

    @Test
    void shapesAreChecked() {
        assertThatIllegalArgumentException().isThrownBy(() -> Shape.of(2, -1)).withMessageContaining("negative");
        assertThatIllegalArgumentException().isThrownBy(() -> Shape.of(2).dim(1)).withMessageContaining("axis 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Tensor.over(DType.F32, Shape.of(3), memory.zeros(DType.F32, 2).data()))
                .withMessageContaining("12 bytes");
        assertThat(Shape.of(2, 3, 4).rows()).isEqualTo(6);
        assertThat(Shape.of().elements()).isEqualTo(1);
        assertThat(Shape.of(2, 3).dim(-1)).isEqualTo(3);
    }

    @Test
    void closedMemoryRefusesInsteadOfCrashing() {
        Memory short_ = new Memory();
        Tensor small = short_.zeros(DType.F32, 4);
        Tensor large = short_.zeros(DType.F32, 4 << 20);
        large.set(large.elements() - 1, 2);
        assertThat(large.get(large.elements() - 1)).isEqualTo(2);
        assertThat(large.get(0)).isZero();
        assertThat(large.data().address() % (2L << 20)).as("large blocks begin on huge pages").isZero();
        assertThat(short_.bytes()).isEqualTo(16 + (16L << 20));
        short_.close();
        assertThatIllegalStateException().isThrownBy(() -> small.get(0));
        assertThatIllegalStateException().isThrownBy(() -> large.get(0));
    }

    @Test
    void aWorkspaceHandsOutTheSameTensorsAgainAndNeverOverlappingOnes() {
        SplittableRandom random = new SplittableRandom(3);
        try (Workspace workspace = new Workspace()) {
            Tensor[] first = new Tensor[200];
            int[] sizes = random.ints(first.length, 0, 40_000).toArray();
            for (int round = 0; round < 3; round++) {
                workspace.reset();
                for (int i = 0; i < first.length; i++) {
                    Tensor tensor = workspace.allocate(DType.F32, Shape.of(sizes[i]));
                    assertThat(tensor.data().address() % 64).isZero();
                    if (round == 0) {
                        first[i] = tensor;
                    } else {
                        assertThat(tensor).isSameAs(first[i]);
                    }
                    tensor.fill(i);
                }
                for (int i = 0; i < first.length; i++) {
                    for (int at = 0; at < sizes[i]; at += 997) {
                        assertThat(first[i].get(at)).isEqualTo(i);
                    }
                }
            }
            long held = workspace.bytes();
            Workspace.Mark mark = workspace.mark();
            Tensor inner = workspace.allocate(DType.F64, Shape.of(5));
            workspace.release(mark);
            assertThat(workspace.allocate(DType.F32, Shape.of(3)).data().address()).isEqualTo(inner.data().address());
            assertThat(workspace.bytes()).isEqualTo(held);
        }
    }

    @Test
    void partsOfAStepMayUseTheSameMemoryOneAfterTheOther() {
        try (Workspace workspace = new Workspace()) {
            List<List<Tensor>> steps = new ArrayList<>();
            for (int step = 0; step < 3; step++) {
                workspace.reset();
                Tensor before = workspace.allocate(DType.F32, Shape.of(7));
                Workspace.Mark mark = workspace.mark();
                Tensor first = workspace.allocate(DType.F32, Shape.of(1 << 12));
                assertThat(workspace.handedOutSince(mark, first.slice(5, 6))).isTrue();
                assertThat(workspace.handedOutSince(mark, before)).isFalse();
                workspace.reuse(mark);
                Tensor second = workspace.allocate(DType.F32, Shape.of(11));
                assertThat(second.data().address()).isEqualTo(first.data().address());
                steps.add(List.of(before, first, second));
            }
            for (int i = 0; i < 3; i++) {
                assertThat(steps.get(2).get(i)).isSameAs(steps.get(1).get(i)).isSameAs(steps.get(0).get(i));
            }
        }
    }

    @Test
    void aWorkspaceHandsOutTheSameArraysAgain() {
        try (Workspace workspace = new Workspace()) {
            Workspace.Mark mark = workspace.mark();
            float[] first = workspace.floats(5000), second = workspace.floats(3);
            assertThat(first).hasSizeGreaterThanOrEqualTo(5000).isNotSameAs(second);
            workspace.release(mark);
            assertThat(workspace.floats(4000)).isSameAs(first);
            assertThat(workspace.floats(100)).isSameAs(second);
            workspace.reset();
            assertThat(workspace.floats(1 << 20)).hasSize(1 << 20);
            assertThat(workspace.floats(0)).isSameAs(second);
            assertThatThrownBy(() -> workspace.floats(-1)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("-1");
        }
    }

    @Test
    void aTensorWithoutMemoryCountsAndIsNotRead() {
        Tensor tensor = Tensor.withoutMemory(DType.F32, Shape.of(1 << 20, 1 << 10));
        assertThat(tensor.bytes()).isEqualTo(4L << 30);
        assertThat(tensor.slice(5, 7).reshape(1 << 11).bytes()).isEqualTo(8L << 10);
        assertThat(Tensor.withoutMemory(DType.F32, Shape.of(0)).toFloats()).isEmpty();
        assertThatThrownBy(() -> tensor.get(0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> tensor.set(5, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> tensor.slice(0, 1).fill(0)).isInstanceOf(IllegalStateException.class);
    }
}
