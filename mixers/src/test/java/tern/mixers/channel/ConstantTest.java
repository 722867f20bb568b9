package tern.mixers.channel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;

/** It hears nothing, so the laws of mixers that listen do not fit it. */
class ConstantTest {
    @Test
    void saysTheSameAtEveryPositionInEveryForm() {
        try (Memory memory = new Memory(); OpsUnderTest ops = TapedOps.fastest()) {
            SeededParameters parameters = new SeededParameters(DType.F32, 1, 0, memory);
            SequenceMixer mixer = new ConstantConfig().build(new BranchContext(3, 8, 0, 1), parameters);
            parameters.get("bias").setAll(1, -2, 0.5);
            Tensor x = memory.zeros(DType.F32, 2, 2, 3).fill(Double.NaN);
            for (Form form : Form.values()) {
                State empty = State.empty(mixer.stateLayout(), DType.F32, 2, 0, memory);
                Tensor y = mixer.mix(form, ops.eager(), MixerInput.fresh(x), empty).y();
                assertThat(y.toDoubles()).as(form.name())
                        .containsExactly(1, -2, 0.5, 1, -2, 0.5, 1, -2, 0.5, 1, -2, 0.5);
            }
            assertThat(mixer.stateLayout().floats(100)).isZero();
        }
    }
}
