package tern.kernels.optimise;

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

class ReferenceAdamWTest {
    private static final Offset<Double> TOLERANCE = within(1e-12);

    private final Memory memory = new Memory();
    private final ThreadTeam team = new ThreadTeam(1);
    private final AdamWStep adamW = new ReferenceAdamW();

    @AfterEach
    void release() {
        team.close();
        memory.close();
    }

    @Test
    void firstStepMovesByTheRateAgainstTheSign() {
        Tensor parameter = tensor(2).setAll(1, 2), gradient = tensor(2).setAll(8, -0.5), first = tensor(2).fill(0),
                second = tensor(2).fill(0);
        adamW.update(team, parameter, gradient, first, second, new AdamWStep.Settings(0.1, 0.9, 0.75, 0, 0.5, 1, 0.5));
        assertThat(first.get(0)).isCloseTo(0.4, TOLERANCE);
        assertThat(second.get(0)).isCloseTo(4, TOLERANCE);
        assertThat(parameter.get(0)).isCloseTo(1 - 0.1 * (1 + 0.5), TOLERANCE);
        assertThat(parameter.get(1)).isCloseTo(2 - 0.1 * (-1 + 1), TOLERANCE);
    }

    @Test
    void secondStepUsesBothMoments() {
        Tensor parameter = tensor(1).setAll(0), gradient = tensor(1).setAll(1), first = tensor(1).setAll(0.5),
                second = tensor(1).setAll(0.25);
        adamW.update(team, parameter, gradient, first, second, new AdamWStep.Settings(1, 0.5, 0.5, 1, 0, 2, 1));
        assertThat(first.get(0)).isCloseTo(0.75, TOLERANCE);
        assertThat(second.get(0)).isCloseTo(0.625, TOLERANCE);
        assertThat(parameter.get(0)).isCloseTo(-1 / (Math.sqrt(0.625 / 0.75) + 1), TOLERANCE);
    }

    @Test
    void shapesThatDoNotFitAreNamed() {
        assertThatThrownBy(() -> adamW.update(team, tensor(2), tensor(3), tensor(2), tensor(2),
                new AdamWStep.Settings(1, 0.5, 0.5, 1, 0, 1, 1))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[3]");
    }

    private Tensor tensor(int... lengths) {
        return memory.allocate(DType.F64, Shape.of(lengths));
    }
}
