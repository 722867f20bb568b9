package tern.mixers.mamba;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** The laws. */
class Mamba2Test extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("mamba2", Mamba2Config.of(4, 2, 3), 4, 8, 40), MixerCase.of("groups", new Mamba2Config(4, 3, 5, 2, 3, true, false, 1e-5, 0.01, 0.5, true, true), 6, 8, 40), MixerCase.of("norm before gate", new Mamba2Config(2, 3, 4, 1, 4, false, true, 1e-5, 0, Double.MAX_VALUE, false, false), 6, 8, 40), MixerCase.of("long", Mamba2Config.of(16, 16, 16), 16, 8, 150));
    }

}
