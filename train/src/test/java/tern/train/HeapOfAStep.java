package tern.train;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.management.JMException;
import javax.management.ObjectName;

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
 * of models, its name, what a small model takes and what a large one takes. Where these differ, the error stream says what
 * code took it.
 */
final class HeapOfAStep {
    /** What the tape's objects, some for each operation and the same number whatever the sizes, may come to. */
    static final long OF_THE_TAPE = 160 << 10;
    /**
     * How much more the large model may take: an object of some hundred bytes for each scan of a head and each transform of a
     * vector of channels is left. A float for each element of one activation would be 180 KiB.
     */
    static final long TOLERANCE = 64 << 10;
    private static final int STEPS = 41;
    private static final int ROUNDS = 100;
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

    /** Whether a model that takes {@code small} bytes is as good as one that takes {@code large} bytes and is larger. */
    static boolean same(long small, long large) {
        return small <= OF_THE_TAPE && large - small <= TOLERANCE;
    }

    /** Takes the families to measure; nothing for all of them. */
    public static void main(String[] families) throws JMException, IOException {
        for (var family : FAMILIES.entrySet()) {
            if (families.length == 0 || List.of(families).contains(family.getKey())) {
                measure(family.getKey(), family.getValue());
            }
        }
    }

    /**
     * Vectors live on the heap until the compiler has come round to a kernel, whenever that may be. So both models are
     * trained in turn until the large one takes as little as the small one: with something that grows it never does.
     */
    private static void measure(String family, MixerConfig mixer) throws JMException, IOException {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(2)) {
            TrainingConfig less = Tiny.training(BATCH, SMALL_TIME);
            TrainingConfig more = Tiny.training(2 * BATCH, LARGE_TIME);
            try (Trainer small = trainer(mixer, SMALL_WIDTH, less, memory, team);
                    Trainer large = trainer(mixer, LARGE_WIDTH, more, memory, team)) {
                Windows few = windows(less);
                Windows many = windows(more);
                long smallTakes = Long.MAX_VALUE;
                long largeTakes = Long.MAX_VALUE;
                for (int round = 0; round < ROUNDS && !same(smallTakes, largeTakes); round++) {
                    smallTakes = median(small, few);
                    largeTakes = median(large, many);
                }
                if (!same(smallTakes, largeTakes)) {
                    recorder("jfrStart", "settings=profile");
                    median(large, many);
                    sites().entrySet().stream().sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
                            .limit(8).forEach(site -> System.err.println(site.getValue() + " samples" + site.getKey()));
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

    /** How often an object was taken for each place of our own code. */
    private static Map<String, Integer> sites() throws JMException, IOException {
        Path file = Files.createTempFile("heap-of-a-step", ".jfr");
        Map<String, Integer> sites = new HashMap<>();
        try {
            recorder("jfrDump", "filename=" + file);
            Process print = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "jfr").toString(),
                    "print",
                    "--events", "jdk.ObjectAllocationSample", "--stack-depth", "40", file.toString()).start();
            String events = new String(print.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            for (String event : events.split("stackTrace = ")) {
                event.lines().filter(line -> line.contains(" tern.")).findFirst()
                        .ifPresent(line -> sites.merge(line.stripTrailing(), 1, Integer::sum));
            }
        } finally {
            Files.delete(file);
        }
        return sites;
    }

    private static void recorder(String command, String argument) throws JMException {
        ManagementFactory.getPlatformMBeanServer().invoke(
                new ObjectName("com.sun.management:type=DiagnosticCommand"), command,
                new Object[] {new String[] {argument}}, new String[] {String[].class.getName()});
    }
}
