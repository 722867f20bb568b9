package tern.kernels.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

class ReferenceCrossEntropyTest {
    private static final Offset<Double> TOLERANCE = within(1e-12);

    private final Memory memory = new Memory();
    private final ThreadTeam team = new ThreadTeam(1);
    private final CrossEntropy loss = new ReferenceCrossEntropy();

    @AfterEach
    void release() {
        team.close();
        memory.close();
    }

    @Test
    void knownProbabilitiesGiveKnownLosses() {
        // Logits log 1, log 3, log 4 of a width of one: probabilities 1/8, 3/8, 4/8.
        Tensor hidden = tensor(3, 1).fill(1), head = tensor(3, 1).setAll(0, Math.log(3), Math.log(4));
        Tensor targets = memory.allocate(DType.I32, Shape.of(3)).setAll(1, -1, 2);
        Tensor losses = tensor(3), logSum = tensor(3), dHidden = tensor(3, 1).fill(Double.NaN),
                dHead = tensor(3, 1).fill(1);
        loss.forward(team, hidden, head, targets, losses, logSum);
        assertThat(losses.get(0)).isCloseTo(Math.log(8.0 / 3), TOLERANCE);
        assertThat(losses.get(1)).isZero();
        assertThat(losses.get(2)).isCloseTo(Math.log(2), TOLERANCE);
        assertThat(logSum.get(1)).isCloseTo(Math.log(8), TOLERANCE);

        loss.backward(team, hidden, head, targets, logSum, tensor(3).setAll(1, 5, 2), dHidden, dHead);
        assertThat(dHidden.get(0)).isCloseTo(Math.log(3) * (0.375 - 1) + Math.log(4) * 0.5, TOLERANCE);
        assertThat(dHidden.get(1)).isZero();
        assertThat(dHidden.get(2)).isCloseTo(2 * (Math.log(3) * 0.375 + Math.log(4) * (0.5 - 1)), TOLERANCE);
        assertThat(dHead.get(0)).isCloseTo(1 + 0.125 + 0.25, TOLERANCE);
        assertThat(dHead.get(1)).isCloseTo(1 + 0.375 - 1 + 0.75, TOLERANCE);
        assertThat(dHead.get(2)).isCloseTo(1 + 0.5 + 1 - 2, TOLERANCE);
    }

    @Test
    void targetsOutsideTheVocabularyAreNamed() {
        Tensor targets = memory.allocate(DType.I32, Shape.of(2)).setAll(1, 3);
        assertThatThrownBy(() -> loss.forward(team, tensor(2, 1), tensor(3, 1), targets, tensor(2), tensor(2)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("row 1 is 3, expected 0..2");
    }

    private Tensor tensor(int... lengths) {
        return memory.allocate(DType.F64, Shape.of(lengths));
    }
}
