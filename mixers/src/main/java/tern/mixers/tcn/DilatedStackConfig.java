package tern.mixers.tcn;

import java.util.Optional;

import tern.mixers.mega.Dropping;
import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Dilated causal convolutions one upon the other, layer l with dilation f^l.
 *
 * @param taps K of each layer
 * @param factor f, at most K: above it some distances would be reached by no path
 * @param layers n
 * @param variant what a layer makes of its convolution
 * @param groups of channels that do not see each other; 0 = each channel by itself, 1 = every channel sees all
 * @param weightNorm whether a filter is a direction and a length (Salimans and Kingma 2016, arXiv 1602.07868)
 * @param bidirectional whether a second stack reads from the end
 * @param dropout share of what the SiLU of each residual layer gives that is left out in training
 * @param featureDropout whether whole channels of a sequence are left out
 * @param bare whether the last layer's sum comes out as it is, without ω ⊙ x and the last SiLU: for a sum of movers
 * @param deviation of the normal distribution that filters begin from; if absent 1/√inputs for linear layers and 0.02 for
 *            residual ones, which then begin as next to nothing
 */
public record DilatedStackConfig(int taps, int factor, int layers, DilatedVariant variant, int groups,
        boolean weightNorm, boolean bidirectional, Optional<Double> dropout, Optional<Boolean> featureDropout,
        Optional<Boolean> bare, Optional<Double> deviation) implements MixerConfig {
    /** Checks the numbers. */
    public DilatedStackConfig {
        Expect.atLeast("dilated-stack", "taps", taps, 2, "17 is usual; the current position is one of them");
        Expect.atLeast("dilated-stack", "factor", factor, 1, "8 is usual, 1 = neighbouring positions only");
        Expect.atLeast("dilated-stack", "layers", layers, 1, "4 is usual");
        Expect.atLeast("dilated-stack", "groups", groups, 0, "0 = each channel by itself, 1 = all channels together");
        Expect.that(factor <= taps, "dilated-stack: factor is " + factor + " but there are only " + taps
                + " taps, so some distances would never be reached; choose a factor of at most " + taps
                + " or more taps");
        Expect.that(receptiveField(taps, factor, layers) <= Integer.MAX_VALUE / 2, "dilated-stack: " + layers
                + " layers with factor " + factor + " would reach back more than a thousand million positions;"
                + " choose fewer layers");
        Dropping.requireRates("dilated-stack", dropout);
        Expect.that(dropout.orElse(0.0) == 0 || variant == DilatedVariant.RESIDUAL_SILU, "dilated-stack: dropout is "
                + dropout.orElse(0.0) + " but there is no SiLU to leave anything out behind; set variant=residual_silu,"
                + " or dropout=0");
        Expect.that(deviation.orElse(1.0) > 0 && deviation.orElse(1.0) <= 10, "dilated-stack: deviation is "
                + deviation.orElse(1.0) + ", expected more than 0 and at most 10; 0.2 is usual");
    }

    /** Nothing is left out. */
    public DilatedStackConfig(int taps, int factor, int layers, DilatedVariant variant, int groups,
            boolean weightNorm, boolean bidirectional) {
        this(taps, factor, layers, variant, groups, weightNorm, bidirectional, Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.empty());
    }

    /** Residual SiLU layers, each channel by itself. */
    public static DilatedStackConfig of(int taps, int factor, int layers) {
        return new DilatedStackConfig(taps, factor, layers, DilatedVariant.RESIDUAL_SILU, 0, false, false);
    }

    /** Linear layers, each channel by itself. */
    public static DilatedStackConfig linear(int taps, int factor, int layers) {
        return of(taps, factor, layers).with(DilatedVariant.LINEAR);
    }

    /** The same with another variant. */
    public DilatedStackConfig with(DilatedVariant other) {
        return new DilatedStackConfig(taps, factor, layers, other, groups, weightNorm, bidirectional, dropout,
                featureDropout, bare, deviation);
    }

    /** The same in both directions. */
    public DilatedStackConfig bothWays() {
        return new DilatedStackConfig(taps, factor, layers, variant, groups, weightNorm, true, dropout, featureDropout,
                bare, deviation);
    }

    /** The same whose sum comes out as it is. */
    public DilatedStackConfig asPartOfASum() {
        return new DilatedStackConfig(taps, factor, layers, variant, groups, weightNorm, bidirectional, dropout,
                featureDropout, Optional.of(true), deviation);
    }

    /** The same whose filters begin from a normal distribution of this deviation. */
    public DilatedStackConfig starting(double from) {
        return new DilatedStackConfig(taps, factor, layers, variant, groups, weightNorm, bidirectional, dropout,
                featureDropout, bare, Optional.of(from));
    }

    private static double receptiveField(int taps, int factor, int layers) {
        double sum = 0;
        for (int l = 0; l < layers; l++) {
            sum += Math.pow(factor, l);
        }
        return 1 + (taps - 1) * sum;
    }

    /** Positions that an output depends on, its own included: 1 + (K−1)·Σ f^l. */
    public int receptiveField() {
        return (int) receptiveField(taps, factor, layers);
    }

    /** f^l. */
    int dilation(int layer) {
        return (int) Math.pow(factor, layer);
    }

    @Override
    public DilatedStack build(BranchContext at, ParameterScope scope) {
        if (groups > 0) {
            Expect.divides("dilated-stack", "groups", groups, "width", at.width());
        }
        return new DilatedStack(this, at, scope);
    }
}
