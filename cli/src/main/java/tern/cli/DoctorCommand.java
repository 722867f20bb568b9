package tern.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.machine.BestOf;
import tern.kernels.machine.MachineProbe;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** {@code tern doctor}: what Tern runs on, whether it runs as fast as it can here, and what to change if not. */
@Command(name = "doctor", description = "Say what Tern runs on, measure it for about two seconds, and say what to change.", mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    private static final long MEASURE_MILLIS = 250;
    private static final long BLOCK_BYTES = 512L << 20;

    /** Half a multiply–add per cycle at 1 GHz: any core with the instructions is faster, any without them far slower. */
    private static final double SLOWEST_LANE_GFLOPS = 1;

    @ParentCommand
    private Tern tern;

    @Option(names = "--json", description = "Print one JSON object instead of lines.")
    private boolean json;

    @Override
    public Integer call() {
        Diagnosis diagnosis = examine();
        tern.out().println(json ? Json.pretty(diagnosis) : diagnosis.text());
        return Outcome.OK;
    }

    private static Diagnosis examine() {
        int cores = Runtime.getRuntime().availableProcessors();
        KernelSet kernels = KernelSet.fastest();
        var vectors = new Diagnosis.Vectors(MachineProbe.vectorBits(), MachineProbe.floatLanes(), kernels.name(),
                KernelSet.whyNotVector().isEmpty(), KernelSet.whyNotVector());
        var memory = new Diagnosis.Memory(Runtime.getRuntime().maxMemory(), Machine.physicalMemory(),
                Machine.availableMemory(), Machine.memoryLimit(), Machine.hugePages());
        var processor = new Diagnosis.Processor(Machine.processor(), System.getProperty("os.arch"), cores);
        var jdk = new Diagnosis.Jdk(Runtime.version().toString(), System.getProperty("java.vendor"),
                System.getProperty("java.vm.name"), System.getProperty("java.home"));
        Diagnosis.Arithmetic arithmetic = arithmetic(kernels, cores);
        return new Diagnosis(Tern.Version.number(), jdk, vectors, processor, memory, bandwidth(cores), arithmetic,
                advice(vectors, memory, arithmetic));
    }

    private static Diagnosis.Bandwidth bandwidth(int cores) {
        long block = Math.min(BLOCK_BYTES, Machine.usableMemory() / 8);
        return new Diagnosis.Bandwidth(MachineProbe.readBandwidth(1, MEASURE_MILLIS, block) / 1e9, cores,
                MachineProbe.readBandwidth(cores, MEASURE_MILLIS, block) / 1e9);
    }

    private static Diagnosis.Arithmetic arithmetic(KernelSet kernels, int cores) {
        double peak = MachineProbe.fmaPeak(1, MEASURE_MILLIS) / 1e9;
        int size = KernelSet.whyNotVector().isEmpty() ? 1024 : 256;
        gemm(kernels, 1, size / 4); // smaller products first, so that the compiler is done before the ones that count
        double all = gemm(kernels, cores, size), one = gemm(kernels, 1, size);
        return new Diagnosis.Arithmetic(peak, size, one, one / peak, cores, all);
    }

    /** Matrix products of {@code size}³ for a while, the best one in GFLOP/s. */
    private static double gemm(KernelSet kernels, int threads, int size) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(threads)) {
            Tensor a = memory.allocate(DType.F32, Shape.of(size, size)).fill(0.5);
            Tensor b = memory.allocate(DType.F32, Shape.of(size, size)).fill(0.25);
            Tensor c = memory.zeros(DType.F32, size, size);
            double seconds = BestOf.of(2 * MEASURE_MILLIS,
                    () -> kernels.matmul().multiply(team, a, false, b, false, c, 0));
            return 2.0 * size * size * size / seconds / 1e9;
        }
    }

    private static List<String> advice(Diagnosis.Vectors vectors, Diagnosis.Memory memory,
            Diagnosis.Arithmetic arithmetic) {
        List<String> advice = new ArrayList<>();
        vectors.whyNot().ifPresent(advice::add);
        if (vectors.inUse() && arithmetic.fmaPeakGflops() < vectors.floatLanes() * SLOWEST_LANE_GFLOPS) {
            advice.add("vector code runs, but not as vector instructions: let the JVM's C2 compiler work (no"
                    + " -XX:TieredStopAtLevel, -XX:-EnableVectorSupport or the like in TERN_JAVA_OPTS, JAVA_TOOL_OPTIONS)");
        }
        if (memory.hugePages().filter("never"::equals).isPresent()) {
            advice.add("huge pages are off; as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
        }
        if (memory.available().isPresent() && memory.available().getAsLong() < 1L << 30) {
            advice.add("less than 1 GiB of memory is free; training needs more");
        }
        return advice;
    }
}
