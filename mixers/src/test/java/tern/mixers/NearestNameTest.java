package tern.mixers;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

class NearestNameTest {
    private static final List<String> PRESETS = List.of("hyena-nano", "hyena-tiny", "multihyena-tiny",
            "transformer-tiny");

    @Test
    void findsASlipOfTheFinger() {
        assertThat(NearestName.of("heyna-tiny", PRESETS)).contains("hyena-tiny");
        assertThat(NearestName.of("HYENA-NANO", PRESETS)).contains("hyena-nano");
        assertThat(NearestName.of("transform", PRESETS)).contains("transformer-tiny");
    }

    @Test
    void saysNothingWhenNothingIsNear() {
        assertThat(NearestName.of("mamba", PRESETS)).isEmpty();
        assertThat(NearestName.of("x", List.of())).isEmpty();
    }

    @Test
    void countsEdits() {
        assertThat(NearestName.distance("", "abc")).isEqualTo(3);
        assertThat(NearestName.distance("abc", "acb")).isEqualTo(1);
        assertThat(NearestName.distance("kitten", "sitting")).isEqualTo(3);
    }
}
