package tern.bench;

import java.util.SplittableRandom;
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

import tern.kernels.ThreadTeam;
import tern.kernels.recurrence.ScanInputs;
import tern.kernels.recurrence.VectorStateScan;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Recurrences over matrices, 1,024 positions of 4 heads of 64: forward in chunks and position by position, backward, and one
 * position alone.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 3)
@Measurement(iterations = 3, time = 3)
@Fork(value = 1, jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx2g"})
// JMH calls prepare before any benchmark.
@SuppressWarnings("NullAway.Init")
public class RecurrenceBenchmark {
    private static final int TIME = 1024;
    private static final int HEADS = 4;
    private static final int WIDTH = 64;

    /** "gated", "bonus" or "rankOne". */
    @Param({"gated", "bonus", "rankOne"})
    public String recurrence;

    /** Threads of the team. */
    @Param({"1", "4"})
    public int threads;

    private final Memory memory = new Memory();
    private final SplittableRandom random = new SplittableRandom(11);
    private final VectorStateScan steps = new VectorStateScan(Integer.MAX_VALUE);
    private final VectorStateScan chunks = new VectorStateScan(1);
    private ThreadTeam team;
    private ScanInputs in;
    private ScanInputs one;
    private ScanInputs gradients;
    private Tensor state;
    private Tensor next;
    private Tensor dState;
    private Tensor y;
    private Tensor oneY;

    /** Makes the tensors. */
    @Setup(Level.Trial)
    public void prepare() {
        team = new ThreadTeam(threads);
        in = inputs(TIME);
        one = inputs(1);
        gradients = in.blank(memory);
        gradients.bonus().fill(0);
        state = memory.zeros(DType.F32, 1, HEADS, WIDTH, WIDTH);
        next = memory.zeros(DType.F32, 1, HEADS, WIDTH, WIDTH);
        dState = memory.zeros(DType.F32, 1, HEADS, WIDTH, WIDTH);
        y = gaussian(TIME);
        oneY = gaussian(1);
    }

    private ScanInputs inputs(int time) {
        Tensor logDecay = gaussian(time);
        for (long i = 0; i < logDecay.elements(); i++) {
            logDecay.set(i, -Math.exp(logDecay.get(i) - 1));
        }
        Tensor bonus = memory.zeros(DType.F32, HEADS, WIDTH);
        return switch (recurrence) {
            case "gated" -> ScanInputs.gated(gaussian(time), gaussian(time), gaussian(time), logDecay);
            case "bonus" -> ScanInputs.bonus(gaussian(time), gaussian(time), gaussian(time), logDecay, bonus);
            case "rankOne" -> ScanInputs.rankOne(gaussian(time), gaussian(time), gaussian(time), logDecay,
                    memory.zeros(DType.F32, 1, time, HEADS, WIDTH), gaussian(time));
            default -> throw new IllegalArgumentException(
                    "recurrence is \"" + recurrence + "\", expected gated, bonus or rankOne");
        };
    }

    private Tensor gaussian(int time) {
        Tensor tensor = memory.allocate(DType.F32, Shape.of(1, time, HEADS, WIDTH));
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextGaussian());
        }
        return tensor;
    }

    /** Releases them. */
    @TearDown(Level.Trial)
    public void release() {
        team.close();
        memory.close();
    }

    /** Forward in chunks. */
    @Benchmark
    public Tensor forwardInChunks() {
        chunks.forward(team, in, state, y, next);
        return y;
    }

    /** Forward position by position. */
    @Benchmark
    public Tensor forwardInSteps() {
        steps.forward(team, in, state, y, next);
        return y;
    }

    /** Backward. */
    @Benchmark
    public Tensor backward() {
        chunks.backward(team, in, state, y, next, gradients, dState);
        return dState;
    }

    /** One position, as decoding has it. */
    @Benchmark
    public Tensor onePosition() {
        steps.forward(team, one, next, oneY, next);
        return oneY;
    }
}
