package tern.mixers.channel;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.ChannelMixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Two projections with a function between them, plain or gated.
 *
 * @param inner number of channels between the projections
 * @param activation f
 * @param gated whether f gates a second projection: GLU (SIGMOID), ReGLU (RELU), GEGLU (GELU), SwiGLU (SILU), bilinear
 *            (IDENTITY)
 * @param bias whether the projections have biases
 * @param gateScale what the gate is multiplied by before its function, if by anything (Falcon-H1)
 * @param outputScale what comes out is multiplied by, if by anything
 */
public record GatedMlpConfig(int inner, Activation activation, boolean gated, boolean bias, Optional<Double> gateScale,
        Optional<Double> outputScale) implements ChannelMixerConfig {
    /** Checks the numbers. */
    public GatedMlpConfig {
        Expect.atLeast("mlp", "inner", inner, 1, "2 to 4 times the width is usual");
        Expect.that(gated || activation != Activation.IDENTITY,
                "mlp: activation IDENTITY without a gate makes the layer"
                        + " linear; expected another activation, or gated for a bilinear layer");
        Expect.that(gated || gateScale.isEmpty(), "mlp: gateScale is " + gateScale + ", but there is no gate");
    }

    /** Multiplied by nothing. */
    public GatedMlpConfig(int inner, Activation activation, boolean gated, boolean bias) {
        this(inner, activation, gated, bias, Optional.empty(), Optional.empty());
    }

    /** Not gated, with biases: the layer of the first Transformers. */
    public static GatedMlpConfig plain(int inner, Activation activation) {
        return new GatedMlpConfig(inner, activation, false, true);
    }

    /** Gated, without biases. */
    public static GatedMlpConfig gated(int inner, Activation activation) {
        return new GatedMlpConfig(inner, activation, true, false);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new GatedMlp(this, at, scope);
    }
}
