package tern.mixers.longconv;

import tern.mixers.hyena.ImplicitFilter;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.ops.Activation;
import tern.ops.FilterNorm;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Filters from a sine network of the lag, without gates: the depthwise form of CKConv (arXiv 2102.02611, section 4). The network
 * is Hyena's, whose features may be the lag, one cosine and one sine alone. Parameters: {@code filter.…}, {@code skip} [D].
 *
 * @param filter the network
 * @param activation of the outputs
 */
public record ImplicitConvConfig(ImplicitFilterConfig filter, Activation activation) implements MixerConfig {
    /** As near to CKConv as filters of this kind come: three features, width 32, two hidden layers, no window. */
    public static ImplicitConvConfig of() {
        return new ImplicitConvConfig(
                new ImplicitFilterConfig(3, 32, 1, 30, false, 1.5, 0.3, 0, false, false, FilterNorm.TAPS_L2),
                Activation.GELU);
    }

    @Override
    public LongFilter build(BranchContext at, ParameterScope scope) {
        ImplicitFilter network = new ImplicitFilter(filter, at.width(), at.context(), scope.child("filter"));
        return new LongFilter(network::taps, activation, at, scope);
    }
}
