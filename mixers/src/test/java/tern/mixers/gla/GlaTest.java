package tern.mixers.gla;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** The laws. */
class GlaTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("gla", new GlaConfig(2, 2, 3, 16), 6, 8, 40), MixerCase.of("gla, impatient", new GlaConfig(2, 4, 3, 0.5), 6, 8, 40), MixerCase.of("hgrn2, first", new Hgrn2Config(3), 6, 8, 40), new MixerCase("hgrn2", new Hgrn2Config(3), new tern.sequence.BranchContext(6, 8, 2, 6), 40), MixerCase.of("gla, long", GlaConfig.of(2, 16), 32, 8, 150));
    }

}
