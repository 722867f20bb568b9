package tern.cli.compare;

import java.util.List;

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
 */
public record ComparePlan(String task, List<String> taskSettings, List<String> presets, int seeds, long steps,
        double minutes, List<String> settings) {
    /** Whether runs of another plan are runs of this one too: other seeds or architectures change none, but for the first. */
    boolean shares(ComparePlan other) {
        return presets.getFirst().equals(other.presets.getFirst())
                && new ComparePlan(task, taskSettings, other.presets, other.seeds, steps, minutes, settings)
                        .equals(other);
    }

    /** The budget in words. */
    public String budget() {
        return steps > 0 ? steps + " steps" : minutes + " minutes";
    }
}
