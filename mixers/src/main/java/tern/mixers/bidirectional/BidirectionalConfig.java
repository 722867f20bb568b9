package tern.mixers.bidirectional;

import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * A causal mixer and another one of its kind from the end to the beginning.
 *
 * @param mixer the kind
 */
public record BidirectionalConfig(MixerConfig mixer) implements MixerConfig {
    @Override
    public Bidirectional build(BranchContext at, ParameterScope scope) {
        return new Bidirectional(this, at, scope);
    }
}
