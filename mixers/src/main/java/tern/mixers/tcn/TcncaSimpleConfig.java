package tern.mixers.tcn;

import java.util.Optional;

import tern.mixers.mega.Dropping;
import tern.mixers.mega.RelativeBias;
import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Attention in chunks behind dilated convolutions, without Mega's gates.
 *
 * @param mover what stands in front of the attention
 * @param keyWidth z, of queries and keys
 * @param chunk C, positions that attend to each other; 0 for all of a sequence
 * @param bias by distance
 * @param dropout share of what the mover and the attention give that is left out in training
 * @param attentionDropout the same of the weights of attention
 */
public record TcncaSimpleConfig(MixerConfig mover, int keyWidth, int chunk, RelativeBias bias,
        Optional<Double> dropout, Optional<Double> attentionDropout) implements MixerConfig {
    /** Checks the numbers. */
    public TcncaSimpleConfig {
        Expect.atLeast("tcnca-simple", "keyWidth", keyWidth, 1, "a quarter of the width is usual");
        Expect.atLeast("tcnca-simple", "chunk", chunk, 0, "0 = attention over all of a sequence");
        Dropping.requireRates("tcnca-simple", dropout, attentionDropout);
    }

    /** Nothing is left out. */
    public TcncaSimpleConfig(MixerConfig mover, int keyWidth, int chunk, RelativeBias bias) {
        this(mover, keyWidth, chunk, bias, Optional.empty(), Optional.empty());
    }

    /** The same over another mover. */
    public TcncaSimpleConfig with(MixerConfig other) {
        return new TcncaSimpleConfig(other, keyWidth, chunk, bias, dropout, attentionDropout);
    }

    /** With a rotary bias. */
    public static TcncaSimpleConfig of(MixerConfig mover, int keyWidth, int chunk) {
        return new TcncaSimpleConfig(mover, keyWidth, chunk, RelativeBias.ROTARY);
    }

    @Override
    public TcncaSimple build(BranchContext at, ParameterScope scope) {
        return new TcncaSimple(this, at, scope);
    }
}
