package tern.sequence;

import tern.ops.Ops;

/** A mixer that reads whole sequences in both directions: it keeps no state, and only the parallel form is its own. Immutable. */
public interface EncoderMixer extends SequenceMixer {
    @Override
    default boolean causal() {
        return false;
    }

    @Override
    default StateLayout stateLayout() {
        return StateLayout.STATELESS;
    }

    /** Refuses what is not the first position of a sequence. */
    @Override
    default Mixed step(Ops ops, MixerInput in, State state) {
        SequenceMixer.requireWhole(Form.STEP, in.ages());
        return parallel(ops, in, state);
    }
}
