package tern.mixers.retention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** The laws. */
class RetentionTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("retnet", new RetNetConfig(2, 2), 8, 8, 40), MixerCase.of("retnet, one pair", new RetNetConfig(3, 1), 6, 8, 40), MixerCase.of("transnormer", new TransNormerConfig(2, false), 6, 8, 40), MixerCase.of("transnormer, positions", new TransNormerConfig(3, true), 6, 8, 40), MixerCase.of("retnet, long", new RetNetConfig(2, 2), 32, 8, 150));
    }

}
