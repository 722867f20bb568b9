package tern.train;

import java.lang.management.ManagementFactory;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.Windows;

/** Prints the bytes of Java heap that a training step takes in steady state, one line for each width given. */
final class HeapOfAStep {
    private static final int STEPS = 3000;

    private HeapOfAStep() {
    }

    public static void main(String[] widths) {
        for (String width : widths) {
            System.out.println(least(Integer.parseInt(width)));
        }
    }

    /** Vectors live on the heap until the compiler has come round to a kernel, so the least of many steps counts. */
    private static long least(int width) {
        com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        TrainingConfig config = Tiny.training(2, 16);
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Stack model = Tiny.model(Tiny.config(width, 16, 2), DType.F32, memory);
            try (Trainer trainer = new Trainer(model, config, KernelSet.fastest(), team)) {
                Windows windows = Tiny.windows(config);
                long least = Long.MAX_VALUE;
                for (int step = 0; step < STEPS; step++) {
                    long before = threads.getCurrentThreadAllocatedBytes();
                    trainer.step(windows, 1e-3);
                    least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
                }
                return least;
            }
        }
    }
}
