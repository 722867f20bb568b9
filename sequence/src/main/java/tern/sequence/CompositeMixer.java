package tern.sequence;

import tern.ops.Ops;

/** A mixer whose forms differ in nothing but the form in which the mixers inside it run. */
public interface CompositeMixer extends SequenceMixer {
    /** T positions from and to a state, the mixers inside in this form. The input has no resets. */
    Mixed all(Form form, Ops ops, MixerInput in, State state);

    @Override
    default Mixed step(Ops ops, MixerInput in, State state) {
        return all(Form.STEP, ops, in, state);
    }

    @Override
    default Mixed chunk(Ops ops, MixerInput in, State state) {
        return all(Form.CHUNK, ops, in, state);
    }

    @Override
    default Mixed parallel(Ops ops, MixerInput in, State state) {
        return all(Form.PARALLEL, ops, in, state);
    }
}
