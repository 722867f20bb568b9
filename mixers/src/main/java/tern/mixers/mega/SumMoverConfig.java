package tern.mixers.mega;

import java.util.List;

import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Several movers side by side: what goes through the function is the sum of what they give, such as a moving average and
 * dilated convolutions.
 *
 * @param movers two or more, of which one brings ω ⊙ x
 * @param activation what the sum goes through
 */
public record SumMoverConfig(List<MixerConfig> movers, Activation activation) implements MixerConfig {
    /** Checks that there is something to add. */
    public SumMoverConfig {
        movers = List.copyOf(movers);
        Expect.that(movers.size() >= 2,
                "sum-mover: there are " + movers.size() + " movers, expected two or more; use a single one as it is");
    }

    @Override
    public SumMover build(BranchContext at, ParameterScope scope) {
        return new SumMover(this, at, scope);
    }
}
