package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelSet;
import tern.tensor.DType;
import tern.tensor.Tensor;

class KernelBenchTest {

    @Test
    void measuresACaseOnEachNumberOfThreads() {
        KernelCase fill = new KernelCase("fill", "1000", KernelCase.Unit.GB_PER_S, 4000, (kernels, team, memory) -> {
            Tensor tensor = memory.zeros(DType.F32, 1000);
            return () -> team.run(team.threads(), (index, scratch) -> tensor.get(index));
        });
        List<Measured> told = new ArrayList<>();
        List<Measured> results = new KernelBench(KernelSet.fastest(), 0.01)
                .run(List.of(new KernelCase.Compared(fill, fill)), List.of(1, 2), told::add);
        assertThat(results).hasSize(2).isEqualTo(told);
        Measured first = results.getFirst();
        assertThat(first.name()).isEqualTo("fill");
        assertThat(first.unit()).isEqualTo("GB/s");
        assertThat(results).extracting(Measured::threads).containsExactly(1, 2);
        assertThat(first.minSeconds()).isPositive().isLessThanOrEqualTo(first.medianSeconds());
        assertThat(first.maxSeconds()).isGreaterThanOrEqualTo(first.medianSeconds());
        assertThat(first.rate()).isEqualTo(4000 / first.medianSeconds() / 1e9);
        assertThat(first.fractionOfPeak()).isPositive();
        assertThat(KernelBench.table(results)).contains("fill", "1000", "GB/s");
    }

    @Test
    void everyCaseHasAShapeOfItsOwn() {
        List<KernelCase.Compared> all = KernelBench.cases("");
        assertThat(all).hasSizeGreaterThan(15)
                .extracting(compared -> compared.full().name() + " " + compared.full().shape()).doesNotHaveDuplicates();
        assertThat(KernelBench.cases("sgemm NT 1024")).hasSize(1);
        assertThat(KernelBench.names()).contains("adamw", "cross-entropy", "linear of few rows");
    }
}
