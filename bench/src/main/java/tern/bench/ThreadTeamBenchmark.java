package tern.bench;

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
import org.openjdk.jmh.infra.Blackhole;

import tern.kernels.ThreadTeam;

/** What a parallel region costs that has nothing to do: one task for each thread. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED"})
// JMH calls prepare before any benchmark.
@SuppressWarnings("NullAway.Init")
public class ThreadTeamBenchmark {
    private static final ThreadTeam.Task NOTHING = (index, scratch) -> {
    };
    /** Work between regions, in units of a nanosecond or two: about 10 µs. */
    private static final long SERIAL_WORK = 5_000;

    /** Threads of the team, the caller included. */
    @Param({"1", "2", "4"})
    public int threads;

    private ThreadTeam team;

    /** Starts the threads. */
    @Setup(Level.Trial)
    public void prepare() {
        team = new ThreadTeam(threads);
    }

    /** One region right after the other: the workers are still spinning. */
    @Benchmark
    public void emptyRegion() {
        team.run(threads, NOTHING);
    }

    /** A region after some work of the caller alone; subtract {@link #serialWork}. */
    @Benchmark
    public void emptyRegionAfterSerialWork() {
        Blackhole.consumeCPU(SERIAL_WORK);
        team.run(threads, NOTHING);
    }

    /** That work without the region. */
    @Benchmark
    public void serialWork() {
        Blackhole.consumeCPU(SERIAL_WORK);
    }

    /** Ends the threads. */
    @TearDown(Level.Trial)
    public void close() {
        team.close();
    }
}
