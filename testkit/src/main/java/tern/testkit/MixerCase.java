package tern.testkit;

import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;

/**
 * A mixer to check laws on.
 *
 * @param name shown in reports
 * @param config the mixer
 * @param at where it stands: width and context
 * @param longest most positions that a law lets one sequence have; may lie beyond the context
 */
public record MixerCase(String name, MixerConfig config, BranchContext at, int longest) {
    /** A case at branch 0 of 2. */
    public static MixerCase of(String name, MixerConfig config, int width, int context, int longest) {
        return new MixerCase(name, config, new BranchContext(width, context, 0, 2), longest);
    }

    @Override
    public String toString() {
        return name;
    }
}
