package tern.mixers.mlstm;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * mLSTM as in xLSTM-7B.
 *
 * @param heads H; divides the width
 * @param keyWidth K of a head, half of width/heads in released models
 * @param inputGate what the input gate passes through
 * @param normalised whether what is read is divided by max(|n·q|, 1); always so with an exponential gate
 * @param cap of the gates' pre-activations, 15 in released models; 0 for none
 * @param epsilon added to the divisor
 * @param normEpsilon of the norm of heads, where it is not {@code epsilon}
 */
public record MlstmConfig(int heads, int keyWidth, Gate inputGate, boolean normalised, double cap,
        double epsilon, Optional<Double> normEpsilon) implements MixerConfig {
    /** Input gates. */
    public enum Gate {
        /** e^i, kept in range by the stabiliser. */
        EXPONENTIAL,
        /** σ(i). */
        SIGMOID
    }

    /** Checks the numbers. */
    public MlstmConfig {
        Expect.atLeast("mlstm", "heads", heads, 1, "width/512 is usual");
        Expect.atLeast("mlstm", "keyWidth", keyWidth, 1, "half of width/heads in released models");
        Expect.product("mlstm", "keyWidth", keyWidth, "heads", heads);
        Expect.that(cap == 0 || cap > 0 && Double.isFinite(cap), "mlstm: cap is " + cap
                + ", expected more than 0 (15 in released models), or 0 for none");
        Expect.within("mlstm", "epsilon", epsilon, 0, 1, "1e-6 in released models");
        normEpsilon.ifPresent(
                small -> Expect.within("mlstm", "normEpsilon", small, 0, 1, "1e-6 in released models"));
        Expect.that(normalised || inputGate != Gate.EXPONENTIAL,
                "mlstm: an exponential input gate needs its normaliser; set normalised, or choose a SIGMOID gate");
    }

    /** One epsilon for both. */
    public MlstmConfig(int heads, int keyWidth, Gate inputGate, boolean normalised, double cap, double epsilon) {
        this(heads, keyWidth, inputGate, normalised, cap, epsilon, Optional.empty());
    }

    /** As released. */
    public static MlstmConfig exponential(int heads, int keyWidth) {
        return new MlstmConfig(heads, keyWidth, Gate.EXPONENTIAL, true, 15, 1e-6);
    }

    /** As in Tiled Flash Linear Attention. */
    public static MlstmConfig sigmoid(int heads, int keyWidth) {
        return new MlstmConfig(heads, keyWidth, Gate.SIGMOID, false, 15, 1e-6);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Mlstm(this, Expect.divides("mlstm", "heads", heads, "width", at.width()), at, scope);
    }
}
