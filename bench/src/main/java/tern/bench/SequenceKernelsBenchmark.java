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

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.modal.Poles;
import tern.ops.Activation;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Rows, attention and modal recurrences at width 768: layer norm and GELU of 4,096 rows, attention of 2,048 positions with 12
 * heads, filters of 16 conjugate pairs over 1,024 positions and for one. With the profiler {@code gc}, the allocation of a
 * call is that of its tasks' objects, whatever its size.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 3)
@Measurement(iterations = 3, time = 3)
@Fork(value = 1, jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx2g"})
// JMH calls prepare before any benchmark.
@SuppressWarnings("NullAway.Init")
public class SequenceKernelsBenchmark {
    private static final int WIDTH = 768;
    private static final int ROWS = 4096;
    private static final int HEADS = 12;
    private static final int TIME = 2048;
    private static final int SCAN = 1024;
    private static final int PAIRS = 16;
    private static final int HEAD_WIDTH = 8;

    /** "vector" or "reference". */
    @Param({"vector"})
    public String bodies;

    /** Threads of the team. */
    @Param({"1", "4"})
    public int threads;

    private final Memory memory = new Memory();
    private final long[] ages = new long[1];
    private KernelSet kernels;
    private ThreadTeam team;
    private Tensor gain;
    private Tensor bias;
    private Tensor x;
    private Tensor y;
    private Tensor[] heads;
    private Tensor logSum;
    private Tensor none;
    private Modes modes;
    private Tensor poles;
    private Tensor passThrough;
    private Tensor state;
    private Tensor[] scanned;
    private Modes headModes;
    private Tensor headPoles;
    private Tensor headState;

    /** Random tensors. */
    @Setup(Level.Trial)
    public void prepare() {
        kernels = bodies.equals("reference") ? KernelSet.reference() : KernelSet.fastest();
        team = new ThreadTeam(threads);
        gain = random(WIDTH);
        bias = random(WIDTH);
        x = random(ROWS, WIDTH);
        y = random(ROWS, WIDTH);
        heads = new Tensor[8];
        for (int i = 0; i < heads.length; i++) {
            heads[i] = random(1, TIME, HEADS, WIDTH / HEADS);
        }
        logSum = random(1, HEADS, TIME);
        none = memory.allocate(DType.F32, Shape.of(1, 0, HEADS, WIDTH / HEADS));
        modes = modes(WIDTH);
        poles = Poles.evaluate(modes, memory);
        passThrough = random(WIDTH);
        state = memory.zeros(DType.F32, 1, modes.order());
        scanned = new Tensor[4];
        for (int i = 0; i < scanned.length; i++) {
            scanned[i] = random(1, SCAN, WIDTH);
        }
        headModes = modes(WIDTH / HEAD_WIDTH);
        headPoles = Poles.evaluate(headModes, memory);
        headState = memory.zeros(DType.F32, 1, headModes.order(), HEAD_WIDTH, HEAD_WIDTH);
    }

    private Modes modes(int filters) {
        int[] start = new int[filters + 1];
        for (int f = 0; f <= filters; f++) {
            start[f] = f * PAIRS;
        }
        Tensor decay = memory.zeros(DType.F32, filters * PAIRS).fill(-4);
        Tensor empty = memory.allocate(DType.F32, Shape.of(0));
        return new Modes(decay, random(filters * PAIRS), random(filters * PAIRS), random(filters * PAIRS), empty, empty,
                empty, start, new int[filters + 1]);
    }

    private Tensor random(int... lengths) {
        Tensor tensor = memory.allocate(DType.F32, Shape.of(lengths));
        SplittableRandom random = new SplittableRandom(tensor.elements());
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextDouble() - 0.5);
        }
        return tensor;
    }

    /** Gives memory back. */
    @TearDown(Level.Trial)
    public void close() {
        team.close();
        memory.close();
    }

    /** Layer norm of 4,096 rows. */
    @Benchmark
    public Tensor layerNorm() {
        kernels.norm().layer(team, x, gain, bias, 1e-5, y);
        return y;
    }

    /** GELU of 4,096 rows. */
    @Benchmark
    public Tensor gelu() {
        kernels.elementwise().activate(team, x, Activation.GELU, y);
        return y;
    }

    /** Attention of 2,048 positions. */
    @Benchmark
    public Tensor attention() {
        kernels.attention().forward(team, heads[0], heads[1], heads[2], none, none, ages, heads[3], logSum);
        return heads[3];
    }

    /** And its gradients. */
    @Benchmark
    public Tensor attentionForwardBackward() {
        kernels.attention().forward(team, heads[0], heads[1], heads[2], none, none, ages, heads[3], logSum);
        kernels.attention().backward(team, heads[0], heads[1], heads[2], none, none, ages, heads[3], logSum, heads[4],
                heads[5], heads[6], heads[7], none, none);
        return heads[5];
    }

    /** 768 filters over 1,024 positions. */
    @Benchmark
    public Tensor modalScan() {
        kernels.modal().forward(team, scanned[0], modes, poles, passThrough, state, scanned[1], state);
        return scanned[1];
    }

    /** 96 filters of heads of width 8 over 1,024 positions. */
    @Benchmark
    public Tensor modalHeads() {
        int filters = headModes.filters();
        kernels.modal().forwardHeads(team, scanned[0].reshape(1, SCAN, filters, HEAD_WIDTH),
                scanned[2].reshape(1, SCAN, filters, HEAD_WIDTH), scanned[3].reshape(1, SCAN, filters, HEAD_WIDTH),
                headModes,
                headPoles, passThrough.slice(0, filters), headState, scanned[1].reshape(1, SCAN, filters, HEAD_WIDTH),
                headState);
        return scanned[1];
    }

    /** One position of 768 filters. */
    @Benchmark
    public Tensor modalStep() {
        kernels.modal().forward(team, gain.reshape(1, 1, WIDTH), modes, poles, passThrough, state,
                bias.reshape(1, 1, WIDTH),
                state);
        return bias;
    }
}
