package tern.mixers.channel;

import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/** The same vector at every position. */
public record ConstantConfig() implements MixerConfig {
    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Constant(at, scope);
    }
}
