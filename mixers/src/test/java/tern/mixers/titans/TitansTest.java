package tern.mixers.titans;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** The laws; what the memory computes is held against its equations in the kernel's own tests. */
class TitansTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("memory", new TitansConfig(2, 5, 3, TitansConfig.Arrangement.MEMORY, 0), 6, 8, 18),
                MixerCase.of("gate", new TitansConfig(2, 4, 3, TitansConfig.Arrangement.GATE, 6), 6, 8, 18),
                MixerCase.of("layer", new TitansConfig(2, 4, 3, TitansConfig.Arrangement.LAYER, 6), 6, 8, 18));
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> TitansConfig.gate(2, 0)).withMessageContaining("MEMORY");
    }
}
