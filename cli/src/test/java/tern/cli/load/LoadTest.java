package tern.cli.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

/** The load and the torments themselves, short: what they count is plausible, and the server stands it. */
class LoadTest {
    @Test
    void aShortSoakLosesNothing() throws Exception {
        Soak.Report report = new Soak(new Soak.Setting(18, 8, "rwkv7-nano", 4000, 5)).run(_ -> {
        });
        assertThat(report.faults()).as("seed 5").isEmpty();
        assertThat(report.sessions()).as("sessions acknowledged before the kill").isPositive();
        assertThat(report.lost()).as("of them lost").isZero();
        assertThat(report.requests()).isGreaterThan(30);
        // Code is still being compiled and caches fill: the long run holds memory to 5 %.
        assertThat(report.growth()).isLessThan(0.5);
    }

    @Test
    void aShortBenchCountsWhatWasSent() throws Exception {
        List<ServeBench.Row> rows = new ArrayList<>();
        new ServeBench(new ServeBench.Setting(List.of("rwkv7-nano"), List.of(1, 4), 0.5, 1.5, 8, 16, 300, 2, 20,
                "rwkv7-nano", 200, 2, 256 << 20)).run(rows::add);
        int streams = 0;
        int shared = 0;
        for (ServeBench.Row row : rows) {
            switch (row) {
                case ServeBench.Streams of -> {
                    streams++;
                    assertThat(of.errors()).isZero();
                    assertThat(of.parameters()).isPositive();
                }
                case ServeBench.LongPrompt of -> assertThat(of.errors()).isZero();
                case ServeBench.Shared of -> {
                    shared++;
                    assertThat(of.readTokens()).as(of.pattern()).isPositive().isLessThan(of.promptTokens());
                    if (of.pattern().equals("regenerate")) {
                        assertThat(of.readTokens()).as("a prompt asked eight times is read once").isEqualTo(200);
                    }
                }
                case ServeBench.Idle of -> {
                    assertThat(of.errors()).isZero();
                    assertThat(of.sessions()).isEqualTo(20);
                    assertThat(of.diskBytes()).isGreaterThan(20 * of.stateBytes());
                }
            }
        }
        assertThat(streams).isEqualTo(2);
        assertThat(shared).isEqualTo(8);
    }
}
