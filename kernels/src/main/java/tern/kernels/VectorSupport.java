package tern.kernels;

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
        return Optional.empty();
    }
}
