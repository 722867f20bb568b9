package tern.checkpoint.naming;

import java.util.List;
import java.util.Optional;

/**
 * One line of a table for one layer.
 *
 * @param ours full name of a parameter; empty if the stored tensor is known to be of no use
 * @param theirs name of the stored tensor
 * @param layer the layer that the line was filled in for; 0 where it has none
 * @param steps what makes the parameter of the stored tensor, in order; empty if it is one already
 */
public record Naming(Optional<String> ours, String theirs, int layer, List<Step> steps) {
    /** Keeps the steps from changing. */
    public Naming {
        steps = List.copyOf(steps);
    }

    /** Whether the stored tensor is the parameter, so that its stored type can be kept. */
    public boolean asIs() {
        return steps.isEmpty();
    }
}
