package tern.mixers.rwkv;

import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/** Time mixing of RWKV-4; everything follows from the width. */
public record Rwkv4Config() implements MixerConfig {
    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Rwkv4(at, scope);
    }
}
