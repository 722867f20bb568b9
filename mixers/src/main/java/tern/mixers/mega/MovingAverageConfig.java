package tern.mixers.mega;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Damped moving averages of every channel.
 *
 * @param modes N, averages a channel
 * @param turning whether the averages turn: complex decays (Megalodon, arXiv 2404.08801, section 3.1), twice the state
 * @param bidirectional whether the future is averaged too, with weights of its own: for whole sequences only
 * @param activation what the sum of average and skip goes through; SILU in Mega
 * @param taps how many taps the parallel form convolves fresh sequences with by FFT, as the released code does; a sequence
 *            longer than that loses what is older, while steps do not. Absent: a scan, exact at any length
 */
public record MovingAverageConfig(int modes, boolean turning, boolean bidirectional, Activation activation,
        Optional<Integer> taps) implements MixerConfig {
    /** Checks the numbers. */
    public MovingAverageConfig {
        Expect.atLeast("moving-average", "modes", modes, 1, "16 is published");
        taps.ifPresent(count -> Expect.atLeast("moving-average", "taps", count, 1,
                "as many as the sequences trained on, or none for a scan"));
    }

    /** Mega's for language: causal, N averages, by a scan. */
    public static MovingAverageConfig of(int modes) {
        return new MovingAverageConfig(modes, false, false, Activation.SILU, Optional.empty());
    }

    /** Mega's for classification: in both directions. */
    public static MovingAverageConfig bidirectional(int modes) {
        return new MovingAverageConfig(modes, false, true, Activation.SILU, Optional.empty());
    }

    @Override
    public MovingAverage build(BranchContext at, ParameterScope scope) {
        return new MovingAverage(this, at, scope);
    }
}
