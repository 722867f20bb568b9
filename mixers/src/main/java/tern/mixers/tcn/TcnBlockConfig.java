package tern.mixers.tcn;

import java.util.Optional;

import tern.mixers.mega.Dropping;
import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * The residual block of the classic temporal convolutional network.
 *
 * @param taps K of both convolutions
 * @param dilation of both convolutions; 2^i in block i as published
 * @param groups of channels that do not see each other; 1 as published, 0 = each channel by itself
 * @param weightNorm whether a filter is a direction and a length; as published it is
 * @param dropout share of what the ReLU behind each convolution gives that is left out in training
 */
public record TcnBlockConfig(int taps, int dilation, int groups, boolean weightNorm, Optional<Double> dropout)
        implements
            MixerConfig {
    /** Checks the numbers. */
    public TcnBlockConfig {
        Expect.atLeast("tcn", "taps", taps, 1, "3 to 8 are published");
        Expect.atLeast("tcn", "dilation", dilation, 1, "doubles from block to block");
        Expect.atLeast("tcn", "groups", groups, 0, "0 = each channel by itself, 1 = all channels together");
        Expect.that((taps - 1L) * dilation <= Integer.MAX_VALUE / 2, "tcn: " + taps + " taps with dilation "
                + dilation + " would reach back more than a thousand million positions; choose a smaller dilation");
        Dropping.requireRates("tcn", dropout);
    }

    /** Nothing is left out. */
    public TcnBlockConfig(int taps, int dilation, int groups, boolean weightNorm) {
        this(taps, dilation, groups, weightNorm, Optional.empty());
    }

    /** As published. */
    public static TcnBlockConfig of(int taps, int dilation) {
        return new TcnBlockConfig(taps, dilation, 1, true);
    }

    @Override
    public boolean readsNormalised() {
        return false;
    }

    @Override
    public TcnBlock build(BranchContext at, ParameterScope scope) {
        if (groups > 0) {
            Expect.divides("tcn", "groups", groups, "width", at.width());
        }
        return new TcnBlock(this, at.width(), scope);
    }
}
