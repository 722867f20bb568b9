package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.cli.bench.RecurrenceBench.Rule;
import tern.kernels.recurrence.VectorStateScan;

class RecurrenceBenchTest {

    @Test
    void measuresForwardAndBackwardOfEachTime() {
        List<RecurrenceMeasured> told = new ArrayList<>();
        List<RecurrenceMeasured> results = new RecurrenceBench(1, 64, 0.01).run(List.of(Rule.GATED), List.of(40),
                List.of(1), told::add);
        assertThat(results).hasSize(2).isEqualTo(told);
        assertThat(results).extracting(RecurrenceMeasured::pass).containsExactly("forward", "backward");
        assertThat(results.getFirst().stepSeconds()).isPresent();
        assertThat(results.getFirst().chosen()).isEqualTo("chunk");
        assertThat(results.getLast().stepSeconds()).isEmpty();
        assertThat(results.getLast().chosen()).isEqualTo("chunk");
        for (RecurrenceMeasured one : results) {
            assertThat(one.chunkSeconds()).isPositive();
            assertThat(one.plainTime()).isEqualTo(32);
            assertThat(one.ofSgemm()).isEqualTo(one.chunkGflops() / one.sgemmGflops());
            assertThat(one.plainToChunk()).isEqualTo(one.plainSeconds() / one.chunkSeconds());
        }
        assertThat(RecurrenceBench.table(results)).contains("gated", "forward", "backward", "chunk");
    }

    /** linear-attention.md, section 1.10: 2C(K + V) + 4KV for the forward pass, and 2.5 times that backward. */
    @Test
    void countsTheProductsThatChunksMake() {
        RecurrenceBench bench = new RecurrenceBench(1, 64, 1);
        double chunk = VectorStateScan.CHUNK;
        assertThat(bench.flops(Rule.GATED, false)).isEqualTo(2 * chunk * 128 + 4 * 64 * 64);
        assertThat(bench.flops(Rule.GATED, true)).isEqualTo(2.5 * bench.flops(Rule.GATED, false));
    }
}
