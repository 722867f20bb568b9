package tern.mixers.hyena;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.ops.FilterNorm;

/**
 * How long filters come from a small network of the lag (arXiv 2302.10866, section 3.3 and appendix D).
 *
 * @param features number of positional features: the lag itself, and as many cosines as sines; odd
 * @param width of the network's hidden layers
 * @param innerLayers number of hidden layers after the first
 * @param frequency what the trained frequencies of all sines start at: higher allows filters with finer detail
 * @param window whether filters decay exponentially with the lag
 * @param slowDecay part of the context after which the slowest filter has decayed to 1 %
 * @param fastDecay part of the context after which the fastest filter has decayed to 1 %
 * @param shift added to the decay, so that filters need not vanish at the far end
 * @param trainedDecay whether decay rates are trained, or constants
 * @param trainedPositions whether the positional features are trained, or computed
 * @param norm how taps are normalised at last
 * @param start where the network's weights start, if not as Hyena's
 */
public record ImplicitFilterConfig(int features, int width, int innerLayers, double frequency, boolean window,
        double slowDecay, double fastDecay, double shift, boolean trainedDecay, boolean trainedPositions,
        FilterNorm norm, Optional<SineStart> start) {
    /** Checks the numbers. */
    public ImplicitFilterConfig {
        Expect.atLeast("hyena filter", "features", features, 3, "the lag, one cosine, one sine");
        Expect.that(features % 2 == 1, "hyena filter: features is " + features
                + ", expected an odd number: the lag itself, and as many cosines as sines");
        Expect.atLeast("hyena filter", "width", width, 1, "32 to 64 is usual");
        Expect.atLeast("hyena filter", "innerLayers", innerLayers, 0, "0 = one hidden layer");
        Expect.within("hyena filter", "frequency", frequency, 0, 1e6, "10 to 14 is usual");
        Expect.within("hyena filter", "slowDecay", slowDecay, 0, 1e9, "a part of the context, 1.5 is usual");
        Expect.within("hyena filter", "fastDecay", fastDecay, 0, slowDecay, "at most slowDecay, 0.3 is usual");
        Expect.within("hyena filter", "shift", shift, -1e9, 1e9, "0 is usual");
    }

    /** Weights start as Hyena's. */
    public ImplicitFilterConfig(int features, int width, int innerLayers, double frequency, boolean window,
            double slowDecay, double fastDecay, double shift, boolean trainedDecay, boolean trainedPositions,
            FilterNorm norm) {
        this(features, width, innerLayers, frequency, window, slowDecay, fastDecay, shift, trainedDecay,
                trainedPositions, norm, Optional.empty());
    }

    /** As in the published language models: 33 features, width 64, frequency 14. */
    public static ImplicitFilterConfig published() {
        return new ImplicitFilterConfig(33, 64, 2, 14, true, 1.5, 0.3, 0, true, false, FilterNorm.NONE);
    }

    /**
     * For models of a few layers and a hundred channels: 9 features, width 32, one inner layer, frequency 2. Filters start
     * smooth, so that they stay recurrences of low order: with 17 features and frequency 10 a short training leaves them
     * nearly of full rank, without predicting better.
     */
    public static ImplicitFilterConfig small() {
        return new ImplicitFilterConfig(9, 32, 1, 2, true, 1.5, 0.3, 0, true, false, FilterNorm.NONE);
    }

    /** The same with another norm. */
    public ImplicitFilterConfig withNorm(FilterNorm other) {
        return new ImplicitFilterConfig(features, width, innerLayers, frequency, window, slowDecay, fastDecay, shift,
                trainedDecay, trainedPositions, other, start);
    }
}
