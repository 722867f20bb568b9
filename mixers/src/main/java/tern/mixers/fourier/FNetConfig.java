package tern.mixers.fourier;

import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/** FNet's mixing, which has no parameters. */
public record FNetConfig() implements MixerConfig {
    @Override
    public FNet build(BranchContext at, ParameterScope scope) {
        return new FNet(at.width());
    }
}
