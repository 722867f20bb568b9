package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelSet;

class ConvolutionBenchTest {
    @Test
    void measuresEveryOperatorBothWays() {
        ConvolutionBench bench = new ConvolutionBench(KernelSet.fastest(), 1, 0.005);
        List<ConvolutionMeasured> told = new ArrayList<>();
        List<ConvolutionMeasured> results = bench.run(List.of(300), List.of(24), "", told::add);
        assertThat(results).isEqualTo(told).hasSize(2 * bench.names().size());
        assertThat(results).extracting(ConvolutionMeasured::name).contains("dilated-k17-f8-n4", "dilated-k17-f17-n3",
                "fft-ema-n16", "scan-ema-n16", "k17-layer");
        double fft = Double.NaN;
        for (ConvolutionMeasured one : results) {
            assertThat(one.min()).as(one.name()).isPositive().isLessThanOrEqualTo(one.median());
            assertThat(one.max()).as(one.name()).isGreaterThanOrEqualTo(one.median());
            assertThat(one.bandwidth()).as(one.name()).isEqualTo(one.bytes() / one.median());
            if (one.name().equals("fft-ema-n16")) {
                fft = one.median();
            } else if (!one.name().equals("fft-convolution")) {
                assertThat(one.toFft().getAsDouble()).as(one.name()).isEqualTo(fft / one.median());
            }
        }
        assertThat(ConvolutionBench.table(results)).contains("dilated-k17-f8-n4", "backward", "×");
        assertThat(bench.ceilings()).contains("GB/s", "GFLOP/s");
    }

    /** Two operations a tap and layer. */
    @Test
    void countsBytesAndOperations() {
        ConvolutionMeasured layer = new ConvolutionBench(KernelSet.fastest(), 1, 0.005)
                .run(List.of(64), List.of(16), "k17-layer", one -> {
                }).get(2);
        assertThat(layer.name()).isEqualTo("k17-layer");
        assertThat(layer.flops()).isEqualTo(2.0 * 17 * 64 * 16);
        assertThat(layer.bytes()).isEqualTo(2.0 * 4 * 64 * 16);
    }
}
