package tern.mixers.modal;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;

class ModalMoverTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("alike", new ModalMoverConfig(List.of(2), List.of(1), Activation.SILU), 5, 16, 24),
                MixerCase.of("each its own", new ModalMoverConfig(List.of(0, 1, 2), List.of(3, 0, 1), Activation.TANH),
                        3, 16, 24));
    }

    @Test
    void countsMustFitTheWidth() {
        try (Memory memory = new Memory()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new ModalMoverConfig(List.of(1, 2), List.of(0), Activation.SILU)
                            .build(new BranchContext(3, 8, 0, 1), new SeededParameters(DType.F64, 1, 0, memory)))
                    .withMessageContaining("pairs has 2 numbers, expected 1 or 3");
        }
    }
}
