package tern.mixers.delta;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** The laws. */
class DeltaNetTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("delta-net", DeltaNetConfig.plain(2, 3), 6, 8, 40), MixerCase.of("delta-net, reflecting", new DeltaNetConfig(2, 4, 3, 1, DeltaNetConfig.Decay.NONE, true), 6, 8, 40), MixerCase.of("gated", DeltaNetConfig.gated(2, 3), 6, 8, 40), MixerCase.of("decay for each key", new DeltaNetConfig(2, 3, 4, 3, DeltaNetConfig.Decay.KEY, true), 6, 8, 40), MixerCase.of("gated, long", DeltaNetConfig.gated(2, 16), 32, 8, 150));
    }

}
