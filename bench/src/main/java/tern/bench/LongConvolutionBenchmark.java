package tern.bench;

import java.util.Arrays;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;

import org.jtransforms.fft.FloatFFT_1D;
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
import org.visnow.jlargearrays.ConcurrencyUtils;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Causal convolution of 512 channels with filters as long as the sequence, forward and forward + backward, beside
 * JTransforms doing the same channels forward: real transforms of twice the length, one channel a task, in the layout that
 * suits it best (each channel contiguous).
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 3)
@Measurement(iterations = 3, time = 3)
@Fork(value = 1, jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx3g"})
// JMH calls prepare before any benchmark.
@SuppressWarnings("NullAway.Init")
public class LongConvolutionBenchmark {
    private static final int CHANNELS = 512;

    /** Positions, and taps of each filter. */
    @Param({"1024", "4096", "8192", "32768", "131072"})
    public int time;

    /** Threads of the team. */
    @Param({"1", "4"})
    public int threads;

    private final Memory memory = new Memory();
    private final long[] ages = new long[1];
    private ThreadTeam team;
    private Tensor x;
    private Tensor taps;
    private Tensor skip;
    private Tensor y;
    private Tensor none;
    private Tensor dy;
    private Tensor dx;
    private Tensor dTaps;
    private Tensor dSkip;
    private FloatFFT_1D peer;
    private float[] peerInput;
    private float[] peerTaps;
    private float[] peerOutput;
    private final Queue<float[]> spare = new ConcurrentLinkedQueue<>();

    /** Random tensors. */
    @Setup(Level.Trial)
    public void prepare() {
        team = new ThreadTeam(threads);
        x = random(1, time, CHANNELS);
        taps = random(time, CHANNELS);
        skip = random(CHANNELS);
        y = memory.zeros(DType.F32, 1, time, CHANNELS);
        none = memory.zeros(DType.F32, 1, 0, CHANNELS);
        dy = random(1, time, CHANNELS);
        dx = memory.zeros(DType.F32, 1, time, CHANNELS);
        dTaps = memory.zeros(DType.F32, time, CHANNELS);
        dSkip = memory.zeros(DType.F32, CHANNELS);
        ConcurrencyUtils.setNumberOfThreads(1);
        peer = new FloatFFT_1D(2L * time);
        peerInput = x.toFloats();
        peerTaps = taps.toFloats();
        peerOutput = new float[time * CHANNELS];
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

    /** y from x and taps. */
    @Benchmark
    public Tensor forward() {
        KernelSet.fastest().longConvolution().forward(team, x, taps, skip, none, ages, none, y);
        return y;
    }

    /** And the gradients of x, taps and skip. */
    @Benchmark
    public Tensor forwardBackward() {
        KernelSet.fastest().longConvolution().forward(team, x, taps, skip, none, ages, none, y);
        KernelSet.fastest().longConvolution().backward(team, x, taps, skip, none, ages, dy, dx, dTaps, dSkip, none);
        return dx;
    }

    /** Forward by JTransforms. */
    @Benchmark
    public float[] forwardByJTransforms() {
        team.run(CHANNELS, (channel, scratch) -> {
            float[] a = row();
            float[] b = row();
            load(peerInput, channel, a);
            load(peerTaps, channel, b);
            peer.realForward(a);
            peer.realForward(b);
            a[0] *= b[0];
            a[1] *= b[1];
            for (int k = 2; k < 2 * time; k += 2) {
                float real = a[k] * b[k] - a[k + 1] * b[k + 1];
                a[k + 1] = a[k] * b[k + 1] + a[k + 1] * b[k];
                a[k] = real;
            }
            peer.realInverse(a, true);
            System.arraycopy(a, 0, peerOutput, channel * time, time);
            spare.add(a);
            spare.add(b);
        });
        return peerOutput;
    }

    private float[] row() {
        float[] kept = spare.poll();
        return kept == null ? new float[2 * time] : kept;
    }

    private void load(float[] from, int channel, float[] to) {
        System.arraycopy(from, channel * time, to, 0, time);
        Arrays.fill(to, time, 2 * time, 0);
    }
}
