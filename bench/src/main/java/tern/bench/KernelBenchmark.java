package tern.bench;

import java.util.List;
import java.util.concurrent.TimeUnit;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import tern.cli.bench.KernelBench;
import tern.cli.bench.KernelCase;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.tensor.Memory;

/**
 * The cases of {@code tern bench kernels} under JMH: kernels whose time is bound by arithmetic or by memory. Run with
 * {@code -prof gc} to see what a call allocates.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
// JMH calls prepare before any benchmark.
@SuppressWarnings("NullAway.Init")
public class KernelBenchmark {
    /** Name and shape of a case. */
    @Param({"sgemm NT 256x256x256", "sgemm NT 512x512x512", "sgemm NT 1024x1024x1024", "sgemm NT 2048x2048x2048",
        "sgemm NN 1024x1024x1024", "sgemm TN 1024x1024x1024", "sgemm TT 1024x1024x1024", "sgemm NT 512x768x768",
        "sgemm NT 512x3072x768", "sgemm batched NT 48 of 64x64x64", "sgemm batched NT 8 of 256x256x256",
        "linear of few rows 1x256x256", "linear of few rows 1x2048x2048", "linear of few rows 4x2048x2048",
        "linear of few rows 16x2048x2048", "linear of few rows 1x50000x1024", "linear bf16 1x2048x2048 of 32",
        "linear bf16 8x2048x2048 of 32", "linear bf16 512x2048x2048",
        "linear q8_0 1x2048x2048 of 60", "linear q8_0 8x2048x2048 of 60", "linear q8_0 512x2048x2048",
        "linear q4_0 1x2048x2048 of 113", "linear q4_K 1x2048x2048 of 113", "linear q6_K 1x2048x2048 of 78",
        "linear backward 2048x1024x256",
        "cross-entropy 4096x256x256", "cross-entropy backward 4096x256x256", "cross-entropy 512x16384x512",
        "cross-entropy backward 512x16384x512", "embedding 16384x512", "embedding backward 16384x512", "adamw 8388608"})
    public String kernel;

    /** Threads of the team. */
    @Param({"1", "4"})
    public int threads;

    private Memory memory;
    private ThreadTeam team;
    private Runnable call;

    /** Makes the tensors. */
    @Setup(Level.Trial)
    public void prepare() {
        memory = new Memory();
        team = new ThreadTeam(threads);
        List<KernelCase> found = KernelBench.cases("").stream().map(KernelCase.Compared::full)
                .filter(one -> (one.name() + " " + one.shape()).equals(kernel)).toList();
        if (found.size() != 1) {
            throw new IllegalArgumentException("no kernel and shape is called \"" + kernel
                    + "\"; tern bench kernels lists those there are");
        }
        call = found.getFirst().call().prepare(KernelSet.fastest(), team, memory);
    }

    /** One call. */
    @Benchmark
    public void call() {
        call.run();
    }

    /** Ends the threads. */
    @TearDown(Level.Trial)
    public void close() {
        team.close();
        memory.close();
    }
}
