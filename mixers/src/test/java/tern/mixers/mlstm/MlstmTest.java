package tern.mixers.mlstm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** The laws. */
class MlstmTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("exponential", MlstmConfig.exponential(2, 3), 8, 8, 40), MixerCase.of("exponential, no cap", new MlstmConfig(2, 2, MlstmConfig.Gate.EXPONENTIAL, true, 0, 1e-6), 6, 8, 40), MixerCase.of("sigmoid", MlstmConfig.sigmoid(2, 3), 8, 8, 40), MixerCase.of("sigmoid, normalised", new MlstmConfig(2, 3, MlstmConfig.Gate.SIGMOID, true, 15, 1e-6), 8, 8, 40), MixerCase.of("long", MlstmConfig.exponential(2, 16), 32, 8, 150));
    }

}
