package tern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.mega.GatedAttentionConfig;
import tern.mixers.mega.Normalisation;
import tern.mixers.mega.NormalisedMlpConfig;
import tern.mixers.mega.RelativeBias;
import tern.mixers.tcn.DilatedStackConfig;
import tern.mixers.tcn.DilatedVariant;
import tern.mixers.tcn.TcncaSimpleConfig;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Weighing;
import tern.tasks.Task;
import tern.tasks.synthetic.ListOps;

/** Numbers left out and batches measured: the same on any number of threads, recomputed or not, and after a break. */
class DropoutTest {
    @TempDir
    private Path folder;

    /** Everything that can be left out, and norms over batches, in both directions. */
    private static StackConfig architecture(Task task, double rate) {
        Optional<Double> some = Optional.of(rate);
        DilatedStackConfig mover = new DilatedStackConfig(3, 2, 2, DilatedVariant.RESIDUAL_SILU, 0, false, true, some,
                Optional.of(true), Optional.empty(), Optional.empty());
        return TaskPlan.fitted(StackConfig.of(16, task.length(), List.of(
                new GatedAttentionConfig(mover, 4, 16, Weighing.LAPLACE, 4, RelativeBias.ROTARY, false,
                        Normalisation.BATCH, true, some, some, some, Optional.of(true)),
                new NormalisedMlpConfig(16, Normalisation.BATCH, true, some, some, Optional.of(false),
                        Optional.empty()),
                new TcncaSimpleConfig(mover, 4, 4, RelativeBias.ROTARY, some, some))).withDropout(rate), task);
    }

    private TaskRun.Result run(Task task, double rate, String name, int threads, int stopAfter, String... settings)
            throws IOException {
        return run(task, architecture(task, rate), name, threads, stopAfter, settings);
    }

    private TaskRun.Result run(Task task, StackConfig architecture, String name, int threads, int stopAfter,
            String... settings) throws IOException {
        Budget budget = new Budget.Steps(6);
        TrainingConfig training = TaskPlan.usual(task, budget, 1).with("batch", "3").with("accumulation", "2")
                .with("validateEvery", "2");
        for (String setting : settings) {
            training = training.with(setting.split("=", 2)[0], setting.split("=", 2)[1]);
        }
        TaskPlan plan = new TaskPlan(task, name, architecture, training, budget, folder.resolve(name));
        try (ThreadTeam team = new ThreadTeam(threads)) {
            AtomicInteger asked = new AtomicInteger();
            while (true) {
                try {
                    return new TaskRun(plan, KernelSet.fastest(), team).run(look -> {
                    }, () -> asked.incrementAndGet() == stopAfter);
                } catch (TaskRun.Stopped stopped) {
                    assertThat(asked).hasValue(stopAfter);
                }
            }
        }
    }

    private static List<Double> numbers(TaskRun.Result result) {
        return result.looks().stream().flatMap(look -> List.of(look.trainingLoss(), look.score()).stream()).toList();
    }

    @Test
    void isAFunctionOfTheSeedAlone() throws Exception {
        Task task = new ListOps(2, 3, 2, 8, 40).open("task", Path.of("none"));
        TaskRun.Result one = run(task, 0.3, "one", 1, 0);
        assertThat(numbers(run(task, 0.3, "four", 4, 0))).isEqualTo(numbers(one));
        assertThat(numbers(run(task, 0.3, "recomputed", 1, 0, "recompute=true"))).isEqualTo(numbers(one));
        TaskRun.Result broken = run(task, 0.3, "broken", 1, 3);
        assertThat(numbers(broken)).isEqualTo(numbers(one));
        assertThat(broken.tests()).isEqualTo(one.tests());
        List<Double> whole = numbers(run(task, 0.0, "whole", 1, 0));
        assertThat(whole).isNotEqualTo(numbers(one));
        assertThat(numbers(run(task, architecture(task, 0).withDropout(0.3), "ends", 1, 0)))
                .as("embeddings, branches and head alone").isNotEqualTo(numbers(one))
                .isNotEqualTo(whole);
        Stack shapes = new Stack(architecture(task, 0), Parameters.Source.shapesOnly());
        assertThat(shapes.parameters().find("branches.0.mixer.norm.mean").orElseThrow().trained()).isFalse();
        assertThat(shapes.causal()).isFalse();
    }
}
