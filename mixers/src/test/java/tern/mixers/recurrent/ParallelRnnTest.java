package tern.mixers.recurrent;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.ops.UnitCell;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** The laws: the parallel form solves by Newton's method what the others step. */
class ParallelRnnTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("para-gru", ParallelRnnConfig.newton(UnitCell.PARA_GRU), 6, 8, 21),
                MixerCase.of("para-lstm", ParallelRnnConfig.newton(UnitCell.PARA_LSTM), 6, 8, 21),
                MixerCase.of("para-gru, stepping", ParallelRnnConfig.of(UnitCell.PARA_GRU), 6, 8, 21));
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ParallelRnnConfig(UnitCell.PARA_GRU, 4, -1, 0))
                .withMessageContaining("0 steps");
        assertThatIllegalArgumentException().isThrownBy(() -> new ParallelRnnConfig(UnitCell.PARA_GRU, 4, 3, -1e-6))
                .withMessageContaining("as small as rounding allows");
    }
}
