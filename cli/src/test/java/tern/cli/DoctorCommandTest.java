package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.kernels.KernelSet;
import tern.kernels.machine.MachineProbe;

class DoctorCommandTest {
    @Test
    void jsonHoldsWhatThisMachineIs() {
        JsonNode found = new JsonMapper().readTree(doctor("--json"));
        assertThat(found.at("/jdk/version").asString()).isEqualTo(Runtime.version().toString());
        assertThat(found.at("/vectors/bits").asInt()).isEqualTo(MachineProbe.vectorBits());
        assertThat(found.at("/vectors/bodies").asString()).isEqualTo(KernelSet.fastest().name());
        assertThat(found.at("/processor/cores").asInt()).isEqualTo(Runtime.getRuntime().availableProcessors());
        assertThat(found.at("/memory/heap_maximum").asLong()).isEqualTo(Runtime.getRuntime().maxMemory());
        assertThat(found.at("/bandwidth/one_thread_gb_per_s").asDouble()).isPositive();
        assertThat(found.at("/bandwidth/all_threads_gb_per_s").asDouble()).isPositive();
        double peak = found.at("/arithmetic/fma_peak_gflops").asDouble();
        double gemm = found.at("/arithmetic/gemm_one_thread_gflops").asDouble();
        assertThat(gemm).isPositive();
        assertThat(found.at("/arithmetic/gemm_share_of_peak").asDouble()).isEqualTo(gemm / peak);
    }

    @Test
    void linesSayWhetherTheFastKernelsCompute() {
        assertThat(doctor().lines()).hasSizeGreaterThanOrEqualTo(10)
                .anyMatch(line -> line.startsWith("kernels") && line.contains(KernelSet.fastest().name()))
                .anyMatch(line -> line.startsWith("bandwidth") && line.contains("GB/s on 1 thread"));
    }

    private static String doctor(String... options) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
        String[] args = new String[options.length + 1];
        args[0] = "doctor";
        System.arraycopy(options, 0, args, 1, options.length);
        assertThat(Tern.run(new PrintStream(out), new PrintStream(err), args)).isZero();
        assertThat(err.size()).isZero();
        return out.toString(StandardCharsets.UTF_8);
    }
}
