package tern.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

class OverviewTest {
    @Test
    void anArchitectureIsOneRowUnlessItsSizesAreWhatIsCompared() {
        assertThat(Overview.row("hyena-tiny", List.of("transformer-tiny", "hyena-tiny"))).isEqualTo("hyena");
        assertThat(Overview.row("delta-net", List.of("delta-net", "gated-delta-net"))).isEqualTo("delta-net");
        assertThat(Overview.row("hyena-tiny", List.of("hyena-nano", "hyena-tiny"))).isEqualTo("hyena-tiny");
        assertThat(Overview.row("hyena", List.of("hyena", "hyena-tiny"))).isEqualTo("hyena");
    }
}
