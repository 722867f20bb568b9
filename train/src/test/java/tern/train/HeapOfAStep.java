package tern.train;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.ops.FilterNorm;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.RandomWindows;
import tern.text.Windows;

/**
 * Prints the bytes of Java heap that all threads together take for a training step in steady state: a line for each family
 * of models, its name, what a small model takes and what a large one takes.
 */
final class HeapOfAStep {
    /** What the tape's objects, some for each operation and the same number whatever the sizes, may come to. */
    static final long OF_THE_TAPE = 160 << 10;
    /**
     * How much more the large model may take: an object of some hundred bytes for each scan of a head and each transform of a
     * vector of channels is left. A float for each element of one activation would be 180 KiB.
     */
    static final long TOLERANCE = 64 << 10;
    private static final int STEPS = 101;
    private static final int ROUNDS = 60;
    private static final int SMALL_WIDTH = 32;
    private static final int SMALL_TIME = 64;
    private static final int LARGE_WIDTH = 96;
    private static final int LARGE_TIME = 128;
    private static final int BATCH = 2;
    private static final ImplicitFilterConfig FILTER = new ImplicitFilterConfig(5, 8, 1, 10, true, 1.5, 0.3, 0, true,
            false, FilterNorm.NONE);
    private static final Map<String, MixerConfig> FAMILIES = new LinkedHashMap<>();

    static {
        FAMILIES.put("transformer", AttentionConfig.of(4));
        FAMILIES.put("hyena", HyenaConfig.of(2, FILTER));
        FAMILIES.put("multihyena", MultiHyenaConfig.of(4, FILTER));
        FAMILIES.put("modal", ModalRecurrenceConfig.of(2, 4, 3, List.of(4), List.of(0)));
    }

    private HeapOfAStep() {
    }

    /** Takes nothing. */
    public static void main(String[] none) {
        FAMILIES.forEach(HeapOfAStep::measure);
    }

    /**
     * Vectors live on the heap until the compiler has come round to a kernel, whenever that may be. So both models are
     * trained in turn until the large one takes as little as the small one: with something that grows it never does.
     */
    private static void measure(String family, MixerConfig mixer) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(2)) {
            TrainingConfig less = Tiny.training(BATCH, SMALL_TIME);
            TrainingConfig more = Tiny.training(2 * BATCH, LARGE_TIME);
            try (Trainer small = trainer(mixer, SMALL_WIDTH, less, memory, team);
                    Trainer large = trainer(mixer, LARGE_WIDTH, more, memory, team)) {
                Windows few = windows(less);
                Windows many = windows(more);
                long smallTakes = Long.MAX_VALUE;
                long largeTakes = Long.MAX_VALUE;
                for (int round = 0; round < ROUNDS
                        && (smallTakes > OF_THE_TAPE || largeTakes - smallTakes > TOLERANCE); round++) {
                    smallTakes = median(small, few);
                    largeTakes = median(large, many);
                }
                System.out.println(family + " " + smallTakes + " " + largeTakes);
            }
        }
    }

    private static Trainer trainer(MixerConfig mixer, int width, TrainingConfig training, Memory memory,
            ThreadTeam team) {
        StackConfig config = new StackConfig(256, width, training.time(), NormKind.RMS, 1e-5, true,
                List.of(mixer, GatedMlpConfig.gated(2 * width, Activation.SILU), mixer,
                        GatedMlpConfig.gated(2 * width, Activation.GELU)));
        return new Trainer(Tiny.model(config, DType.F32, memory), training, KernelSet.fastest(), team);
    }

    private static Windows windows(TrainingConfig training) {
        return new RandomWindows(Tiny.tokens(Tiny.TEXT.repeat(10)), training.batch(), training.time(), 1);
    }

    private static long median(Trainer trainer, Windows windows) {
        com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long[] taken = new long[STEPS];
        for (int step = 0; step < STEPS; step++) {
            long before = threads.getTotalThreadAllocatedBytes();
            trainer.step(windows, 1e-3);
            taken[step] = threads.getTotalThreadAllocatedBytes() - before;
        }
        Arrays.sort(taken);
        return taken[STEPS / 2];
    }
}
