package tern.cli.bench;

import java.util.Optional;

import tern.cli.bench.peer.Twin;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.tensor.Memory;

/**
 * One kernel on one shape, ready to be measured. Immutable.
 *
 * @param name of the kernel, as "sgemm"
 * @param shape of the call, as "1024x1024x1024"
 * @param unit what {@code work} counts
 * @param work floating-point operations, a multiply–add counting as two, or bytes that have to be moved
 * @param call makes the tensors and returns the call
 * @param twin the same work for other libraries; empty if none is known to do it
 */
public record KernelCase(String name, String shape, Unit unit, double work, Call call, Optional<Twin> twin) {

    /** A case that no other library is known to do. */
    public KernelCase(String name, String shape, Unit unit, double work, Call call) {
        this(name, shape, unit, work, call, Optional.empty());
    }

    /** What limits a kernel: arithmetic or memory. */
    public enum Unit {
        /** 10⁹ floating-point operations per second. */
        GFLOP_PER_S("GFLOP/s"),
        /** 10⁹ bytes per second. */
        GB_PER_S("GB/s");

        private final String text;

        Unit(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** Makes a call. */
    @FunctionalInterface
    public interface Call {
        /** Tensors are made now and live as long as the memory; the kernel runs each time the result is run. */
        Runnable prepare(KernelSet kernels, ThreadTeam team, Memory memory);
    }

    /**
     * A case together with a smaller one of the same kind, which the plain body finishes in good time.
     *
     * @param full what is reported
     * @param reduced on which vector and plain body are compared; the same case where the plain body is fast enough
     */
    public record Compared(KernelCase full, KernelCase reduced) {
    }
}
