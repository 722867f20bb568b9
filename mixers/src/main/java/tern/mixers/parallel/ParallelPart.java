package tern.mixers.parallel;

import tern.sequence.MixerConfig;

/**
 * One of several mixers side by side.
 *
 * @param mixer what it is
 * @param in what its input is multiplied by, 1 for nothing
 * @param out what its output is multiplied by, 1 for nothing
 */
public record ParallelPart(MixerConfig mixer, double in, double out) {
    /** Multiplied by nothing. */
    public static ParallelPart of(MixerConfig mixer) {
        return new ParallelPart(mixer, 1, 1);
    }
}
