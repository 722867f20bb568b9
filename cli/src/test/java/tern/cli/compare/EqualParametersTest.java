package tern.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.model.Presets;
import tern.model.StackConfig;
import tern.sequence.ChannelMixerConfig;
import tern.sequence.MixerConfig;

class EqualParametersTest {
    static List<String> presets() {
        return Presets.names().stream().filter(name -> name.endsWith("-micro")).toList();
    }

    @ParameterizedTest
    @MethodSource("presets")
    void theWidthOfChannelMixingMakesParametersEqualAndMixersOfPositionsStayAsTheyAre(String preset) {
        long wanted = EqualParameters.count(Presets.named("transformer-micro"));
        StackConfig before = Presets.named(preset);

        StackConfig fitted = EqualParameters.fitted(before, wanted);

        // Four channels of every expert are a step of seven per cent.
        double off = preset.contains("experts") ? 0.04 : 0.02;
        assertThat(positionMixers(fitted)).isEqualTo(positionMixers(before));
        assertThat((double) EqualParameters.count(fitted) / wanted)
                .as("%s: parameters beside transformer-micro's", preset)
                .isBetween(1 - off, 1 + off);
    }

    private static List<MixerConfig> positionMixers(StackConfig config) {
        return config.branches().stream().filter(branch -> !(branch instanceof ChannelMixerConfig)).toList();
    }
}
