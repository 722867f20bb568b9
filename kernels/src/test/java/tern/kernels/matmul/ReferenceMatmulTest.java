package tern.kernels.matmul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

class ReferenceMatmulTest {
    private final Memory memory = new Memory();
    private final ThreadTeam team = new ThreadTeam(1);
    private final Matmul matmul = new ReferenceMatmul();

    @AfterEach
    void release() {
        team.close();
        memory.close();
    }

    @Test
    void multipliesEachTransposedForm() {
        Tensor a = tensor(2, 3).setAll(1, 2, 3, 4, 5, 6), aT = tensor(3, 2).setAll(1, 4, 2, 5, 3, 6);
        Tensor b = tensor(3, 2).setAll(7, 8, 9, 10, 11, 12), bT = tensor(2, 3).setAll(7, 9, 11, 8, 10, 12);
        for (int form = 0; form < 4; form++) {
            boolean left = (form & 1) != 0, right = (form & 2) != 0;
            Tensor c = tensor(2, 2).fill(Double.NaN);
            matmul.multiply(team, left ? aT : a, left, right ? bT : b, right, c, 0);
            assertThat(c.toDoubles()).as("form %d", form).containsExactly(58, 64, 139, 154);
        }
    }

    @Test
    void accumulatesABatchWhenAskedToKeep() {
        Tensor a = tensor(2, 1, 2).setAll(1, 2, 3, 4), b = tensor(2, 2, 1).setAll(5, 6, 7, 8);
        Tensor c = tensor(2, 1, 1).setAll(100, 200);
        matmul.multiply(team, a, false, b, false, c, 1);
        assertThat(c.toDoubles()).containsExactly(117, 253);
    }

    @Test
    void linearAddsTheBias() {
        Tensor x = tensor(2, 2).setAll(1, 2, 3, 4), w = tensor(3, 2).setAll(1, 0, 0, 1, 1, 1), y = tensor(2, 3);
        matmul.linear(team, x, w, tensor(3).setAll(10, 20, 30), y);
        assertThat(y.toDoubles()).containsExactly(11, 22, 33, 13, 24, 37);
        matmul.linear(team, x, w, tensor(0), y);
        assertThat(y.toDoubles()).containsExactly(1, 2, 3, 3, 4, 7);
    }

    @Test
    void linearBackwardWritesDxAndAccumulatesTheRest() {
        Tensor x = tensor(2, 2).setAll(1, 2, 3, 4), w = tensor(3, 2).setAll(1, 0, 0, 1, 1, 1);
        Tensor dy = tensor(2, 3).setAll(1, 2, 3, 4, 5, 6);
        Tensor dx = tensor(2, 2).fill(Double.NaN), dw = tensor(3, 2).fill(100), dBias = tensor(3).fill(1000);
        matmul.linearBackward(team, x, w, dy, dx, dw, dBias);
        assertThat(dx.toDoubles()).containsExactly(4, 5, 10, 11);
        assertThat(dw.toDoubles()).containsExactly(113, 118, 117, 124, 121, 130);
        assertThat(dBias.toDoubles()).containsExactly(1005, 1007, 1009);
    }

    @Test
    void shapesThatDoNotFitAreNamed() {
        assertThatThrownBy(() -> matmul.multiply(team, tensor(2, 3), false, tensor(2, 3), false, tensor(2, 3), 0))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("[2, 3]")
                .hasMessageContaining("expected");
        assertThatThrownBy(() -> matmul.linear(team, tensor(2, 3), tensor(4, 2), tensor(0), tensor(2, 4)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("[4, 2]");
        assertThatThrownBy(() -> matmul.linear(team, tensor(2, 3), tensor(4, 3), tensor(5), tensor(2, 4)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("bias");
    }

    private Tensor tensor(int... lengths) {
        return memory.allocate(DType.F64, Shape.of(lengths));
    }
}
