package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.ops.Cell;

class CellBenchTest {
    @Test
    void measuresBothPasses() {
        List<CellMeasured> told = new ArrayList<>();
        List<CellMeasured> results = new CellBench(32, 2, 0.005, true).run(List.of(Cell.GRU), List.of(2), 20,
                List.of(1),
                told::add);
        assertThat(results).hasSize(2).isEqualTo(told);
        assertThat(results).extracting(CellMeasured::pass).containsExactly("forward", "training");
        for (CellMeasured one : results) {
            assertThat(one.cell()).isEqualTo("gru");
            assertThat(one.tokens()).isEqualTo(2 * 20 / one.seconds());
            assertThat(one.plainTime()).isEqualTo(8);
            assertThat(one.plainToVector().orElseThrow()).isEqualTo(one.plainSeconds().orElseThrow() / one.seconds());
        }
        assertThat(CellBench.table(results)).contains("gru", "forward", "training", "×");
    }

    /** A GRU of 512 has 3·512·(512 + 512) weights; training takes three times the products. */
    @Test
    void countsProducts() {
        CellBench bench = new CellBench(512, 1, 1, false);
        assertThat(bench.flops(Cell.GRU, false)).isEqualTo(2.0 * 3 * 512 * 1024);
        assertThat(bench.flops(Cell.LSTM, true)).isEqualTo(3 * 2.0 * 4 * 512 * 1024);
    }
}
