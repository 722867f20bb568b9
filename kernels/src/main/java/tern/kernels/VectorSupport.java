package tern.kernels;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Whether this JVM can run the vector bodies at speed. Refers to nothing of the vector module. */
final class VectorSupport {
    private VectorSupport() {
    }

    /** What is missing, and what to do about it; empty if nothing is. */
    static Optional<String> missing() {
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
            return Optional.of("the JVM was started without the vector module; add --add-modules jdk.incubator.vector");
        }
        String machine = System.getProperty("java.vm.name", "");
        if (!machine.contains("Server VM")) {
            return Optional
                    .of("this JVM (" + machine + ") does not compile vector code to vector instructions; use a HotSpot"
                            + " server JVM such as OpenJDK's");
        }
        if (System.getProperty("java.vm.info", "").contains("interpreted mode")) {
            return Optional.of("the JVM only interprets (-Xint); start it without that flag");
        }
        if (lacksFusedMultiplyAdd(processor())) {
            return Optional
                    .of("this processor has no fused multiply-add (its flags lack \"fma\"), which the JVM would replace"
                            + " by slow exact arithmetic; use a machine with it");
        }
        return Optional.empty();
    }

    /** What Linux tells of the processor; empty where there is no such file, and then nothing is concluded. */
    private static String processor() {
        try {
            return Files.readString(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1);
        } catch (IOException | SecurityException unknown) {
            return "";
        }
    }

    /** Whether this describes an x86 processor without fused multiply-add; others have it always. */
    static boolean lacksFusedMultiplyAdd(String processor) {
        return processor.lines().filter(line -> line.startsWith("flags")).findFirst()
                .map(flags -> !(flags + " ").contains(" fma ")).orElse(false);
    }
}
