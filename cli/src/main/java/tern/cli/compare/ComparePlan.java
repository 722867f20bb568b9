package tern.cli.compare;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Task;

/**
 * What a comparison is to do; saved, so that one that was broken off goes on only with the same, or with more of it.
 *
 * @param task its name
 * @param taskSettings what the task differs in from its default
 * @param presets architectures, the first one giving the number of parameters for all
 * @param seeds number of runs of each
 * @param steps updates of a run; 0 if it is trained for a time
 * @param minutes of training of a run; 0 if it is trained for steps
 * @param settings changes of architectures and training
 * @param judgedBy check sum of the sequences that runs are judged by, so that none goes on with another file or another
 *            drawing of them; absent where the comparison was begun before this was kept
 */
public record ComparePlan(String task, List<String> taskSettings, List<String> presets, int seeds, long steps,
        double minutes, List<String> settings, Optional<String> judgedBy) {
    /** Of a task's validation and test sequences, with their answers, at the trained length. */
    public static String checkSum(Task task) {
        long sum = 0;
        for (Example example : Stream.concat(task.validation().stream(),
                task.test(task.testLengths().getFirst()).stream()).toList()) {
            sum = Draws.seed(sum, example.hash(), Arrays.hashCode(example.labels()),
                    Arrays.hashCode(example.targets()));
        }
        return String.format("%016x", sum);
    }

    /** Whether runs of another plan are runs of this one too: other seeds or architectures change none, but for the first. */
    boolean shares(ComparePlan other) {
        return presets.getFirst().equals(other.presets.getFirst())
                && new ComparePlan(task, taskSettings, other.presets, other.seeds, steps, minutes, settings,
                        other.judgedBy).equals(other);
    }

    /** Whether runs of another plan, which are runs of this one too, were judged by other sequences. */
    boolean judgesOtherwise(ComparePlan other) {
        return other.judgedBy.isPresent() && !other.judgedBy.equals(judgedBy);
    }

    /** The budget in words. */
    public String budget() {
        return steps > 0 ? steps + " steps" : minutes + " minutes";
    }
}
