package tern.mixers.longconv;

import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * A layer around an operator on channels.
 *
 * @param mover the operator: {@link SgConvConfig}, {@link MultiresConfig}, {@link ImplicitConvConfig}, or any mixer of this width
 * @param gated whether its outputs pass (W_a m) ⊙ σ(W_b m), as MultiresConv's do, in place of W_o m
 */
public record ConvolutionLayerConfig(MixerConfig mover, boolean gated) implements MixerConfig {
    @Override
    public ConvolutionLayer build(BranchContext at, ParameterScope scope) {
        return new ConvolutionLayer(this, at, scope);
    }
}
