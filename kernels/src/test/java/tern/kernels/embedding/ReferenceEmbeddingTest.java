package tern.kernels.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

class ReferenceEmbeddingTest {
    private final Memory memory = new Memory();
    private final ThreadTeam team = new ThreadTeam(1);
    private final Embedding embedding = new ReferenceEmbedding();

    @AfterEach
    void release() {
        team.close();
        memory.close();
    }

    @Test
    void readsRowsAndAddsTheirGradients() {
        Tensor table = tensor(3, 2).setAll(1, 2, 3, 4, 5, 6), y = tensor(3, 2), dTable = tensor(3, 2).fill(100);
        Tensor ids = memory.allocate(DType.I32, Shape.of(3)).setAll(2, 0, 2);
        embedding.forward(team, table, ids, y);
        assertThat(y.toDoubles()).containsExactly(5, 6, 1, 2, 5, 6);
        embedding.backward(team, ids, y, dTable);
        assertThat(dTable.toDoubles()).containsExactly(101, 102, 100, 100, 110, 112);
    }

    @Test
    void idsOutsideTheTableAreNamed() {
        Tensor ids = memory.allocate(DType.I32, Shape.of(2)).setAll(0, -4);
        assertThatThrownBy(() -> embedding.forward(team, tensor(3, 2), ids, tensor(2, 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("id -4 at position 1, expected 0..2");
    }

    private Tensor tensor(int... lengths) {
        return memory.allocate(DType.F64, Shape.of(lengths));
    }
}
