package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class TrainBenchTest {
    /** One layer, on a sequence as long as asked, whatever the preset's context; what was fast is not asked. */
    @Test
    void oneLayerOnSequencesOfAnyLength() {
        TrainBench.Row row = TrainBench.measureOneLayer("min-gru-micro", 300, 1, 1, 0);
        assertThat(row.time()).isEqualTo(300);
        assertThat(row.tokensPerSecond() * row.seconds()).isCloseTo(300, within(1e-6));
        assertThat(row.parameters()).isBetween(256L * 64, 256L * 64 + 13 * 64 * 64);
        assertThat(row.peakBytes()).isGreaterThan(4 * 4 * row.parameters());
    }

    @Test
    void whatReadsEverythingIsLeftOut() {
        assertThat(TrainBench.recurrent()).contains("gla-micro", "titans-context-micro", "hyena-micro")
                .doesNotContain("transformer-micro", "universal-micro", "gptalpha-micro", "fnet-micro");
    }
}
