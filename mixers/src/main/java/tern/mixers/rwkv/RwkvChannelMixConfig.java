package tern.mixers.rwkv;

import java.util.Optional;

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
 * @param keyGain length of the orthogonal columns that the key's matrix starts with; 1 if it is left out, as from version 5 on
 */
public record RwkvChannelMixConfig(int inner, boolean receptance,
        Optional<Double> keyGain) implements ChannelMixerConfig {
    /** Checks the numbers. */
    public RwkvChannelMixConfig {
        Expect.atLeast("rwkv-channel-mix", "inner", inner, 1, "3.5 to 4 times the width is usual");
        keyGain.ifPresent(gain -> Expect.within("rwkv-channel-mix", "keyGain", gain, 0, 1_000, "1 is usual"));
    }

    /** Of versions 5 to 7, and of any whose parameters come from a file. */
    public RwkvChannelMixConfig(int inner, boolean receptance) {
        this(inner, receptance, Optional.empty());
    }

    /** Of version 4, whose matrices with more rows than columns start longer: √(F/D). */
    public static RwkvChannelMixConfig four(int inner, int width) {
        return new RwkvChannelMixConfig(inner, true, Optional.of(Math.sqrt(Math.max(1, (double) inner / width))));
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
