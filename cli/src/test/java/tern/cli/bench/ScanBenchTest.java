package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelSet;

class ScanBenchTest {
    /** Figures follow from each other; what was fast is not asked. */
    @Test
    void figuresBelongTogether() {
        assumeTrue(KernelSet.whyNotVector().isEmpty(), "skipped: needs the vector bodies");
        List<ScanMeasured> results = new ScanBench(32, 4, 0.01).run(
                List.of(ScanBench.Scan.AFFINE, ScanBench.Scan.SELECTIVE, ScanBench.Scan.MEMORY,
                        ScanBench.Scan.PARA_LSTM_NEWTON),
                List.of(40),
                List.of(1), ignored -> {
                });
        assertThat(results).hasSize(7);
        for (ScanMeasured one : results) {
            boolean forward = one.pass().equals("forward");
            int numbers = switch (one.scan()) {
                case "affine" -> forward ? 3 * 32 : 6 * 32;
                case "selective" -> forward ? 3 * 32 + 8 : 5 * 32 + 16;
                case "para-lstm-newton" -> 4 * 32;
                default -> forward ? 4 * 32 : 7 * 32;
            };
            assertThat(one.gigabytesPerSecond() * one.seconds()).isCloseTo(4e-9 * 40 * numbers, within(1e-15));
            assertThat(one.plainToVector() * one.seconds()).isCloseTo(one.plainSeconds(), within(1e-9));
            assertThat(one.ofBandwidth() * one.bandwidthGigabytesPerSecond()).isCloseTo(one.gigabytesPerSecond(),
                    within(1e-9));
        }
        ScanMeasured selective = results.get(3);
        assertThat(selective.gigaExponentialsPerSecond() * selective.seconds())
                .isCloseTo(2e-9 * 40 * 32 * 4, within(1e-15));
        assertThat(selective.iterations()).isZero();
        ScanMeasured newton = results.getLast();
        assertThat(newton.iterations()).isBetween(2, 12);
        assertThat(newton.residual()).isLessThanOrEqualTo(1e-6);
        assertThat(newton.fromSteps()).isLessThan(1e-5);
        assertThat(ScanBench.table(results)).contains("affine", "selective", "memory", "forward", "backward",
                "of bandwidth");
    }
}
