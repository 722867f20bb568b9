package tern.mixers.rwkv;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.ChannelMixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Channel mixing of all RWKV versions.
 *
 * @param inner F, channels between the projections: 4D in RWKV-4 and 7, 3.5D in 5 and 6
 * @param receptance whether the output is gated by a receptance (versions 4 to 6)
 */
public record RwkvChannelMixConfig(int inner, boolean receptance) implements ChannelMixerConfig {
    /** Checks the numbers. */
    public RwkvChannelMixConfig {
        Expect.atLeast("rwkv-channel-mix", "inner", inner, 1, "3.5 to 4 times the width is usual");
    }

    /** The inner width of RWKV-5 and 6: 3.5D rounded down to a multiple of 32. */
    public static int threeAndAHalf(int width) {
        return width * 7 / 2 / 32 * 32;
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new RwkvChannelMix(this, at, scope);
    }
}
