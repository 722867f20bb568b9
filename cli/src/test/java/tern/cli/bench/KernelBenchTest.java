package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;

import tern.cli.bench.peer.Fftw;
import tern.cli.bench.peer.JTransforms;
import tern.cli.bench.peer.OpenBlas;
import tern.cli.bench.peer.Peer;
import tern.cli.bench.peer.Twin;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
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
    void aPeerTakesTurnsWithTheKernel() {
        AtomicInteger own = new AtomicInteger(), others = new AtomicInteger();
        Twin.Product twin = new Twin.Product(2, 3, 4, false, true);
        KernelCase counted = new KernelCase("count", "1", KernelCase.Unit.GFLOP_PER_S, 1,
                (kernels, team, memory) -> own::incrementAndGet, Optional.of(twin));
        Peer peer = new Peer() {
            @Override
            public String name() {
                return "other";
            }

            @Override
            public Optional<Runnable> prepare(Twin asked, ThreadTeam team, Memory memory) {
                assertThat(asked).isEqualTo(twin);
                return Optional.of(others::incrementAndGet);
            }
        };
        Measured measured = new KernelBench(KernelSet.reference(), 0.01, List.of(peer))
                .run(List.of(new KernelCase.Compared(counted, counted)), List.of(1), ignored -> {
                }).getFirst();
        assertThat(own).hasPositiveValue();
        assertThat(others).hasPositiveValue();
        assertThat(measured.peer()).contains("other");
        assertThat(measured.ratioToPeer())
                .hasValue(measured.peerSeconds().orElseThrow() / measured.medianSeconds());
        assertThat(KernelBench.cases("sgemm NT 1024").getFirst().full().twin())
                .contains(new Twin.Product(1024, 1024, 1024, false, true));
    }

    @Test
    void aLibraryWithoutTheFunctionIsRefused() {
        Path other = Path.of(System.getProperty("java.home"), "lib", System.mapLibraryName("java"));
        assumeThat(other).isRegularFile();
        assertThatThrownBy(() -> new OpenBlas(other)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(other.toString(), "cblas_sgemm", "OpenBLAS");
        assertThatThrownBy(() -> new Fftw(other)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(other.toString(), "fftwf_plan_many_dft_r2c", "FFTW");
        assertThatThrownBy(() -> new JTransforms(other.toString())).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(other.toString(), "JTransforms", "JLargeArrays");
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
