package tern.mixers.modal;

import java.util.List;

import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * A filter of modes for every channel, and a function of its outputs: what the linear operator in front of Mega's attention
 * becomes. Lists hold one number for each channel, or a single number if all are equal (a longer list of equal numbers is stored
 * as that one).
 *
 * @param pairs number of conjugate pairs of each channel
 * @param reals number of real poles of each channel
 * @param activation f
 */
public record ModalMoverConfig(List<Integer> pairs, List<Integer> reals, Activation activation) implements MixerConfig {
    /** Checks the numbers. */
    public ModalMoverConfig {
        pairs = ModalRecurrenceConfig.compact("modal-mover", "pairs", pairs);
        reals = ModalRecurrenceConfig.compact("modal-mover", "reals", reals);
    }

    @Override
    public ModalMover build(BranchContext at, ParameterScope scope) {
        requireCount("pairs", pairs, at.width());
        requireCount("reals", reals, at.width());
        return new ModalMover(this, at.width(), scope);
    }

    private static void requireCount(String component, List<Integer> counts, int width) {
        Expect.that(counts.size() == 1 || counts.size() == width, "modal-mover: " + component + " has " + counts.size()
                + " numbers, expected 1 or " + width + ", one for each channel");
    }
}
